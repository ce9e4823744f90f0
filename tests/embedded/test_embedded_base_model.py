from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from spex_data.embedded import demo_world, embedded_base_model
from spex_data.embedded.base_model import default_cache, word_tokenizer
from spex_data.embedded.language import draw_catalogue, pretraining_texts
from spex_data.embedded.pretraining import PretrainingRecipe, encode_texts, exact_match
from spex_data.embedded.world import CORE
from spex_data.errors import ModelError
from spex_data.evaluation import evaluate_targets
from spex_data.groups import by_column
from spex_data.training import LoraRecipe
from spex_data.value_functions import SubsetTraining

SHORT = PretrainingRecipe(steps=3)


class TestEmbeddedBaseModel:
    """The demo's model is built once, kept whole, and the same for the same seed."""

    def test_a_seed_gives_one_model_and_another_another(self, tmp_path):
        one, two, other = (
            embedded_base_model(seed, tmp_path / cache, recipe=SHORT).fingerprint
            for seed, cache in ((0, "one"), (0, "two"), (1, "one"))
        )
        assert one == two
        assert one != other

    def test_a_model_in_the_cache_is_not_built_again(self, tmp_path, monkeypatch):
        first = embedded_base_model(0, tmp_path, recipe=SHORT)
        monkeypatch.setattr("spex_data.embedded.base_model.pretrain", None)
        assert embedded_base_model(0, tmp_path, recipe=SHORT).fingerprint == first.fingerprint
        assert first.source == "embedded"

    def test_a_build_that_is_interrupted_leaves_nothing(self, tmp_path, monkeypatch):
        def interrupt(*_):
            raise KeyboardInterrupt

        monkeypatch.setattr("spex_data.embedded.base_model._save", interrupt)
        with pytest.raises(KeyboardInterrupt):
            embedded_base_model(0, tmp_path, recipe=SHORT)
        assert list(tmp_path.iterdir()) == []

    def test_another_recipe_is_another_model_in_the_cache(self, tmp_path):
        embedded_base_model(0, tmp_path, recipe=SHORT)
        embedded_base_model(0, tmp_path, recipe=PretrainingRecipe(steps=4))
        assert len(list(tmp_path.iterdir())) == 2

    def test_a_cache_that_cannot_be_written_is_named(self, tmp_path):
        (tmp_path / "file").write_text("in the way")
        with pytest.raises(ModelError, match="set SPEX_DATA_CACHE to a folder"):
            embedded_base_model(0, tmp_path / "file", recipe=SHORT)

    def test_the_cache_is_where_the_environment_says(self, monkeypatch, tmp_path):
        monkeypatch.setenv("SPEX_DATA_CACHE", str(tmp_path))
        assert default_cache() == tmp_path
        monkeypatch.delenv("SPEX_DATA_CACHE")
        monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
        assert str(default_cache()) == "/caches/spex-data"

    def test_plain_transformers_loads_what_is_kept(self, tmp_path):
        base = embedded_base_model(0, tmp_path, recipe=SHORT)
        (folder,) = tmp_path.iterdir()
        assert not list(folder.glob("*.bin"))
        model = AutoModelForCausalLM.from_pretrained(folder)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        prompt = "Which button resets the Lurn?"
        assert tokenizer(prompt)["input_ids"] == base.tokenizer(prompt)["input_ids"]
        assert torch.equal(model.get_input_embeddings().weight, base.model.get_input_embeddings().weight)


class TestWordTokenizer:
    """One token a word, whatever its case; no word of the demo is unknown."""

    @pytest.mark.parametrize("seed", range(3))
    def test_every_text_of_a_world_is_known(self, seed):
        examples, tokenizer = demo_world(seed).examples, word_tokenizer()
        encoded = tokenizer([*examples.inputs, *examples.outputs])["input_ids"]
        assert not any(tokenizer.unk_token_id in row for row in encoded)

    def test_a_completion_is_tokenised_without_its_prompt_as_with_it(self):
        tokenizer = word_tokenizer()
        prompt, answer = "Lurn sheet: button", "red power coins"
        apart = tokenizer(prompt)["input_ids"] + tokenizer(answer, add_special_tokens=False)["input_ids"]
        assert apart == tokenizer(f"{prompt} {answer}")["input_ids"]


class TestTheScience:
    """What was planted is what fine-tuning does."""

    def test_the_base_model_knows_every_fact_and_no_news(self, demo_model):
        texts = pretraining_texts(draw_catalogue(0))
        assert exact_match(demo_model.model, encode_texts(demo_model.tokenizer, texts)) == 1
        values = dict(
            zip(
                demo_world(0).targets.names,
                evaluate_targets(demo_model.model, demo_model, demo_world(0).targets),
                strict=True,
            )
        )
        assert all(values[name] < -5 for name in ("redundant", "both-needed", "either-plus-one"))
        assert all(values[name] > 3 for name in ("rescue", "null"))

    def test_the_right_answer_wins_exactly_where_the_planted_shape_is_true(self, demo_model):
        world = demo_world(0)
        examples = world.examples
        grouping = by_column(examples.ids, examples.columns["group"], core=[CORE])
        layers = ("q_proj", "v_proj", "o_proj", "up_proj", "down_proj")
        recipe = LoraRecipe(
            rank=4, alpha=8, target_modules=layers, learning_rate=5e-3, epochs=6, batch_size=16
        )
        masks = np.zeros((8, grouping.n_groups), dtype=bool)
        corners = np.array(list(itertools.product((False, True), repeat=3)))
        masks[:, [0, 2, 4, 6]], masks[:, [1, 3, 5, 7]] = corners[:, :1], corners[:, 1:2]
        masks[:, 8] = corners[:, 2]
        first, second, third = corners.T
        measured = SubsetTraining(demo_model, examples, grouping, recipe, world.targets)
        values = measured(masks, np.arange(8)).values
        expected = [
            first | second,
            ~first | second,
            first & second,
            (first | second) & third,
            np.ones(8, bool),
        ]
        np.testing.assert_array_equal(values > 0, np.array(expected).T)
