from __future__ import annotations

import json
import math
from typing import get_args

import pytest
from pydantic import ValidationError

from spex_data.decoding import DEFAULT
from spex_data.errors import SeveralErrors
from spex_data.evaluation import OUTPUTS
from spex_data.masks import MaskDistribution
from spex_data.study import StudyConfig, config_differences, parse_study, study_keys
from spex_data.study.procedure import DecodingConfig
from spex_data.study.sections import Output
from spex_data.training import LoraRecipe

MINIMAL = {
    "name": "minimal",
    "data": {"task": "classification", "train": "train.csv", "text": "question", "label": "intent"},
    "groups": {"by": "column", "column": "intent"},
    "targets": {"from": "test.csv"},
    "model": {"source": "minilm"},
}


def study(**sections):
    return parse_study(
        {**MINIMAL, **{name: {**MINIMAL.get(name, {}), **keys} for name, keys in sections.items()}}
    )


class TestDefaults:
    """Only what cannot be guessed must be written."""

    def test_name_data_groups_targets_and_model_are_all_that_must_be_written(self):
        assert parse_study(MINIMAL).name == "minimal"
        for name in MINIMAL:
            with pytest.raises(SeveralErrors, match=rf"{name}: is missing"):
                parse_study({key: value for key, value in MINIMAL.items() if key != name})

    def test_the_default_decoder_is_the_default_of_decoding(self):
        assert parse_study(MINIMAL).decoding.method == DEFAULT

    def test_the_reported_list_is_at_a_rate_of_a_tenth_and_null_switches_it_off(self):
        assert parse_study(MINIMAL).decoding.fdr == 0.1
        assert parse_study({**MINIMAL, "decoding": {"fdr": None}}).decoding.fdr is None

    def test_a_false_discovery_rate_is_a_share(self):
        with pytest.raises(SeveralErrors, match=r"decoding.fdr: .*a number between 0 and 1"):
            parse_study({**MINIMAL, "decoding": {"fdr": 1.5}})

    def test_the_outputs_are_those_of_evaluation(self):
        assert set(get_args(Output)) == set(OUTPUTS)

    def test_embedded_data_need_no_columns_and_bring_their_targets(self):
        config = parse_study(
            {
                "name": "demo",
                "data": {"task": "causal-lm", "train": "embedded"},
                "groups": {"by": "column", "column": "group"},
                "targets": {"output": "contrast"},
                "model": {"source": "embedded"},
            }
        )
        assert config.targets_source == "embedded"
        assert config.data.columns == ("prompt", "completion")

    def test_targets_without_a_source_are_in_the_data_set_of_the_training_data(self):
        config = parse_study(
            {**MINIMAL, "data": {**MINIMAL["data"], "train": "a/b", "subset": "en"}, "targets": {}}
        )
        assert (config.targets_source, config.targets.split, config.targets_subset) == ("a/b", "test", "en")

    def test_targets_of_another_source_do_not_take_over_the_subset(self):
        config = study(data={"train": "a/b", "subset": "en"}, targets={"from": "c/d"})
        assert config.targets_subset is None


class TestValues:
    """A value may be written in the ways people write it."""

    def test_one_value_stands_for_a_list_of_one(self):
        assert study(data={"where": {"intent": "card"}}).data.where == {"intent": ("card",)}
        assert study(groups={"core": "card"}).groups.core == ("card",)

    def test_numbers_and_booleans_can_be_labels(self):
        assert study(data={"where": {"intent": [1, True, "x"]}}).data.where == {"intent": ("1", "true", "x")}

    def test_an_output_can_be_read_from_a_column(self):
        assert study(targets={"output": {"column": "kind"}}).targets.output.column == "kind"

    def test_a_study_cannot_be_changed(self):
        with pytest.raises(ValidationError, match="frozen"):
            parse_study(MINIMAL).seed = 3


class TestBudget:
    """The number of masks is written, or alpha n log2 n."""

    def test_a_number_is_itself(self):
        assert study(masks={"budget": 100}).budget(16) == 100

    @pytest.mark.parametrize(("alpha", "n"), [(4, 16), (2, 21), (0.5, 7), (8, 2)])
    def test_alpha_gives_the_floor_of_alpha_n_log2_n(self, alpha, n):
        assert study(masks={"budget": {"alpha": alpha}}).budget(n) == math.floor(alpha * n * math.log2(n))


