from __future__ import annotations

import re

import pytest

from spex_data.embedded import TEXT_FAMILIES, planted_world
from spex_data.embedded.language import draw_catalogue, pretraining_texts, vocabulary
from spex_data.embedded.world import CORE
from spex_data.errors import ConfigError
from spex_data.groups import by_column

SEEDS = range(5)


def texts_of(world):
    """Texts by label of their group."""
    found: dict[str, list[tuple[str, str]]] = {}
    columns = zip(world.examples.inputs, world.examples.outputs, world.examples.columns["group"], strict=True)
    for prompt, completion, group in columns:
        found.setdefault(group, []).append((prompt, completion))
    return found


class TestPlantedWorld:
    """Studies of real texts whose interactions are known, decided by their parameters and their seed."""

    @pytest.mark.parametrize("seed", SEEDS)
    def test_it_has_the_groups_asked_for_and_one_target_a_family(self, seed):
        world = planted_world(n_groups=24, seed=seed)
        grouping = by_column(world.examples.ids, world.examples.columns["group"], core=[CORE])
        assert grouping.n_groups == 24
        assert world.targets.names == TEXT_FAMILIES

    @pytest.mark.parametrize("seed", SEEDS)
    def test_no_two_stories_speak_of_one_product_or_teach_one_value(self, seed):
        world = planted_world(seed=seed)
        answers = [word for answer in world.targets.answers for word in answer.split(" power ")]
        foils = [foil for foil in world.targets.foils if foil]
        assert len({*answers, *foils}) == len(answers) + len(foils)
        products = [re.split(r"\?| sheet", asked)[0].split()[-1] for asked in world.targets.inputs]
        assert len(set(products)) == len(products)

    @pytest.mark.parametrize("seed", SEEDS)
    def test_planted_sets_are_groups_of_the_study_and_a_mislabelled_group_interacts_with_none(self, seed):
        world = planted_world(seed=seed)
        members: dict[str, set[str]] = {}
        for identity, label in zip(world.examples.ids, world.examples.columns["group"], strict=True):
            members.setdefault(label, set()).add(identity)
        for one in world.planted:
            assert list(one.groups) == [members[label] for label in one.labels]
        assert {one.target for one in world.planted} == {*TEXT_FAMILIES} - {"mislabelled"}
        assert world.harmful["mislabelled"] in [frozenset(ids) for ids in members.values()]

    def test_duplicates_are_the_same_texts_in_three_groups(self):
        copies = [texts for label, texts in texts_of(planted_world()).items() if " copy " in label]
        assert copies[0] == copies[1] == copies[2]

    def test_other_groups_tell_what_the_model_knows_and_with_difficulty_tell_stories(
        self,
    ):
        known = set(pretraining_texts(draw_catalogue(2)))
        quiet, loud = (texts_of(planted_world(n_groups=40, difficulty=d, seed=2)) for d in (0.0, 0.5))
        fillers = [label for label in quiet if label.startswith("Catalogue")]
        assert all(text in known for label in fillers for text in quiet[label])
        new = [text for label in fillers for text in loud[label] if text not in known]
        stories = [text for label in loud if label not in (*fillers, CORE) for text in loud[label]]
        assert len(new) > len(fillers)
        assert {*new} <= {*stories}

    def test_noise_replaces_about_its_share_of_the_values_that_stories_teach(self):
        clean, noisy = (texts_of(planted_world(noise=noise, seed=1)) for noise in (0.0, 0.5))
        stories = [label for label in clean if label != CORE and not label.startswith("Catalogue")]
        pairs = [pair for label in stories for pair in zip(clean[label], noisy[label], strict=True)]
        changed = sum(before != after for before, after in pairs) / len(pairs)
        assert 0.3 < changed < 0.6  # one of eight draws comes back
        assert all(before[0] == after[0] for before, after in pairs)
        words = {*vocabulary()}
        assert all(after[1].lower() in words for _, after in pairs)

    def test_the_same_parameters_give_the_same_world_and_another_seed_another(self):
        one = planted_world(difficulty=0.2, noise=0.1, seed=3)
        assert one == planted_world(difficulty=0.2, noise=0.1, seed=3)
        assert one.examples.ids != planted_world(difficulty=0.2, noise=0.1, seed=4).examples.ids

    @pytest.mark.parametrize(
        ("wrong", "told"),
        [
            ({"n_groups": 15}, "n_groups"),
            ({"n_groups": 65}, "n_groups"),
            ({"families": ("rescue", "rescue")}, "families"),
            ({"families": ("surprise",)}, "families"),
            ({"difficulty": 1.5}, "difficulty"),
            ({"noise": -0.1}, "noise"),
        ],
    )
    def test_what_no_world_can_be_made_of_is_refused_by_its_name(self, wrong, told):
        with pytest.raises(ConfigError, match=told):
            planted_world(**wrong)
