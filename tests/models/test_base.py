from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, LlamaForCausalLM
from transformers.utils import logging

from spex_data.errors import ModelError
from spex_data.models import BaseModel, load_base_model

LABELS = ("cash", "card", "cheque")


def classifier(folder, **options) -> BaseModel:
    return load_base_model(
        str(folder), task="classification", **{"labels": LABELS, "device": "cpu", **options}
    )


def language_model(folder, **options) -> BaseModel:
    return load_base_model(str(folder), task="causal-lm", **{"device": "cpu", **options})


def head(base: BaseModel) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in base.model.named_parameters() if name in base.initialised}


class TestLoadingEitherTask:
    """A loaded model is frozen, quiet, and what the checkpoint says."""

    @pytest.mark.parametrize(("kind", "load"), [("bert", classifier), ("llama", language_model)])
    def test_nothing_of_the_model_can_be_trained_or_dropped_out(self, kind, load, request):
        base = load(request.getfixturevalue(kind))
        assert not base.model.training
        assert not any(parameter.requires_grad for parameter in base.model.parameters())

    def test_every_weight_of_a_language_model_is_the_checkpoints(self, llama):
        stored = load_file(llama / "model.safetensors")
        loaded = language_model(llama).model.state_dict()
        assert stored.keys() <= loaded.keys()
        assert all(torch.equal(stored[name], loaded[name]) for name in stored)

    def test_nothing_is_printed_and_the_verbosity_is_as_before(self, bert, capfd):
        before = logging.get_verbosity(), logging.is_progress_bar_enabled()
        classifier(bert)
        assert capfd.readouterr() == ("", "")
        assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before

    @pytest.mark.parametrize(("kind", "load"), [("bert", classifier), ("llama", language_model)])
    def test_the_global_random_state_is_left_as_it_was(self, kind, load, request):
        folder = request.getfixturevalue(kind)
        torch.manual_seed(7)
        expected = torch.rand(3)
        torch.manual_seed(7)
        load(folder)
        assert torch.equal(torch.rand(3), expected)

    @pytest.mark.parametrize("method", ["bitsandbytes", "fp8"])
    def test_quantised_weights_are_refused_whether_or_not_this_machine_could_read_them(
        self, llama, tmp_path, method
    ):
        folder = shutil.copytree(llama, tmp_path / "model")
        config = json.loads((folder / "config.json").read_text())
        config["quantization_config"] = {"quant_method": method}
        (folder / "config.json").write_text(json.dumps(config))
        with pytest.raises(ModelError, match=rf"its weights are quantised \({method}\); give the checkpoint"):
            language_model(folder)

    def test_a_tokenizer_without_a_padding_token_can_pad_afterwards(self, llama):
        base = language_model(llama)
        assert base.tokenizer.pad_token == "</s>"
        assert base.model.config.pad_token_id == base.tokenizer.pad_token_id
        assert len(base.tokenizer(["the cat", "a"], padding=True)["input_ids"][1]) == 2

    @pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
    def test_the_weights_are_in_the_precision_asked_for(self, llama, dtype):
        base = language_model(llama, dtype=dtype)
        assert base.dtype == dtype
        assert {str(value.dtype) for value in base.model.parameters()} == {f"torch.{dtype}"}

    def test_auto_keeps_the_precision_that_the_weights_are_stored_in(self, llama, copy):
        folder = copy(llama)
        language_model(llama, dtype="bfloat16").model.save_pretrained(folder)
        assert language_model(folder, dtype="auto").dtype == "bfloat16"


class TestTheHead:
    """A classifier's head is new, and drawn from its seed alone."""

    def test_only_the_head_is_new(self, bert):
        base = classifier(bert)
        assert base.initialised == ("classifier.bias", "classifier.weight")
        stored = load_file(bert / "model.safetensors")
        loaded = base.model.state_dict()
        assert all(torch.equal(stored[name], loaded[name]) for name in stored if name.startswith("bert."))

    def test_a_seed_gives_one_head_whatever_was_drawn_before(self, bert):
        first = head(classifier(bert, head_seed=3))
        torch.rand(5)
        second = head(classifier(bert, head_seed=3))
        assert first.keys() == second.keys()
        assert all(torch.equal(first[name], second[name]) for name in first)

    def test_another_seed_gives_another_head(self, bert):
        one, two = (head(classifier(bert, head_seed=seed))["classifier.weight"] for seed in (0, 1))
        assert not torch.equal(one, two)

    def test_another_default_precision_gives_the_same_head(self, bert):
        expected = head(classifier(bert))["classifier.weight"]
        torch.set_default_dtype(torch.float64)
        try:
            found = head(classifier(bert))["classifier.weight"]
        finally:
            torch.set_default_dtype(torch.float32)
        assert torch.equal(found, expected)

    def test_a_head_is_small_and_without_bias(self, bert):
        base = classifier(bert, labels=[f"label {i}" for i in range(40)])
        weights = base.model.get_parameter("classifier.weight")
        assert float(weights.std()) == pytest.approx(base.model.config.initializer_range, rel=0.15)
        assert not base.model.get_parameter("classifier.bias").any()

    def test_outputs_are_in_the_order_of_the_labels(self, bert):
        base = classifier(bert)
        assert base.labels == LABELS
        assert base.model.config.id2label == dict(enumerate(LABELS))

    def test_a_language_model_can_become_a_classifier_of_batches(self, llama):
        base = classifier(llama)
        assert base.initialised == ("score.weight",)
        batch = base.tokenizer(["the cat sat", "a mat"], padding=True, return_tensors="pt")
        inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
        together = base.model(**inputs).logits
        alone = base.model(**base.tokenizer("a mat", return_tensors="pt")).logits
        np.testing.assert_allclose(together[1].numpy(), alone[0].numpy(), atol=1e-5)


