"""Simulated training: margins that move as their gradients do."""

from dataclasses import replace

import numpy as np
import pytest

from spex_data.surrogate import TIMES, TangentModel
from spex_data.surrogate.margins import Pieces


def toy(n=6, t=2, width=5, seed=0):
    """Examples of one piece and of two; targets of one token."""
    rng = np.random.default_rng(seed)
    training = Pieces(((1,),) * (n - 1) + ((2, 1),))
    features = rng.normal(size=(len(training) + t, width)).astype(np.float32)
    start = rng.normal(size=len(training) + t)
    return TangentModel(features, start, training, Pieces(((1,),) * t), ("log-odds",) * t, (None,) * t)


def by_hand(tangent, present, steps, times=TIMES):
    """Euler's method in float64 with the kernel written out, many small steps."""
    n = len(tangent.training)
    features = tangent.features.astype(float)
    kernel = features @ features.T
    shares = 1 / tangent.training.tokens[tangent.training.owners]
    found = []
    for time in times:
        f = tangent.start.copy()
        weights = present[tangent.training.owners] / max(present.sum(), 1) * shares
        few = 4000
        for _ in range(few):
            f = f + tangent.stride * steps * time / few * kernel[:, :n] @ (weights / (1 + np.exp(f[:n])))
        found.append(f[n:])
    return np.stack(found, axis=-1)


class TestSimulation:
    """Gradient flow on the mean loss of the present examples."""

    def test_it_follows_the_flow(self):
        tangent = toy()
        present = np.array([[1, 0, 1, 1, 0, 1], [0, 1, 0, 0, 0, 0]], dtype=bool)
        found = tangent.simulate(present, 12)
        for row, mask in enumerate(present):
            np.testing.assert_allclose(found[row], by_hand(tangent, mask, 12), atol=0.25)

    def test_features_and_their_kernel_give_the_same(self):
        tangent = toy(n=30, width=40)
        present = np.random.default_rng(1).random((5, 30)) < 0.5
        other = replace(tangent)
        vars(other)["_kernel"] = None
        np.testing.assert_allclose(
            tangent.simulate(present, 9), other.simulate(present, 9), rtol=2e-3, atol=1e-3
        )

    def test_training_on_nothing_leaves_the_base_model(self):
        tangent = toy()
        found = tangent.simulate(np.zeros((1, 6), dtype=bool), 5)
        np.testing.assert_allclose(found[0], np.repeat(tangent.start[-2:, None], len(TIMES), 1), atol=1e-5)

    def test_its_clock_stops_where_the_losses_are_the_real_ones(self):
        tangent = toy(n=20, width=60)
        present = np.random.default_rng(1).random((8, 20)) < 0.5
        assert (
            tangent.steps_to(present, 0.5) < tangent.steps_to(present, 0.1) < tangent.steps_to(present, 0.03)
        )

    def test_slopes_are_those_of_the_outputs(self):
        tangent = replace(toy(), outputs=("log-odds", "probability"))
        p = 1 / (1 + np.exp(-tangent.start[-1]))
        np.testing.assert_allclose(tangent.slopes(), np.diag([1.0, p * (1 - p)]), atol=1e-9)

    def test_a_slower_pace_is_an_earlier_time(self):
        tangent = toy()
        present = np.ones((1, 6), dtype=bool)
        half = tangent.simulate(present, 40, np.array([0.5]))[0, :, 2]
        np.testing.assert_allclose(half, tangent.simulate(present, 40)[0, :, 1], atol=0.05)


def test_the_toy_moves():
    """Else nothing above could fail."""
    found = toy().simulate(np.ones((1, 6), dtype=bool), 12)
    assert np.abs(found[0, :, -1] - found[0, :, 0]).max() > 0.3
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(found[0, :, 0], found[0, :, -1], atol=0.25)