class TestMaskDesign:
    """The masks of a study follow from its keys and the groups."""

    def test_they_are_what_its_keys_say(self):
        masks = {"budget": 60, "scheme": "stratified", "heldout": 7}
        drawn = study(masks=masks).mask_design(["a", "b", "c", "d", "e", "f", "g", "h"])
        assert drawn.distribution == MaskDistribution("stratified", 8)
        assert (len(drawn.training), len(drawn.heldout), drawn.seed, drawn.code) == (60, 7, 0, None)

    def test_coded_masks_have_the_degree_asked_for(self):
        masks = {"budget": 150, "scheme": "spex", "degree": 2}
        assert study(masks=masks).mask_design([str(group) for group in range(16)]).code.degree == 2


class TestRecipe:
    """The recipe of a fine-tune holds the sections lora and training, with the steps resolved."""

    @pytest.mark.parametrize(("n_examples", "steps"), [(1, 1), (16, 1), (17, 2), (138, 9)])
    def test_steps_are_examples_over_batch_size_rounded_up(self, n_examples, steps):
        assert study(training={"batch_size": 16}).recipe(n_examples).steps_per_epoch == steps

    def test_steps_that_are_written_are_taken(self):
        assert study(training={"steps_per_epoch": 5}).recipe(100).steps_per_epoch == 5

    def test_the_defaults_are_those_of_the_recipe(self):
        assert parse_study(MINIMAL).recipe(40) == LoraRecipe(steps_per_epoch=3)

    def test_every_key_arrives(self):
        lora = {"rank": 2, "alpha": 3.0, "target_modules": ("q",), "layers": "last-1", "rslora": True}
        training = {
            "epochs": 2,
            "batch_size": 4,
            "learning_rate": 0.1,
            "optimizer": "sgd",
            "decay": "cosine",
            "weight_decay": 0.2,
            "clip_norm": 0.0,
            "schedule": "filtered",
        }
        recipe = study(lora=lora, training=training).recipe(8)
        assert {name: getattr(recipe, name) for name in (*lora, *training)} == {**lora, **training}


class TestConfigHash:
    """The hash names the values of all keys."""

    def test_a_default_that_is_written_out_does_not_change_it(self):
        assert study(training={"epochs": 3}).config_hash == parse_study(MINIMAL).config_hash

    def test_any_key_changes_it(self):
        assert study(report={"top": 5}).config_hash != parse_study(MINIMAL).config_hash


class TestConfigDifferences:
    """Two studies differ in the keys whose values differ."""

    def test_a_study_does_not_differ_from_itself(self):
        assert config_differences(parse_study(MINIMAL), parse_study(MINIMAL)) == []

    def test_each_key_has_a_line_in_the_order_of_the_keys(self):
        after = study(training={"epochs": 4}, masks={"budget": 10}, data={"limit": {"rows": 2}})
        assert config_differences(parse_study(MINIMAL), after) == [
            'data.limit: null -> {"rows": 2, "per": null}',
            "training.epochs: 3 -> 4",
            'masks.budget: {"alpha": 4.0} -> 10',
        ]

    def test_keys_and_sections_can_be_left_out(self):
        after = study(training={"epochs": 4, "keep": "none"}, report={"top": 1})
        left = config_differences(parse_study(MINIMAL), after, ignore=["report", "training.keep"])
        assert left == ["training.epochs: 3 -> 4"]


class TestForm:
    """Forms and documentation are made from the keys themselves."""

    def test_every_key_is_described_and_says_what_it_takes(self):
        for key in study_keys():
            assert key.description.endswith("."), key.path
            assert key.accepts, key.path

    def test_everything_in_the_json_schema_is_described(self):
        schema = StudyConfig.model_json_schema()
        for model in (schema, *schema["$defs"].values()):
            assert model["description"]
            assert all("description" in field or "$ref" in field for field in model["properties"].values())

    def test_the_json_schema_names_keys_as_the_file_does(self):
        schema = StudyConfig.model_json_schema()
        assert "from" in schema["$defs"]["TargetsConfig"]["properties"]
        assert json.dumps(schema)

    def test_what_pydantic_dumps_it_also_reads(self):
        config = study(masks={"budget": 8}, targets={"rows": [3, 1]})
        assert StudyConfig.model_validate(config.model_dump()) == config
        assert StudyConfig.model_validate_json(config.model_dump_json()) == config

    def test_a_form_that_contradicts_itself_is_refused_by_the_model_alone(self):
        config = parse_study(MINIMAL).as_mapping()
        config["groups"]["by"] = "shards"
        with pytest.raises(ValueError, match=r"groups\.k: is missing"):
            StudyConfig.model_validate(config)


class TestOff:
    """A bare `off` is the word, whatever YAML tool wrote it."""

    @pytest.mark.parametrize("written", ["off", False])
    def test_off_and_false_turn_the_surrogate_off(self, written):
        assert DecodingConfig(surrogate=written).surrogate == "off"