class TestRefusals:
    """What does not fit is refused with what to write instead."""

    @pytest.mark.parametrize("labels", [(), ("cash",), ("cash", "cash")])
    def test_fewer_than_two_different_labels(self, bert, labels):
        with pytest.raises(ModelError, match="at least 2 different labels"):
            classifier(bert, labels=labels)

    def test_labels_for_a_language_model(self, llama):
        with pytest.raises(ModelError, match="takes no labels, got 3"):
            language_model(llama, labels=LABELS)

    def test_an_unknown_task(self, llama):
        with pytest.raises(ModelError, match="write 'classification' or 'causal-lm'"):
            load_base_model(str(llama), task="translation")

    def test_an_unknown_device_precision_or_one_that_is_not_there(self, llama):
        with pytest.raises(ModelError, match="is 'gpu', no device; write auto, cpu, cuda"):
            language_model(llama, device="gpu")
        with pytest.raises(ModelError, match=r"model\.dtype: is 'fp16'"):
            language_model(llama, dtype="fp16")
        with pytest.raises(ModelError, match="no such device here; write auto, or one of cpu"):
            language_model(llama, device="cuda:99")

    @pytest.mark.parametrize(
        "error", [torch.OutOfMemoryError("CUDA"), RuntimeError("DefaultCPUAllocator: can't allocate memory")]
    )
    @pytest.mark.parametrize("place", ["from_pretrained", "to"])
    def test_a_model_that_the_memory_does_not_hold(self, llama, monkeypatch, error, place):
        def never(*_, **__):
            raise error

        home = LlamaForCausalLM if place == "to" else AutoModelForCausalLM
        monkeypatch.setattr(home, place, never)
        with pytest.raises(
            ModelError, match=r"does not fit into the free memory of cpu; .*model\.dtype: bfloat16"
        ):
            language_model(llama)

    def test_an_encoder_as_a_language_model(self, bert):
        with pytest.raises(ModelError, match="is no causal language model: its checkpoint lacks cls"):
            language_model(bert)

    def test_weights_that_do_not_fit_their_config(self, bert, copy):
        folder = copy(bert)
        weights = load_file(folder / "model.safetensors")
        del weights["bert.encoder.layer.0.output.dense.weight"]
        save_file(weights, folder / "model.safetensors", {"format": "pt"})
        with pytest.raises(ModelError, match=r"no fitting value for bert\.encoder\.layer\.0\.output"):
            classifier(folder)

    @pytest.mark.parametrize(("kind", "load"), [("bert", classifier), ("llama", language_model)])
    def test_weights_cut_short(self, kind, load, copy, request):
        folder = copy(request.getfixturevalue(kind))
        weights = (folder / "model.safetensors").read_bytes()
        (folder / "model.safetensors").write_bytes(weights[: len(weights) // 2])
        with pytest.raises(ModelError, match="the model cannot be loaded"):
            load(folder)

    def test_the_tokenizer_of_a_larger_vocabulary(self, llama, copy):
        folder = copy(llama)
        base = language_model(llama)
        base.tokenizer.add_tokens(["dog", "bird"])
        base.tokenizer.save_pretrained(folder)
        with pytest.raises(ModelError, match="its tokenizer has 13 tokens, and the model embeds 11"):
            language_model(folder)

    def test_a_tokenizer_that_cannot_pad_at_all(self, llama, copy):
        folder = copy(llama)
        base = language_model(llama)
        for name in ("pad_token", "eos_token", "unk_token"):
            setattr(base.tokenizer, name, None)
        base.tokenizer.save_pretrained(folder)
        with pytest.raises(ModelError, match="no token to pad with"):
            language_model(folder)
