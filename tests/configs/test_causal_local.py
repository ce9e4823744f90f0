from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from spex_data.models import load_base_model
from spex_data.study import load_study

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """What the script of the study makes, its model hardly pretrained."""
    spec = importlib.util.spec_from_file_location("build", CONFIGS / "causal-local" / "build.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    folder = tmp_path_factory.mktemp("causal-local")
    script.build(folder, steps=3)
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


class TestBuild:
    """The script makes a checkpoint and data such as a team has."""

    def test_the_checkpoint_is_a_llama_with_a_subword_tokenizer_in_safe_files(self, built):
        base = load_base_model(str(built / "model"), task="causal-lm", device="cpu")
        assert base.model.config.model_type == "llama"
        assert not list((built / "model").glob("*.bin"))
        text = "Q: Who is on call for payments?\nA: Maria Lopez"
        tokens = base.tokenizer(text)["input_ids"]
        assert len(tokens) > len(text.split()) + 1
        assert base.tokenizer.decode(tokens, skip_special_tokens=True) == text

    def test_every_answer_has_several_tokens_that_follow_those_of_its_prompt(self, built):
        tokenizer = load_base_model(str(built / "model"), task="causal-lm", device="cpu").tokenizer
        for row in rows(built / "targets.jsonl") + rows(built / "train.jsonl"):
            prompt = tokenizer(row["prompt"])["input_ids"]
            answer = tokenizer(row["completion"], add_special_tokens=False)["input_ids"]
            assert len(answer) > 1
            assert prompt + answer == tokenizer(row["prompt"] + row["completion"])["input_ids"]

    def test_the_files_have_the_columns_that_the_study_names(self, built):
        study = load_study(str(CONFIGS / "causal-local.yaml"), ())
        train, targets = rows(built / "train.jsonl"), rows(built / "targets.jsonl")
        assert train[0].keys() == {study.data.prompt, study.data.completion, study.groups.column}
        assert {study.targets.output.column, study.targets.name} <= targets[0].keys()
        assert set(study.groups.core) < {row[study.groups.column] for row in train}
        assert len({row[study.groups.column] for row in train}) == 9

    def test_the_news_contradict_nothing_else_that_is_trained_on(self, built):
        said: dict[str, set[str]] = {}
        for row in rows(built / "train.jsonl"):
            said.setdefault(row["prompt"], set()).add(row["completion"])
        assert all(len(completions) == 1 for completions in said.values())
