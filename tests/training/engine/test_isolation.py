from __future__ import annotations

import numpy as np
import pytest
import torch

from spex_data.data import make_examples
from spex_data.errors import TrainingError
from spex_data.training import (
    bank_logits,
    encode_examples,
    prepare_examples,
    prepare_scoring,
    train_adapters,
)
from spex_data.training.engine import forward
from tests.training.tiny_models import (
    quick_recipe,
    short_of_memory,
    some_examples,
    some_groups,
    tiny_model,
)

MASKS = np.array([[1, 0, 1, 1], [0, 0, 0, 0], [0, 1, 0, 1], [1, 1, 1, 1], [0, 0, 1, 0]], dtype=bool)
SEEDS = np.array([1, 2, 3, 4, 1])


def train(base, examples, rows=(0, 1, 2, 3, 4), **choices):
    rows = list(rows)
    return train_adapters(
        base, examples, some_groups(examples), MASKS[rows], quick_recipe(), seed=SEEDS[rows], **choices
    )


def poisoned():
    """A base model that knows no number for one word, and examples of which one of group g0 has that word."""
    base, examples = tiny_model(), some_examples(n=20)
    inputs = [text.replace("lamp", "knob") for text in examples.inputs]
    outputs = [text.replace("lamp", "knob") for text in examples.outputs]
    inputs[8] += " lamp"
    with torch.no_grad():
        base.model.get_input_embeddings().weight[base.tokenizer("lamp")["input_ids"][1]] = float("nan")
    return base, make_examples("causal-lm", inputs, outputs, examples.columns)


class TestSameBits:
    """Same adapters in the same passes, same bits."""

    @pytest.mark.parametrize("kind", ["llama", "bert"])
    def test_a_second_run_gives_the_same_bits(self, kind):
        base = tiny_model(kind)
        examples = some_examples(base.task)
        one, other = (train(base, examples, adapters_per_pass=3) for _ in range(2))
        assert all(torch.equal(one.tensors[name], other.tensors[name]) for name in one.tensors)
        np.testing.assert_array_equal(one.losses, other.losses)

    def test_the_base_model_is_left_as_it_was(self):
        base = tiny_model("bert", n_layers=3)
        before = {name: tensor.clone() for name, tensor in base.model.state_dict().items()}
        names = [(name, type(module)) for name, module in base.model.named_modules()]
        train(base, some_examples(base.task))
        assert [(name, type(module)) for name, module in base.model.named_modules()] == names
        assert all(torch.equal(tensor, before[name]) for name, tensor in base.model.state_dict().items())
        assert not any(parameter.requires_grad for parameter in base.model.parameters())
        for module in base.model.modules():
            assert "forward" not in vars(module)
            assert not module._forward_hooks
            assert not module._forward_pre_hooks


class TestOrder:
    """What an adapter becomes does not depend on which others share its pass."""

    @pytest.mark.parametrize("rows", [(4, 2, 0, 3, 1), (3,), (1, 4)])
    def test_company_and_order_change_values_by_rounding_only(self, rows):
        base, examples = tiny_model(dtype=torch.float64), some_examples()
        whole, part = train(base, examples), train(base, examples, rows)
        for place, row in enumerate(rows):
            mine, theirs = part.state(place), whole.state(row)
            assert all((mine[name] - theirs[name]).abs().max() < 1e-6 for name in mine)


class TestPrepared:
    """What was prepared once serves every call with the same examples and recipe, and no other."""

    def test_it_changes_no_bit(self):
        base, examples = tiny_model(n_layers=3), some_examples()
        prepared = prepare_examples(base, examples, quick_recipe())
        one, other = (train(base, examples, prepared=given) for given in (None, prepared))
        assert all(torch.equal(one.tensors[name], other.tensors[name]) for name in one.tensors)

    def test_that_of_other_examples_or_of_another_recipe_is_refused(self):
        base, examples = tiny_model(), some_examples()
        others = [(some_examples(seed=1), quick_recipe()), (examples, quick_recipe(layers="last-1"))]
        for other, recipe in others:
            with pytest.raises(TrainingError, match="other examples or another recipe"):
                train(base, examples, prepared=prepare_examples(base, other, recipe))


