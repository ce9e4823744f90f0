from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spex_data.errors import TargetError
from spex_data.evaluation import OUTPUTS
from spex_data.evaluation.outputs import measure_output, token_scores

logit = st.floats(-30, 30, allow_nan=False)
answers = st.integers(1, 4).flatmap(
    lambda length: st.tuples(
        st.lists(st.lists(logit, min_size=5, max_size=5), min_size=length, max_size=length),
        st.lists(st.integers(0, 4), min_size=length, max_size=length),
    )
)


def scores_of(logits, tokens):
    return token_scores(torch.tensor(logits, dtype=torch.float64), torch.tensor(tokens))


def probabilities(logits, tokens):
    """p_i of each token, computed directly in long double."""
    exact = np.exp(np.array(logits, dtype=np.longdouble))
    return exact[np.arange(len(tokens)), tokens] / exact.sum(axis=1), exact


class TestAgainstProbabilities:
    """Every output is what its definition says, computed from the probabilities themselves."""

    @settings(max_examples=60)
    @given(answers)
    def test_outputs_equal_their_definitions(self, answer):
        logits, tokens = answer
        p, exact = probabilities(logits, tokens)
        other = exact.copy()
        other[np.arange(len(tokens)), tokens] = 0
        q = other.sum(axis=1) / exact.sum(axis=1)
        # 1 - prod p_i without cancellation: the answer is missed at its first wrong token.
        missed = sum(np.prod(p[:i]) * q[i] for i in range(len(p)))
        expected = {
            "log-odds": np.log(np.prod(p)) - np.log(missed),
            "min-token-log-odds": min(np.log(p) - np.log(q)),
            "log-prob": np.log(p).sum(),
            "loss": np.log(p).mean(),
            "probability": np.prod(p),
            "accuracy": float(all(row[token] == max(row) for row, token in zip(logits, tokens, strict=True))),
        }
        for output, value in expected.items():
            measured = float(measure_output(output, scores_of(logits, tokens)))
            assert measured == pytest.approx(float(value), rel=1e-9, abs=1e-9), output

    @given(answers, answers)
    def test_contrast_is_the_difference_of_log_probabilities(self, answer, foil):
        measured = float(measure_output("contrast", scores_of(*answer), scores_of(*foil)))
        p, q = (probabilities(*one)[0] for one in (answer, foil))
        assert measured == pytest.approx(float(np.log(p).sum() - np.log(q).sum()), abs=1e-9)


class TestMeaning:
    """Higher is better, at any scale."""

    @pytest.mark.parametrize("output", [name for name in OUTPUTS if name != "contrast"])
    def test_a_larger_logit_of_the_answer_never_lowers_an_output(self, output):
        values = [
            float(measure_output(output, scores_of([[x, 0.0, 1.0], [x / 2, 0.5, 0.0]], [0, 0])))
            for x in np.linspace(-50, 50, 21)
        ]
        assert values == sorted(values)

    def test_log_odds_stay_exact_where_the_probability_rounds_to_one(self):
        value = float(measure_output("log-odds", scores_of([[200.0, 0.0]], [0])))
        assert value == pytest.approx(200.0)

    def test_min_token_log_odds_are_positive_exactly_where_each_token_is_likelier_than_not(self):
        for logits, positive in ([[[2.0, 0.0], [1.0, 0.0]], True], [[[9.0, 0.0], [-0.1, 0.0]], False]):
            value = float(measure_output("min-token-log-odds", scores_of(logits, [0, 0])))
            assert (value > 0) is positive

    def test_one_token_has_the_same_log_odds_under_both_readings(self):
        scores = scores_of([[0.3, -1.0, 2.0]], [0])
        assert float(measure_output("log-odds", scores)) == pytest.approx(
            float(measure_output("min-token-log-odds", scores))
        )


class TestManyModels:
    """Leading axes are models, each measured as if alone."""

    @pytest.mark.parametrize("output", [name for name in OUTPUTS if name != "contrast"])
    def test_models_measured_at_once_have_the_values_that_each_has_alone(self, output):
        logits = torch.randn(3, 2, 5, generator=torch.Generator().manual_seed(0))
        tokens = torch.tensor([1, 4])
        together = measure_output(output, token_scores(logits, tokens))
        alone = [measure_output(output, token_scores(one, tokens)) for one in logits]
        assert torch.equal(together, torch.stack(alone))


class TestFoil:
    """A contrast needs something to be contrasted with."""

    def test_a_contrast_without_a_foil_is_refused(self):
        with pytest.raises(TargetError, match="has no foil"):
            measure_output("contrast", scores_of([[0.0, 1.0]], [0]))
