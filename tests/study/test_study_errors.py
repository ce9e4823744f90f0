from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spex_data.errors import ConfigError, SeveralErrors
from spex_data.study import parse_study, study_keys

SOUND = {
    "name": "sound",
    "data": {"task": "classification", "train": "train.csv", "text": "question", "label": "intent"},
    "groups": {"by": "shards", "k": 8},
    "targets": {"from": "test.csv"},
    "model": {"source": "minilm"},
}
CAUSAL = {"data": {"task": "causal-lm", "train": "embedded", "text": None, "label": None}}
REMOVED = object()


def changed(changes):
    mapping = copy.deepcopy(SOUND)
    for path, value in changes.items():
        *sections, name = path.split(".")
        inner = mapping
        for section in sections:
            inner = inner.setdefault(section, {})
        if value is REMOVED:
            del inner[name]
        else:
            inner[name] = value
    return mapping


def errors_of(mapping):
    with pytest.raises(SeveralErrors) as caught:
        parse_study(mapping)
    assert all(isinstance(error, ConfigError) for error in caught.value.errors)
    return caught.value.errors


def messages_of(changes):
    return [str(error) for error in errors_of(changed(changes))]


class TestOneKey:
    """A wrong value gives one message: the key, the value found, what to write."""

    @pytest.mark.parametrize(
        ("path", "value", "message"),
        [
            (
                "name",
                "a b",
                "name: is \"a b\"; write a name of letters, digits, '.', '_' and '-', such as banking77",
            ),
            ("name", "..", 'name: is ".."; write a name'),
            ("seed", -1, "seed: is -1; write a whole number of at least 0"),
            (
                "lens",
                "features",
                'lens: is "features"; write data (the lenses features and components are not there',
            ),
            ("data.task", "regression", 'data.task: is "regression"; write classification or causal-lm'),
            ("data.limit", {"rows": 0}, "data.limit.rows: is 0; write a whole number of at least 1"),
            ("data.limit", 5, "data.limit: is 5; write a mapping of rows, per"),
            ("data.where", ["a"], 'data.where: is ["a"]; write a mapping of column to a list of values'),
            ("groups.by", "colum", 'groups.by: is "colum"; write column, list, shards or kmeans'),
            ("groups.k", 1, "groups.k: is 1; write a whole number of at least 2"),
            ("targets.rows", [3, 3], "targets.rows: is [3, 3]; write a list of different row numbers from 0"),
            ("targets.rows", [0, -1], "targets.rows[1]: is -1; write a list of different row numbers from 0"),
            (
                "targets.output",
                "logodds",
                'targets.output: is "logodds"; write log-odds, min-token-log-odds, contrast',
            ),
            ("model.device", "gpu", 'model.device: is "gpu"; write auto, cpu, cuda, cuda:N or mps'),
            ("model.dtype", "int8", 'model.dtype: is "int8"; write float32, bfloat16 or auto'),
            ("lora.rank", 0, "lora.rank: is 0; write a whole number of at least 1"),
            ("lora.layers", "first-2", 'lora.layers: is "first-2"; write all, or last-N such as last-2'),
            ("lora.layers", "last-0", 'lora.layers: is "last-0"; write all, or last-N such as last-2'),
            ("lora.target_modules", ["q", {}], "lora.target_modules[1]: is {}; write a list of module names"),
            ("training.epochs", 2.5, "training.epochs: is 2.5; write a whole number of at least 1"),
            ("training.epochs", True, "training.epochs: is true; write a whole number of at least 1"),
            ("training.learning_rate", 0, "training.learning_rate: is 0; write a number above 0"),
            (
                "training.learning_rate",
                float("nan"),
                "training.learning_rate: is NaN; write a number above 0",
            ),
            (
                "training.seeds",
                "fixed",
                'training.seeds: is "fixed"; write varied, common, or a list of different',
            ),
            ("training.seeds", [], "training.seeds: is []; write varied, common, or a list of different"),
            ("training.seeds", [1, "x"], 'training.seeds[1]: is "x"; write varied, common, or a list'),
            ("training.steps_per_epoch", 0, "training.steps_per_epoch: is 0; write auto, or a whole number"),
            (
                "masks.budget",
                "many",
                'masks.budget: is "many"; write a whole number such as 256, or {alpha: 4}',
            ),
            ("masks.budget", 0, "masks.budget: is 0; write a whole number such as 256"),
            (
                "masks.budget",
                {"beta": 4},
                'masks.budget: is {"beta": 4}; write a whole number such as 256, or {alpha',
            ),
            ("masks.p", 0, "masks.p: is 0; write a number between 0 and 1"),
            ("masks.p", 1, "masks.p: is 1; write a number between 0 and 1"),
            ("masks.heldout", -1, "masks.heldout: is -1; write a whole number of at least 0"),
            ("masks.heldout_seeds", 0, "masks.heldout_seeds: is 0; write a whole number of at least 1"),
            ("verify.share", 0, "verify.share: is 0; write a number above 0 and at most 1, such as 0.25"),
            ("verify.backgrounds", 3, "verify.backgrounds: is 3; write a whole number of at least 4"),
            ("verify.margin", 1, "verify.margin: is 1; write a number from 0 to 1, such as 0.25"),
            ("verify.enabled", "maybe", 'verify.enabled: is "maybe"; write true or false'),
            ("runner.workers", 0, "runner.workers: is 0; write auto, or a whole number of at least 1"),
            (
                "runner.kind",
                "slurm",
                'runner.kind: is "slurm"; write inline, threads, processes, dask or ray',
            ),
            (
                "runner",
                4,
                "runner: is 4; write a mapping of kind, address, gpus, approve, workers, threads, chunk",
            ),
            ("tracking.mlflow", "maybe", 'tracking.mlflow: is "maybe"; write true or false'),
            ("report.text", "some", 'report.text: is "some"; write full, ids or none'),
            (
                "decoding.method",
                "proxspex",
                'decoding.method: is "proxspex", which is no decoder; did you mean proxyspex?',
            ),
            ("data", None, "data: is null; write a mapping of task, train"),
            ("data.train", REMOVED, "data.train: is missing; write a file, an fsspec URL"),
            ("targets", REMOVED, "targets: is missing; write a mapping of from, split"),
        ],
    )
    def test_a_wrong_value_is_named_with_what_would_be_accepted(self, path, value, message):
        (found,) = messages_of({path: value})
        assert found.startswith(message)

    def test_a_long_value_is_cut(self):
        (found,) = messages_of({"model.dtype": "x" * 500})
        assert len(found) < 200