class TestNotFinite:
    """An adapter whose loss is not finite fails with its cause; the others do not notice."""

    def test_it_fails_as_in_the_reference_and_the_others_are_trained(self):
        base, examples = poisoned()
        engine, reference = (train(base, examples, engine=engine) for engine in ("stacked", "reference"))
        assert engine.causes == reference.causes
        assert [cause is None for cause in engine.causes] == [False, True, True, False, True]
        assert all("the loss became nan in step" in cause for cause in engine.causes if cause)
        np.testing.assert_array_equal(np.isnan(engine.losses), [True, True, False, True, False])

    def test_the_others_keep_the_values_that_they_have_alone(self):
        base, examples = poisoned()
        whole, alone = train(base, examples), train(base, examples, (2, 4))
        for place, row in enumerate((2, 4)):
            mine, theirs = alone.state(place), whole.state(row)
            assert all(torch.isfinite(theirs[name]).all() for name in theirs)
            assert all((mine[name] - theirs[name]).abs().max() < 1e-4 for name in mine)


class TestMemory:
    """When memory runs out, half as many adapters share a pass, and a warning says so."""

    @pytest.mark.parametrize(
        "error",
        [torch.OutOfMemoryError(), MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")],
    )
    def test_half_as_many_are_tried_and_nothing_is_lost(self, monkeypatch, error):
        base, examples = tiny_model(), some_examples()
        expected, seen = train(base, examples, adapters_per_pass=1), []
        short_of_memory(monkeypatch, lambda adapters, rows: adapters > 2, error, seen)
        with pytest.warns(UserWarning, match="memory ran out with 4 adapters to a pass; going on with 2"):
            bank = train(base, examples, adapters_per_pass=4)
        assert list(dict.fromkeys(adapters for adapters, _ in seen)) == [4, 2, 1]
        assert bank.adapters_per_pass == 2
        for name in bank.tensors:
            torch.testing.assert_close(bank.tensors[name], expected.tensors[name], atol=1e-4, rtol=0)
        for module in base.model.modules():
            assert not module._forward_hooks

    def test_with_one_adapter_its_rows_are_cut_into_smaller_passes(self, monkeypatch):
        base, examples, seen = tiny_model(), some_examples(), []
        expected = train(base, examples, adapters_per_pass=1)
        short_of_memory(monkeypatch, lambda adapters, rows: rows > 3, torch.OutOfMemoryError(), seen)
        with pytest.warns(UserWarning, match="memory ran out with one adapter and 4096 tokens to a pass"):
            bank = train(base, examples, adapters_per_pass=2)
        for name in bank.tensors:
            torch.testing.assert_close(bank.tensors[name], expected.tensors[name], atol=1e-4, rtol=0)

    def test_not_even_one_is_an_error_that_says_what_to_change(self, monkeypatch):
        short_of_memory(monkeypatch, lambda adapters, rows: True, torch.OutOfMemoryError(), [])
        with (
            pytest.warns(UserWarning, match="memory ran out"),
            pytest.raises(TrainingError, match=r"not even one adapter and one example.*smaller model"),
        ):
            train(tiny_model(), some_examples())

    def test_any_other_error_is_not_taken_for_it(self, monkeypatch):
        short_of_memory(monkeypatch, lambda adapters, rows: True, RuntimeError("shapes differ"), [])
        with pytest.raises(RuntimeError, match="shapes differ"):
            train(tiny_model(), some_examples())

    def test_measuring_goes_on_with_smaller_passes_too(self, monkeypatch):
        base = tiny_model()
        bank = train(base, some_examples())
        prepared = prepare_scoring(base, quick_recipe(), encode_examples(base, some_examples(seed=3)))
        expected = bank_logits(base, bank, prepared)
        right = forward.StackedModel.scored

        def limited(model, rows, owners):
            if len(rows) > 2:
                raise torch.OutOfMemoryError
            return right(model, rows, owners)

        monkeypatch.setattr(forward.StackedModel, "scored", limited)
        with pytest.warns(UserWarning, match="memory ran out"):
            found = bank_logits(base, bank, prepared)
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)

    def test_a_frozen_part_that_does_not_fit_for_one_example_is_said_in_the_same_words(self, monkeypatch):
        def never(*_):
            raise torch.OutOfMemoryError

        monkeypatch.setattr(forward, "model_inputs", never)
        with pytest.raises(TrainingError, match="not even one adapter and one example"):
            prepare_examples(tiny_model(n_layers=3), some_examples(), quick_recipe(layers="last-1"))

    def test_the_frozen_part_is_computed_in_smaller_passes_too(self, monkeypatch):
        base, recipe = tiny_model(n_layers=3), quick_recipe(layers="last-1")
        expected = prepare_examples(base, some_examples(), recipe).sequences.prefix.hidden
        right = forward.model_inputs

        def limited(base, table, rows):
            if len(rows) > 4:
                raise torch.OutOfMemoryError
            return right(base, table, rows)

        monkeypatch.setattr(forward, "model_inputs", limited)
        found = prepare_examples(base, some_examples(), recipe).sequences.prefix.hidden
        torch.testing.assert_close(found, expected)
