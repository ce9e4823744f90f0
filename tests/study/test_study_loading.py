from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spex_data.errors import ConfigError, SeveralErrors
from spex_data.study import dump_study, load_study, parse_study, resolve_paths
from spex_data.study.dialect import format_yaml, parse_yaml

TEXT = """\
name: small
data: {task: classification, train: train.csv, text: question, label: intent, where: {intent: [no, 007]}}
groups: {by: shards, k: 4}
targets: {from: test.csv}
model: {source: minilm}
training: {learning_rate: 1e-3}
"""


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(TEXT)
    return tmp_path / "small.yaml"


@st.composite
def studies(draw):
    # Words that YAML may take for something else, and any text at all.
    word = st.sampled_from(
        ["no", "null", "1e3", "007", "2024-01-01", "1:30", "~", "<<", "a: b", "- x", "#", " "]
    )
    label = word | st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), min_size=1)
    return parse_study(
        {
            "name": draw(st.sampled_from(["a", "1e3", "007", "no", "0.5"])),
            "seed": draw(st.integers(0, 2**62)),
            "data": {
                "task": "classification",
                "train": "train.csv",
                "text": draw(label),
                "label": draw(label),
                "where": draw(st.dictionaries(label, st.lists(label, max_size=3), max_size=2)),
                "limit": draw(
                    st.none() | st.fixed_dictionaries({"rows": st.integers(1, 9), "per": st.none() | label})
                ),
            },
            "groups": {"by": "column", "column": draw(label), "core": draw(st.lists(label, max_size=3))},
            "targets": {"from": "test.csv", "rows": draw(st.none() | st.lists(st.integers(0), unique=True))},
            "model": {"source": "minilm"},
            "training": {
                "learning_rate": draw(st.floats(1e-300, 1e300)),
                "seeds": draw(
                    st.sampled_from(["varied", "common"]) | st.lists(st.integers(0), min_size=1, unique=True)
                ),
            },
            "masks": {
                "budget": draw(st.integers(1) | st.fixed_dictionaries({"alpha": st.floats(1e-3, 1e3)}))
            },
        }
    )


class TestDumpStudy:
    """What is dumped is read again as the same study."""

    @given(studies())
    def test_a_dumped_study_is_the_same_when_parsed(self, study):
        again = parse_study(parse_yaml(dump_study(study), "dump"))
        assert again == study
        assert again.config_hash == study.config_hash

    def test_every_key_is_written_in_its_order(self, path):
        text = dump_study(load_study(path))
        assert [line.partition(":")[0] for line in text.splitlines() if line[0].isalpha()] == [
            *("name", "seed", "lens", "data", "groups", "targets", "model", "lora", "training", "masks"),
            *("decoding", "verify", "runner", "tracking", "report"),
        ]
        assert "  from: " in text

    def test_loading_a_dumped_study_changes_nothing_more(self, path):
        study = load_study(path)
        Path("dumped.yaml").write_text(dump_study(study))
        assert load_study("dumped.yaml") == study


class TestDialect:
    """Unquoted words are what YAML 1.2 takes them for."""

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("no", "no"),
            ("on", "on"),
            ("007", "007"),
            ("1:30", "1:30"),
            ("2024-01-01", "2024-01-01"),
            ("1e-3", 0.001),
            ("-2.5E+1", -25.0),
            ("1_000", "1_000"),
            ("12", 12),
            ("True", True),
            ("~", None),
            ("", None),
        ],
    )
    def test_words(self, text, value):
        assert parse_yaml(text, "here") == value

    @given(
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats(allow_nan=False)
            | st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"))),
            lambda inner: st.lists(inner, max_size=3),
        )
    )
    def test_any_plain_value_survives(self, value):
        assert parse_yaml(format_yaml(value), "here") == value

    def test_an_anchor_is_merged(self):
        value = parse_yaml("a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}\n", "here")
        assert value["b"] == {"x": 3, "y": 2}

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("a: 1\nb: [1,\n", r"here, line 3, column 1: is no valid YAML"),
            (
                "a: b: c\n",
                r"here, line 1, column 5: is no valid YAML \(mapping values are not allowed here\)",
            ),
            (
                "a: {x: 1, x: 2}\n",
                r"here, line 1, column 11: is no valid YAML \(the key 'x' is there twice\)",
            ),
            ("a: !!python/object:os.system x\n", r"here, line 1, column 4"),
            (b"a: \xff\n", r"here: is no valid YAML .*UTF-8"),
        ],
    )
    def test_what_is_no_yaml_is_said_with_line_and_column(self, text, message):
        with pytest.raises(ConfigError, match=message):
            parse_yaml(text, "here")


