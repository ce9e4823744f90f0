"""Margins of pieces, and their gradients by what an adapter trains."""

import numpy as np
import pytest
import torch

from spex_data.errors import TrainingError
from spex_data.surrogate import gradients
from spex_data.surrogate.factors import Factors
from spex_data.surrogate.gradients import Asked, margin_gradients, margins_alone
from spex_data.surrogate.layers import refuse_mixed, refuse_other_layers, trained_shapes
from spex_data.surrogate.margins import cut_answers, piece_margins, scores_of_margins
from spex_data.surrogate.moments import SecondMoments
from spex_data.surrogate.sketch import Sketch, fitting_side
from spex_data.training import adapted, encode_examples, plain_examples
from spex_data.training.reference import mean_loss, reset_adapter
from tests.training.tiny_models import quick_recipe, some_examples, tiny_model


def worn(kind):
    """A tiny model with an adapter that does something, and examples to ask it for."""
    base = tiny_model(kind, dtype=torch.float64)
    examples = some_examples(base.task, n=7)
    read = encode_examples(base, examples)
    asked = Asked(read.tokens, read.answers, read.starts, cut_answers(read.answers, 2), len(read))
    return base, examples, asked


def stirred(model):
    reset_adapter(model, 5)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if ".lora_B." in name:
                parameter.normal_(0, 0.1, generator=torch.Generator().manual_seed(1))