class TestUnknownKeys:
    """A key that does not exist names the nearest that does."""

    @pytest.mark.parametrize(
        ("path", "nearest"),
        [
            ("seeds", "seed"),
            ("training.epoch", "training.epochs"),
            ("data.limit", "data.limit.rows"),
            ("epochs", "training.epochs"),
            ("lora.learning_rate", "training.learning_rate"),
            ("training.target_moduls", "lora.target_modules"),
        ],
    )
    def test_the_nearest_key_is_offered_in_the_same_section_first(self, path, nearest):
        value = {"rows": 1, "row": 1} if path == "data.limit" else 1
        (found,) = messages_of({path: value})
        assert found.endswith(f"is not a key; did you mean {nearest}?")

    def test_a_key_like_no_other_lists_those_there_are(self):
        assert messages_of({"report.zzz": 1}) == [
            "report.zzz: is not a key; the keys of report are top, text"
        ]

    def test_keys_that_are_no_texts_are_unknown_keys(self):
        assert messages_of({"report": {1: 2}}) == ["report.1: is not a key; the keys of report are top, text"]


class TestConflicts:
    """Keys that do not go together are said with the key to change."""

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            (
                {"data.label": REMOVED},
                "data.label: is missing, and the task is classification; write the name",
            ),
            (
                {"data.prompt": "p"},
                'data.prompt: is "p", and the task is classification; remove it, or write data.task',
            ),
            ({"data.split": "dev"}, 'data.split: is "dev", and a file has no splits'),
            ({"targets.split": "dev"}, 'targets.split: is "dev", and a file has no splits'),
            ({"targets.from": REMOVED}, "targets.from: is missing, and a training file has no test split"),
            (
                {"targets.output": "contrast"},
                "targets.foil: is missing, and the output contrast compares with it",
            ),
            ({"groups": {"by": "column"}}, "groups.column: is missing, and the groups are by column"),
            ({"groups": {"by": "list"}}, "groups.file: is missing, and the groups are by list"),
            ({"groups": {"by": "kmeans"}}, "groups.k: is missing, and the groups are by kmeans"),
            (
                {"groups.column": "intent"},
                "groups.column: is intent, and the groups are by shards; remove it, or",
            ),
            (
                {"groups.core": ["x"]},
                "groups.core: names groups, and shards have no names before they are made",
            ),
            (
                {"model.source": "embedded"},
                "model.source: is embedded, a model for causal-lm, and the task is class",
            ),
            (
                {"training": {"schedule": "filtered", "steps_per_epoch": 3}},
                "training.steps_per_epoch: is 3, and in the filtered schedule",
            ),
            (
                {"decoding.method": "spex"},
                "decoding.method: is spex, which decodes coded masks, and masks.scheme is bernoulli",
            ),
            (
                {"masks": {"scheme": "spex", "p": 0.8}},
                "masks.p: is 0.8, and in coded masks half of the groups are present; write 0.5",
            ),
            (
                {"masks": {"until": {"r2": 0.9}}},
                "masks.budget: is missing, and masks.until needs a number of masks to stop at in any case",
            ),
            (
                {"masks": {"budget": 99, "until": {}}},
                "masks.until: names no goal; write {r2: 0.9}, or {ci_width: 1.5}",
            ),
            (
                {"masks": {"budget": 99, "until": {"r2": 0.9, "ci_width": 1}}},
                "masks.until: names two goals; write {r2: 0.9}, or",
            ),
            ({"masks": {"budget": 99, "until": {"r2": 1.5}}}, "masks.until.r2: is 1.5; write a number betw"),
            (
                {"masks": {"budget": 999, "scheme": "spex", "until": {"r2": 0.9}}},
                "masks.scheme: is spex, whose masks are of use only all together",
            ),
            ({"masks": {"first": 64}}, "masks.first: is 64, and there are no rounds; remove it, or write"),
            (
                {"masks": {"budget": 50, "first": 64, "scheme": "adaptive"}},
                "masks.first: is 64, and masks.budget is 50",
            ),
            (
                {"masks": {"inherit": "x.parquet", "scheme": "adaptive"}},
                "masks.inherit: is given, and inherited masks are a part of one sample",
            ),
        ],
    )
    def test_a_conflict_names_one_key_and_the_way_out(self, changes, message):
        (found,) = messages_of(changes)
        assert found.startswith(message)

    def test_embedded_data_are_causal_and_whole(self):
        changes = {"data": {"task": "classification", "train": "embedded", "limit": {"rows": 3}}}
        assert [message.partition(",")[0] for message in messages_of(changes)] == [
            "data.task: is classification",
            "data.limit: is given",
        ]

    def test_a_wrong_key_does_not_bring_up_conflicts_with_itself(self):
        assert len(messages_of({"groups.k": "many"})) == 1
        assert len(messages_of({"groups": 3})) == 1
        assert len(messages_of({"data.task": "regression"})) == 1