class TestOverrides:
    """An override has the last word, and its errors are told with the others."""

    def test_a_value_is_yaml(self, path):
        study = load_study(
            path, ["training.epochs=4", "lora.target_modules=[q, v]", "training.learning_rate=5e-3"]
        )
        assert (study.training.epochs, study.training.learning_rate) == (4, 0.005)
        assert study.lora.target_modules == ("q", "v")

    def test_the_last_of_two_wins(self, path):
        assert load_study(path, ["seed=1", "seed=2"]).seed == 2

    def test_a_value_can_become_a_mapping(self, path):
        assert load_study(path, ["masks.budget=9", "masks.budget.alpha=2"]).masks.budget.alpha == 2

    def test_a_value_can_hold_an_equals_sign(self, path):
        assert load_study(path, ["tracking.uri=http://h/?a=b"]).tracking.uri == "http://h/?a=b"

    def test_null_gives_a_key_back_to_its_default(self, path):
        assert load_study(path, ["tracking.uri=x", "tracking.uri="]).tracking.uri is None

    def test_a_shared_section_is_not_changed_with_the_other(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        text = TEXT.replace("where: {intent: [no, 007]}", "limit: &l {rows: 3}").replace(
            "test.csv", "test.csv, limit: *l"
        )
        Path("shared.yaml").write_text(text)
        study = load_study("shared.yaml", ["data.limit.rows=5"])
        assert (study.data.limit.rows, study.targets.limit.rows) == (5, 3)

    def test_wrong_overrides_and_wrong_keys_come_together(self, path):
        with pytest.raises(SeveralErrors) as caught:
            load_study(path, ["epochs", "seed=[", "training.epoch=3", "masks.p=2"])
        assert [error.where.partition(",")[0] for error in caught.value.errors] == [
            "--set epochs",
            "--set seed=[",
            "training.epoch",
            "masks.p",
        ]


class TestLoadStudy:
    """A file is read, or it is said why not."""

    def test_labels_are_read_as_written(self, path):
        assert load_study(path).data.where == {"intent": ("no", "007")}

    def test_a_missing_file_names_the_nearest(self, path):
        with pytest.raises(ConfigError, match=r"smal\.yaml: there is no such file; did you mean small\.yaml"):
            load_study("smal.yaml")

    def test_a_directory_is_refused(self, path):
        with pytest.raises(ConfigError, match="cannot be read"):
            load_study(path.parent)

    def test_an_empty_file_lists_the_keys(self, path):
        path.write_text("# nothing yet\n")
        with pytest.raises(SeveralErrors, match="the study is empty; write the keys name"):
            load_study(path)

    def test_a_list_is_refused(self, path):
        path.write_text("- a\n")
        with pytest.raises(SeveralErrors, match="the study is list"):
            load_study(path)


class TestResolvePaths:
    """Paths of files become absolute, and what is no path stays."""

    def resolved(self, directory, **sources):
        mapping = parse_yaml(TEXT, "here")
        mapping["data"]["train"] = sources.get("train", "train.csv")
        mapping["model"]["source"] = sources.get("model", "minilm")
        return resolve_paths(parse_study(mapping), directory)

    def test_files_start_at_the_working_directory(self, path):
        study = load_study(path, ["groups={by: list, file: lists/groups.json}", "data.train=../train.csv"])
        here = Path.cwd()
        assert study.data.train == str(here.parent / "train.csv")
        assert study.targets.source == str(here / "test.csv")
        assert study.groups.file == str(here / "lists" / "groups.json")

    @pytest.mark.parametrize("source", ["s3://bucket/train.csv", "PolyAI/banking77", "memory://x.jsonl"])
    def test_urls_and_ids_stay(self, tmp_path, source):
        assert self.resolved(tmp_path, train=source).data.train == source

    def test_an_id_that_is_a_directory_here_is_that_directory(self, tmp_path):
        (tmp_path / "org" / "model").mkdir(parents=True)
        assert self.resolved(tmp_path, model="org/model").model.source == str(tmp_path / "org" / "model")
        assert self.resolved(tmp_path, model="org/other").model.source == "org/other"

    def test_a_path_that_is_spelt_as_one_need_not_exist_yet(self, tmp_path):
        assert self.resolved(tmp_path, model="./later").model.source == str(tmp_path / "later")
        assert self.resolved(tmp_path, model="~/later").model.source == os.path.expanduser("~/later")

    def test_a_folder_named_like_a_built_in_source_does_not_hide_it(self, tmp_path):
        (tmp_path / "minilm").mkdir()
        assert self.resolved(tmp_path).model.source == "minilm"
