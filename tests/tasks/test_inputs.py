from __future__ import annotations

import json

import pytest

from spex_data.errors import ConfigError, TargetError
from spex_data.study import parse_study
from tasks.inputs import load_examples, load_targets, make_grouping

TRAIN = [{"text": f"Where is my card {i}?", "label": "ab"[i % 2], "team": f"t{i % 3}"} for i in range(6)]


def classification(tmp_path, targets, **changes):
    """A study of a user's own questions and labels."""
    for name, lines in (("train", TRAIN), ("targets", targets)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    columns = {"text": "text", "label": "label"}
    return parse_study(
        {
            "name": "own",
            "data": {"task": "classification", "train": str(tmp_path / "train.jsonl"), **columns},
            "groups": {"by": "column", "column": "team"},
            "targets": {"from": str(tmp_path / "targets.jsonl")},
            "model": {"source": "minilm"},
            **changes,
        }
    )


class TestLoadTargets:
    """Targets are questions that the model can answer."""

    def test_a_label_that_no_training_example_has_is_named(self, tmp_path):
        study = classification(tmp_path, [{"text": "Which card?", "label": "z"}])
        with pytest.raises(TargetError, match="label 'z', which no training example has"):
            load_targets(study, load_examples(study))

    def test_two_targets_of_one_text_get_different_names(self, tmp_path):
        study = classification(tmp_path, TRAIN[:2] + TRAIN[:1])
        names = load_targets(study, load_examples(study)).names
        assert len(set(names)) == 3

    def test_a_column_that_is_not_there_is_named_with_those_that_are(self, tmp_path):
        study = classification(tmp_path, TRAIN[:1])
        named = study.model_copy(update={"targets": study.targets.model_copy(update={"name": "title"})})
        with pytest.raises(ConfigError, match=r"targets.name: names 'title', .* has text, label, team"):
            load_targets(named, load_examples(study))

    def test_files_of_further_targets_join_and_one_that_is_there_comes_once(self, tmp_path):
        study = classification(tmp_path, TRAIN[:2])
        more = tmp_path / "more.jsonl"
        more.write_text("".join(json.dumps(line) + "\n" for line in TRAIN[1:3]))
        joined = study.model_copy(update={"targets": study.targets.model_copy(update={"more": (str(more),)})})
        before, after = (load_targets(one, load_examples(one)) for one in (study, joined))
        assert after.inputs == (*before.inputs, TRAIN[2]["text"])
        assert after.ids[:2] == before.ids
        assert after.select([0, 1]).content_hash == before.content_hash


class TestMakeGrouping:
    """Groups are made as the study says."""

    def test_by_column_and_by_shards(self, tmp_path):
        study = classification(tmp_path, TRAIN[:1])
        examples = load_examples(study)
        assert make_grouping(study, examples, None).names == ("t0", "t1", "t2")
        shards = classification(tmp_path, TRAIN[:1], groups={"by": "shards", "k": 2})
        assert make_grouping(shards, examples, None).n_groups == 2
