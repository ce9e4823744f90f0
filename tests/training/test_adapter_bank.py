from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from peft import PeftModel

from spex_data.errors import StoreError
from spex_data.evaluation import evaluate_targets, make_targets
from spex_data.training import AdapterBank, train_adapters
from spex_data.value_functions import SubsetTraining
from tests.training.tiny_models import quick_recipe, some_examples, some_groups, tiny_model

MASKS = np.array([[1, 0, 1, 1], [0, 0, 0, 0], [0, 1, 0, 1]], dtype=bool)
KINDS = ["llama", "gpt2", "bert", "llama-classifier"]


def bank_of(base, recipe=None):
    examples = some_examples(base.task)
    return train_adapters(
        base, examples, some_groups(examples), MASKS, recipe or quick_recipe(), seed=[4, 5, 6]
    )


def targets_of(base):
    examples = some_examples(base.task, n=4, seed=9)
    return make_targets(base.task, examples.inputs, examples.outputs, outputs="log-prob")


def assert_same_bank(one, other):
    assert one.recipe == other.recipe
    assert (one.base_fingerprint, one.peft_config) == (other.base_fingerprint, other.peft_config)
    assert one.causes == other.causes
    for field in ("masks", "seeds", "losses"):
        np.testing.assert_array_equal(getattr(one, field), getattr(other, field))
    assert one.tensors.keys() == other.tensors.keys()
    assert all(torch.equal(one.tensors[name], other.tensors[name]) for name in one.tensors)


class TestFiles:
    """A bank saved is the bank loaded."""

    @pytest.mark.parametrize("kind", KINDS)
    def test_round_trip(self, tmp_path, kind):
        bank = bank_of(tiny_model(kind))
        bank.save(tmp_path / "adapters" / "chunk-0.safetensors")
        assert_same_bank(AdapterBank.load(tmp_path / "adapters" / "chunk-0.safetensors"), bank)
        assert [path.name for path in (tmp_path / "adapters").iterdir()] == ["chunk-0.safetensors"]

    def test_a_failed_adapter_keeps_its_cause_and_has_no_loss(self, tmp_path):
        bank = bank_of(tiny_model("bert"))
        causes = (None, "the loss became nan", None)
        failed = replace(bank, losses=np.array([1.0, np.nan, 2.0]), causes=causes)
        failed.save(tmp_path / "bank.safetensors")
        assert_same_bank(AdapterBank.load(tmp_path / "bank.safetensors"), failed)

    @pytest.mark.parametrize("name", ["adapter_model.bin", "bank.pt", "bank.pkl"])
    def test_a_pickle_is_never_opened(self, tmp_path, name):
        (tmp_path / name).write_bytes(b"cos\nsystem\n")
        with pytest.raises(StoreError, match=r"give a \.safetensors file; no other is opened"):
            AdapterBank.load(tmp_path / name)

    @pytest.mark.parametrize("content", [b"", b"hello", b"\x08\0\0\0\0\0\0\0{}      "])
    def test_a_file_that_is_no_bank_is_refused(self, tmp_path, content):
        (tmp_path / "bank.safetensors").write_bytes(content)
        with pytest.raises(StoreError, match="is no bank of adapters"):
            AdapterBank.load(tmp_path / "bank.safetensors")

    def test_a_folder_that_cannot_be_made_is_one_clear_message(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(StoreError, match="cannot be written"):
            bank_of(tiny_model()).save(tmp_path / "file" / "bank.safetensors")


class TestSelect:
    """Some of the adapters, each as it was."""

    def test_the_chosen_adapters_stand_in_the_order_asked_for(self):
        bank = bank_of(tiny_model())
        some = bank.select([2, 0])
        assert len(some) == 2
        assert some.seeds.tolist() == [6, 4]
        for place, row in enumerate([2, 0]):
            mine, theirs = some.state(place), bank.state(row)
            assert all(torch.equal(mine[name], theirs[name]) for name in theirs)


class TestExportPeft:
    """An exported adapter is PEFT's own, and gives the same values there."""

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize(
        "changes",
        [{}, {"rslora": True, "layers": "last-1"}],
    )
    def test_peft_loads_it_and_measures_the_same_values(self, tmp_path, kind, changes):
        base, recipe = tiny_model(kind), quick_recipe(**changes)
        examples, targets = some_examples(base.task), targets_of(base)
        values = SubsetTraining(base, examples, some_groups(examples), recipe, targets)(
            MASKS, np.array([4, 5, 6])
        ).values
        bank = bank_of(base, recipe)
        for row in range(3):
            bank.export_peft(row, tmp_path / str(row))
            model = PeftModel.from_pretrained(tiny_model(kind).model, str(tmp_path / str(row))).eval()
            np.testing.assert_allclose(evaluate_targets(model, base, targets), values[row], atol=1e-5)

    def test_the_configuration_says_what_the_recipe_says(self, tmp_path):
        bank_of(tiny_model(), quick_recipe(target_modules=("q_proj", "up_proj"))).export_peft(0, tmp_path)
        config = json.loads((tmp_path / "adapter_config.json").read_text())
        assert (config["r"], config["lora_alpha"], config["lora_dropout"]) == (2, 4, 0)
        assert config["inference_mode"] is True
        assert {name.rpartition(".")[2] for name in config["target_modules"]} == {"q_proj", "up_proj"}

    def test_no_pickled_file_is_written(self, tmp_path):
        bank_of(tiny_model()).export_peft(0, tmp_path)
        names = sorted(path.name for path in tmp_path.iterdir())
        assert names == ["adapter_config.json", "adapter_model.safetensors"]
