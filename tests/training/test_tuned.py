from __future__ import annotations

import numpy as np
import pytest
import torch

from spex_data.errors import TrainingError
from spex_data.evaluation import evaluate_targets, make_targets
from spex_data.groups.grouping import make_grouping
from spex_data.training import adapted, load_adapter_state, train_adapters
from spex_data.training.tuned import tuned_model
from tests.training.tiny_models import quick_recipe, some_examples, tiny_model


class TestTunedModel:
    """A model fine-tuned on all of the data is the base model with the full adapter in its weights."""

    @pytest.mark.parametrize("kind", ["bert", "llama", "gpt2"])
    def test_it_answers_as_the_adapter_of_the_mask_of_all_ones_does(self, kind):
        base, recipe = tiny_model(kind, dtype=torch.float64), quick_recipe()
        examples = some_examples(base.task)
        targets = make_targets(base.task, examples.inputs[:4], examples.outputs[:4], outputs="log-prob")
        before = evaluate_targets(base.model, base, targets)
        grouping = make_grouping(examples.ids, [0, 1] * (len(examples) // 2), ["a", "b"])
        bank = train_adapters(base, examples, grouping, np.ones((1, 2), dtype=bool), recipe, seed=3)
        with adapted(base, recipe) as model:
            load_adapter_state(model, bank.state(0))
            wanted = evaluate_targets(model, base, targets)
        tuned = tuned_model(base, examples, recipe, seed=3)
        assert np.abs(wanted - before).max() > 1e-2
        assert np.allclose(evaluate_targets(tuned.model, tuned, targets), wanted, atol=1e-8)
        assert np.array_equal(evaluate_targets(base.model, base, targets), before)

    def test_no_trace_of_the_adapter_is_left_in_the_names_of_its_modules(self):
        base = tiny_model("bert")
        tuned = tuned_model(base, some_examples(base.task), quick_recipe(), seed=3)
        assert [n for n, _ in tuned.model.named_modules()] == [n for n, _ in base.model.named_modules()]
        assert tuned.fingerprint != base.fingerprint

    def test_a_kept_adapter_is_taken_and_one_of_another_seed_is_not(self, tmp_path, monkeypatch):
        base = tiny_model("llama")
        examples = some_examples(base.task)
        first = tuned_model(base, examples, quick_recipe(), seed=3, cache=tmp_path)
        (file,) = tmp_path.iterdir()
        changed = file.stat().st_mtime_ns
        again = tuned_model(base, examples, quick_recipe(), seed=3, cache=tmp_path)
        other = tuned_model(base, examples, quick_recipe(), seed=4, cache=tmp_path)
        assert (again.fingerprint, file.stat().st_mtime_ns) == (first.fingerprint, changed)
        assert other.fingerprint != first.fingerprint
        assert len(list(tmp_path.iterdir())) == 2

    def test_a_loss_that_is_not_finite_is_refused(self):
        base = tiny_model("llama")
        with pytest.raises(TrainingError, match=r"lower training\.learning_rate"):
            tuned_model(base, some_examples(base.task), quick_recipe(learning_rate=1e30), seed=3)
