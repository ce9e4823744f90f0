from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spex_data.embedded.language import (
    CHANGING,
    N_CHANGED,
    N_PRODUCTS,
    VALUES,
    draw_catalogue,
    pretraining_texts,
    vocabulary,
)

SEEDS = st.integers(0, 10**6)


class TestDrawCatalogue:
    """A seed decides the products, what is true of them, and what a new release changes."""

    @settings(max_examples=30)
    @given(seed=SEEDS)
    def test_news_differ_from_the_facts_and_from_each_other(self, seed):
        catalogue = draw_catalogue(seed)
        for relation in CHANGING:
            news = [catalogue.changed[product, relation] for product in catalogue.products[:N_CHANGED]]
            before = [catalogue.facts[product, relation] for product in catalogue.products[:N_CHANGED]]
            assert len(set(news)) == N_CHANGED
            assert all(old != new for old, new in zip(before, news))

    @settings(max_examples=30)
    @given(seed=SEEDS)
    def test_every_value_is_true_of_some_products_and_of_about_equally_many(self, seed):
        facts = draw_catalogue(seed).facts
        for relation, values in VALUES.items():
            dealt = [value for (_, about), value in facts.items() if about == relation]
            assert len(dealt) == N_PRODUCTS
            assert {dealt.count(value) for value in values} == {3, 4}

    def test_the_same_seed_gives_the_same_catalogue_and_another_another(self):
        assert draw_catalogue(3) == draw_catalogue(3)
        assert draw_catalogue(3) != draw_catalogue(4)


class TestPretrainingTexts:
    """The base model reads every fact, and none of the news."""

    @settings(max_examples=10)
    @given(seed=SEEDS)
    def test_no_text_tells_news(self, seed):
        catalogue = draw_catalogue(seed)
        for (product, _), value in catalogue.changed.items():
            told = [text for text in pretraining_texts(catalogue) if f" {product}" in f" {text.prompt}"]
            assert told
            assert all(value not in text.completion.split() for text in told)

    def test_a_question_has_one_answer(self):
        texts = pretraining_texts(draw_catalogue(0))
        assert len({text.prompt for text in texts}) == len(texts)


class TestVocabulary:
    """Every word of every world has a place of its own, whatever the seed."""

    @pytest.mark.parametrize("seed", range(3))
    def test_no_word_of_a_world_is_missing(self, seed):
        texts = pretraining_texts(draw_catalogue(seed))
        words = re.findall(r"\w+|[^\w\s]+", " ".join(f"{prompt} {answer}" for prompt, answer in texts))
        assert {word.lower() for word in words} <= set(vocabulary())
