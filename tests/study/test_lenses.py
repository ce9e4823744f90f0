from __future__ import annotations

import pytest

from spex_data.errors import SeveralErrors
from spex_data.study import dump_study, parse_study
from spex_data.study.dialect import parse_yaml

FEATURES = {
    "name": "words",
    "lens": "features",
    "data": {"task": "causal-lm", "train": "embedded"},
    "targets": {"from": "embedded"},
    "model": {"source": "embedded"},
}
COMPONENTS = {**FEATURES, "lens": "components", "components": {"mlps": True}}
DATA = {**FEATURES, "lens": "data", "groups": {"by": "column", "column": "group"}}
ONE_TEXT = {
    "name": "one",
    "lens": "features",
    "features": {"text": "not bad at all", "answer": "POSITIVE"},
    "data": {"task": "classification"},
    "model": {"source": "some/model", "finetune": False},
}


def messages(mapping, **changes):
    with pytest.raises(SeveralErrors) as caught:
        parse_study({**mapping, **changes})
    return [str(error) for error in caught.value.errors]


class TestDefaults:
    """A lens fills in what it leaves no choice about, and writes it down."""

    @pytest.mark.parametrize("mapping", [FEATURES, COMPONENTS])
    def test_values_are_exact_so_nothing_is_retrained_and_one_seed_is_enough(self, mapping):
        study = parse_study(mapping)
        assert not study.verify.enabled
        assert study.masks.heldout_seeds == 1
        assert study.runner.chunk == (1024 if study.lens == "features" else 128)
        assert study.groups.by == "units"

    def test_what_is_written_is_kept(self):
        assert parse_study({**COMPONENTS, "runner": {"chunk": 7}}).runner.chunk == 7

    @pytest.mark.parametrize("mapping", [FEATURES, COMPONENTS, DATA, ONE_TEXT])
    def test_a_study_written_out_is_read_as_the_same_study(self, mapping):
        study = parse_study(mapping)
        assert parse_study(parse_yaml(dump_study(study).encode(), "study.yaml")) == study

    def test_a_study_of_training_data_says_nothing_of_the_other_lenses(self):
        assert not {"features", "components"} & set(parse_study(DATA).as_mapping())

    def test_one_text_with_a_checkpoint_as_it_is_needs_neither_rows_nor_groups(self):
        study = parse_study(ONE_TEXT)
        assert (study.features.text, study.data.train) == ("not bad at all", "none")


class TestConflicts:
    """What a lens does not go with is one message that names the key and says what to write."""

    @pytest.mark.parametrize(
        ("mapping", "changes", "message"),
        [
            (FEATURES, {"components": {"mlps": True}}, "components: is given, and the lens is features"),
            (COMPONENTS, {"features": {"units": "tokens"}}, "features: is given, and the lens is components"),
            (DATA, {"features": {"units": "tokens"}}, "features: is given, and the lens is data; remove it"),
            (FEATURES, {"groups": {"by": "shards", "k": 4}}, "groups: is given, and the lens features masks"),
            (DATA, {"groups": {"by": "units"}}, "groups.by: is units, and the lens is data; write column"),
            (FEATURES, {"verify": {"enabled": True}}, "verify.enabled: is true, and a value of the lens"),
            (COMPONENTS, {"masks": {"heldout_seeds": 2}}, "masks.heldout_seeds: is 2, and a value of the"),
            (DATA, {"model": {"source": "embedded", "finetune": False}}, "model.finetune: is false, and the"),
            (ONE_TEXT, {"features": {"text": " ", "answer": "x"}}, "features.text: is empty; write a text"),
            (ONE_TEXT, {"features": {"text": "a b"}}, "features.answer: is missing, and features.text is"),
            (FEATURES, {"features": {"answer": "x"}}, "features.answer: is given without features.text"),
            (ONE_TEXT, {"targets": {"from": "x.csv"}}, "targets.from: is given beside features.text"),
            (
                FEATURES,
                {"features": {"masking": "deletion", "replacement": "x"}},
                'features.replacement: is "x", and features.masking is deletion; remove it',
            ),
            (
                COMPONENTS,
                {"components": {"rescaled": True, "ablation": "mean"}},
                "components.rescaled: is true with ablation mean; write ablation: zero",
            ),
            (COMPONENTS, {"components": {"heads": []}}, "components.heads: is [], and components.mlps is"),
            (COMPONENTS, {"components": {"prune": [0]}}, "components.prune[0]: is 0; write a list of diff"),
            (COMPONENTS, {"components": {"layers": [1, 1]}}, "components.layers: is [1, 1]; write a list"),
            (FEATURES, {"features": {"units": "letters"}}, 'features.units: is "letters"; write words, tok'),
            (
                {**COMPONENTS, "targets": {}},
                {"data": {"task": "causal-lm"}, "model": {"source": "x/y", "finetune": False}},
                "targets.from: is missing, and there is nothing else to read",
            ),
        ],
    )
    def test_it_is_said_once(self, mapping, changes, message):
        (found,) = messages(mapping, **changes)
        assert found.startswith(message)