class TestAllAtOnce:
    """Everything that is wrong is said in one go."""

    def test_wrong_values_unknown_keys_and_conflicts_come_together(self):
        found = messages_of(
            {"training.epochs": 0, "report.tops": 3, "data.label": REMOVED, "targets.output": "contrast"}
        )
        assert [message.partition(":")[0] for message in found] == [
            "training.epochs",
            "report.tops",
            "data.label",
            "targets.foil",
        ]

    # Any mapping of column to values is a sound `where`, so that key cannot be made wrong in this way.
    @given(
        st.sets(st.sampled_from([key.path for key in study_keys() if "where" not in key.path]), min_size=1)
    )
    def test_each_of_any_number_of_wrong_keys_has_exactly_one_message(self, paths):
        mapping = copy.deepcopy(SOUND)
        for path in paths:
            inner = mapping
            for section in path.split(".")[:-1]:
                inner = inner.setdefault(section, {})
            inner[path.rpartition(".")[2]] = {"no": ["such", "value"]}
        wrong = [error.where for error in errors_of(mapping) if "such" in error.what]
        assert sorted(wrong) == sorted(paths)

    @pytest.mark.parametrize(("value", "message"), [({}, "the study is empty"), ([1], "the study is list")])
    def test_a_study_that_is_no_mapping_lists_the_keys(self, value, message):
        (error,) = errors_of(value)
        assert str(error).startswith(message)
        assert "name, seed, lens, data" in str(error)