class TestMargins:
    """The loss of an example is softplus(-margin) summed over its pieces, over its tokens."""

    @pytest.mark.parametrize("kind", ["llama", "bert"])
    def test_margins_say_the_whole_loss_of_every_example(self, kind):
        base, examples, asked = worn(kind)
        with adapted(base, quick_recipe()) as model, torch.no_grad():
            stirred(model)
            expected = [float(mean_loss(model, base, [one])) for one in plain_examples(base, examples)]
            margins = np.zeros(len(asked.pieces))
            for batch in margin_gradients(model, base, asked, 0):
                margins[batch.pieces] = batch.margins
        losses = np.zeros(len(examples))
        np.add.at(losses, asked.pieces.owners, np.logaddexp(0, -margins))
        np.testing.assert_allclose(losses / asked.pieces.tokens, expected, rtol=1e-5)

    def test_a_margin_of_several_tokens_is_the_log_odds_of_all_of_them(self):
        logits = torch.randn((3, 6), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        answer = (1, 4, 2)
        whole = piece_margins([logits], [answer], [(3,)])[0]
        p = float(torch.stack([logits[i].softmax(-1)[t] for i, t in enumerate(answer)]).prod())
        assert float(whole[0]) == pytest.approx(np.log(p / (1 - p)))

    def test_probabilities_come_back_from_margins(self):
        scores = scores_of_margins(torch.tensor([-3.0, 0.5], dtype=torch.float64))
        np.testing.assert_allclose(scores.log_p.exp() + scores.log_other.exp(), 1.0)


class TestGradients:
    """One row a piece, as if each had been differentiated alone."""

    @pytest.mark.parametrize("kind", ["llama", "bert"])
    def test_they_are_those_of_one_margin_at_a_time(self, kind):
        base, _, asked = worn(kind)
        with adapted(base, quick_recipe()) as model:
            stirred(model)
            found = {}
            for batch in margin_gradients(model, base, asked, 3):
                rows = Sketch(10_000, 0).rows(batch.factors)
                found |= dict(zip(batch.pieces.tolist(), rows, strict=True))
            names = list(trained_shapes(model))
            for piece in range(len(asked.pieces)):
                expected = one_by_one(model, base, asked, piece, names)
                torch.testing.assert_close(found[piece].double(), expected, rtol=1e-4, atol=1e-6)

    def test_passes_of_one_sequence_give_the_same_as_all_at_once(self, monkeypatch):
        base, _, asked = worn("llama")
        with adapted(base, quick_recipe()) as model:
            stirred(model)
            whole = all_rows(margin_gradients(model, base, asked, 3))
            monkeypatch.setattr(gradients, "_AT_ONCE", 1)
            batches = list(margin_gradients(model, base, asked, 3))
            assert max(len(batch.pieces) for batch in batches) == 1
            torch.testing.assert_close(all_rows(batches), whole, rtol=1e-5, atol=1e-7)

    def test_margins_alone_are_those_that_come_with_gradients(self):
        base, _, asked = worn("llama")
        with adapted(base, quick_recipe()) as model:
            stirred(model)
            expected = np.zeros(len(asked.pieces))
            for batch in margin_gradients(model, base, asked, 0):
                expected[batch.pieces] = batch.margins
            np.testing.assert_allclose(margins_alone(model, base, asked), expected, rtol=1e-9)
            with torch.no_grad():
                next(one for name, one in model.named_parameters() if ".lora_B." in name).fill_(float("nan"))
            with pytest.raises(TrainingError, match="losses that are not finite at an anchor"):
                margins_alone(model, base, asked)

    def test_compact_factors_have_the_same_gradients_in_no_more_rows(self):
        rng = torch.Generator().manual_seed(0)
        for outputs, inputs, rows in ((2, 7, 5), (7, 2, 5), (6, 6, 1)):
            whole = Factors(
                "one",
                torch.randn((3, rows, outputs), generator=rng),
                torch.randn((3, rows, inputs), generator=rng),
            )
            small = whole.compact()
            torch.testing.assert_close(small.gradients, whole.gradients)
            assert small.outer.shape[1] == min(outputs, inputs, rows)
            parts = [found for _, found in whole.written_out()]
            torch.testing.assert_close(torch.cat(parts).float(), whole.gradients)

    def test_a_layer_that_is_called_twice_has_the_gradients_of_both_calls(self):
        base, _, asked = worn("llama")
        blocks = base.model.model.layers
        blocks[1].forward = blocks[0].forward
        with adapted(base, quick_recipe()) as model:
            stirred(model)
            blocks[1].forward = blocks[0].forward
            names = [name for name in trained_shapes(model) if ".layers.0." in name]
            found = {}
            for batch in margin_gradients(model, base, asked, 3):
                factors = tuple(one for one in batch.factors if one.name in names)
                assert {one.name for one in batch.factors} == set(names)
                found |= dict(zip(batch.pieces.tolist(), Sketch(10_000, 0).rows(factors), strict=True))
            for piece in range(len(asked.pieces)):
                expected = one_by_one(model, base, asked, piece, names)
                torch.testing.assert_close(found[piece].double(), expected, rtol=1e-4, atol=1e-6)

    def test_a_layer_that_sees_all_sequences_as_one_is_refused(self):
        layer, tokens = torch.nn.Linear(2, 3), torch.zeros(5 * 4, 2)
        seen = {"router": [(layer, tokens, layer(tokens))]}
        with pytest.raises(TrainingError, match="'router', which does not see sequences apart"):
            refuse_mixed(seen, 5)
        refuse_mixed({"router": [(layer, tokens.reshape(5, 4, 2), layer(tokens))]}, 5)

    def test_a_head_that_is_more_than_linear_is_refused(self):
        base, _, _ = worn("bert")
        with adapted(base, quick_recipe()) as model:
            refuse_other_layers(model)
            model.get_submodule("base_model.model.bert.encoder.layer.0.output.LayerNorm").requires_grad_(True)
            with pytest.raises(TrainingError, match=r"LayerNorm.weight' is trained too"):
                refuse_other_layers(model)

    def test_a_margin_that_is_not_finite_is_a_clear_error(self):
        base, _, asked = worn("llama")
        with adapted(base, quick_recipe()) as model:
            stirred(model)
            with torch.no_grad():
                next(one for name, one in model.named_parameters() if ".lora_B." in name).fill_(float("nan"))
            with pytest.raises(TrainingError, match="losses that are not finite at an anchor"):
                list(margin_gradients(model, base, asked, 0))


def all_rows(batches):
    """The gradients of all pieces, in their order."""
    found = {}
    for batch in batches:
        found |= dict(zip(batch.pieces.tolist(), Sketch(10_000, 0).rows(batch.factors), strict=True))
    return torch.stack([found[piece] for piece in sorted(found)])


def one_by_one(model, base, asked, piece, names):
    """Autograd's own gradient of one margin, matrix by matrix, biases as a last column."""
    from spex_data.evaluation.measure import query_logits

    row = int(asked.pieces.owners[piece])
    with torch.enable_grad():
        logits = query_logits(model, base, asked, [row])
        margin = piece_margins(logits, [asked.answers[row]], [asked.pieces.lengths[row]])[0]
        layers = [model.get_submodule(name) for name in names]
        parts = []
        for layer in layers:
            wanted = [layer.weight] if layer.bias is None else [layer.weight, layer.bias]
            slopes = torch.autograd.grad(margin[piece - asked.pieces.first[row]], wanted, retain_graph=True)
            parts.append(torch.cat([one.reshape(layer.out_features, -1) for one in slopes], dim=1).flatten())
    return torch.cat(parts).double()


class TestSketch:
    """Smaller gradients with the same inner products on average."""

    def test_its_inner_products_are_right_on_average(self):
        base, _, asked = worn("llama")
        with adapted(base, quick_recipe()) as model:
            stirred(model)
            batch = next(margin_gradients(model, base, asked, 0))
        exact = Sketch(10_000, 0).rows(batch.factors)
        drawn = [Sketch(4, seed).rows(batch.factors) for seed in range(300)]
        mean = torch.stack([rows @ rows.T for rows in drawn]).mean(dim=0)
        assert float((mean - exact @ exact.T).norm() / (exact @ exact.T).norm()) < 0.2

    def test_a_step_of_adamw_divides_by_roots_of_second_moments(self):
        base, _, asked = worn("llama")
        with adapted(base, quick_recipe()) as model:
            stirred(model)
            batches = list(margin_gradients(model, base, asked, 0))
        shares = np.ones(len(asked.pieces))
        counted = SecondMoments(shares, 4)
        for batch in batches:
            counted.add(batch)
        moments = counted.means()
        one = batches[0].factors[0]
        losses = torch.cat(
            [b.factors[0].gradients * torch.sigmoid(-b.margins).float()[:, None, None] for b in batches]
        ).double()
        v = losses.mean(0) ** 2 + (losses**2).mean(0) / 4
        torch.testing.assert_close(moments[one.name], (v.mean(1), v.mean(0)))
        wide = Sketch(10_000, 0).scaled({one.name: (torch.ones(2), torch.ones(3))})
        left, right = wide.scales[one.name]
        torch.testing.assert_close(left, torch.full((2,), 1.1**-0.5).double(), check_dtype=False)
        torch.testing.assert_close(right, torch.full((3,), 1.1**-0.5).double(), check_dtype=False)

    def test_sides_are_as_long_as_the_numbers_allow(self):
        shapes = {"a": (8, 384), "b": (384, 8)}
        assert fitting_side(shapes, most=10_000) >= 384
        side = fitting_side(shapes, most=300)
        assert 2 * min(8, side) * side <= 300 < 2 * min(8, 2 * side) * 2 * side
