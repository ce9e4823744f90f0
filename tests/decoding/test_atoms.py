"""The scans against one product at a time."""

from itertools import combinations

import numpy as np
import pytest

from spex_data.decoding.atoms import Dictionary
from spex_data.decoding.basis import ABSENT, PARITY, PRESENT, centred

KINDS = (centred(0.6), PRESENT, ABSENT, PARITY)


@pytest.fixture(scope="module")
def scanned():
    rng = np.random.default_rng(0)
    masks = rng.random((120, 7)) < 0.6
    residual = masks[:, 1] * masks[:, 4] * masks[:, 5] + rng.normal(size=120)
    return masks, Dictionary(KINDS, (1.0 - 2.0 * masks).astype(np.float32)), residual - residual.mean()


def drop(column, residual):
    centre = column - column.mean()
    return (centre @ residual) ** 2 / (centre @ centre)


class TestDictionary:
    """Gains without forming the atoms."""

    def test_a_column_is_the_product_in_its_kind(self, scanned):
        masks, dictionary, _ = scanned
        for kind, basis in enumerate(KINDS):
            expected = basis.columns(masks, [(1, 4, 5)])[:, 0]
            assert dictionary.column((kind, (1, 4, 5))) == pytest.approx(expected, abs=1e-5)

    def test_every_pair_gains_what_its_regression_would(self, scanned):
        masks, dictionary, residual = scanned
        found = {each.atom: each.gain for each in dictionary.pairs(residual, unit=120.0)}
        assert len(found) >= 4 * 21
        for kind, basis in enumerate(KINDS):
            for pair in combinations(range(7), 2):
                column = basis.columns(masks, [pair])[:, 0]
                expected = drop(column, residual) - dictionary.price(2)
                assert found[kind, pair] == pytest.approx(expected, rel=1e-3, abs=1e-3)

    def test_single_groups_gain_what_their_regressions_would(self, scanned):
        masks, dictionary, residual = scanned
        for each in dictionary.singles(residual, unit=120.0):
            column = masks[:, each.atom[1][0]].astype(float)
            assert each.gain == pytest.approx(
                drop(column, residual) - dictionary.price(1), rel=1e-3, abs=1e-3
            )

    def test_an_atom_grows_by_the_group_that_gains_most(self, scanned):
        masks, dictionary, residual = scanned
        (grown,) = dictionary.extensions(residual, 120.0, [(1, (1, 4))], max_order=3)
        gains = {g: drop((masks[:, [1, 4, g]]).all(axis=1), residual) for g in (0, 2, 3, 5, 6)}
        assert grown.atom == (1, tuple(sorted((1, 4, max(gains, key=gains.get)))))
        assert not list(dictionary.extensions(residual, 120.0, [(1, (1, 4))], max_order=2))

    def test_the_scan_of_triples_finds_the_one_that_is_there(self, scanned):
        _, dictionary, _ = scanned
        signal = dictionary.column((3, (0, 3, 6)))
        best = max(dictionary.triples(signal - signal.mean(), unit=120.0), key=lambda each: each.gain)
        assert best.atom[1] == (0, 3, 6)
