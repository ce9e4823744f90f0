from __future__ import annotations

import shutil

import torch
from safetensors.torch import load_file, save_file

from spex_data.models import load_base_model


def name(folder, **options):
    base = load_base_model(str(folder), **{"task": "causal-lm", "device": "cpu", **options})
    return base.fingerprint


class TestFingerprint:
    """A model is named by what it computes, and by nothing else."""

    def test_a_copy_elsewhere_has_the_same_name(self, llama, copy):
        assert name(copy(llama)) == name(llama)

    def test_one_changed_weight_changes_it(self, llama, copy):
        folder = copy(llama)
        weights = load_file(folder / "model.safetensors")
        weights["model.norm.weight"][0] = torch.nextafter(weights["model.norm.weight"][0], torch.tensor(9.0))
        save_file(weights, folder / "model.safetensors", {"format": "pt"})
        assert name(folder) != name(llama)

    def test_a_changed_setting_of_the_architecture_changes_it(self, llama, copy):
        folder = copy(llama)
        text = (folder / "config.json").read_text()
        assert '"rms_norm_eps": 1e-06' in text
        (folder / "config.json").write_text(text.replace('"rms_norm_eps": 1e-06', '"rms_norm_eps": 1e-05'))
        assert name(folder) != name(llama)

    def test_a_changed_token_changes_it(self, llama, copy):
        folder = copy(llama)
        text = (folder / "tokenizer.json").read_text()
        (folder / "tokenizer.json").write_text(text.replace('"cat"', '"dog"'))
        assert name(folder) != name(llama)

    def test_the_precision_changes_it(self, llama):
        assert name(llama, dtype="bfloat16") != name(llama)

    def test_the_seed_of_a_new_head_and_its_labels_change_it(self, bert):
        plain = {"task": "classification", "labels": ("a", "b")}
        names = {
            name(bert, **plain),
            name(bert, **plain, head_seed=1),
            name(bert, **{**plain, "labels": ("b", "a")}),
        }
        assert len(names) == 3

    def test_how_the_tokenizer_was_last_used_does_not(self, llama, tmp_path):
        from spex_data.models import fingerprint

        base = load_base_model(str(shutil.copytree(llama, tmp_path / "m")), task="causal-lm", device="cpu")
        base.tokenizer(["the cat sat", "a"], padding=True, truncation=True, max_length=2)
        assert fingerprint(base.model, base.tokenizer) == base.fingerprint
