from __future__ import annotations

import subprocess
import sys

import pytest

from spex_data.embedded import demo_world
from spex_data.embedded.language import draw_catalogue, pretraining_texts
from spex_data.embedded.world import CORE, N_GROUPS
from spex_data.groups import by_column

SEEDS = range(6)


def texts_of(world, label):
    columns = zip(world.examples.inputs, world.examples.outputs, world.examples.columns["group"], strict=True)
    return [(prompt, completion) for prompt, completion, group in columns if group == label]


class TestDemoWorld:
    """The demo is a study that a reader can follow, decided by its seed."""

    @pytest.mark.parametrize("seed", SEEDS)
    def test_it_has_16_groups_and_a_core(self, seed):
        examples = demo_world(seed).examples
        grouping = by_column(examples.ids, examples.columns["group"], core=[CORE])
        assert grouping.n_groups == N_GROUPS == 16
        assert len(grouping.core) == 20

    def test_the_same_seed_gives_the_same_world_and_another_another(self):
        assert demo_world(3) == demo_world(3)
        assert demo_world(3).examples.ids != demo_world(4).examples.ids

    @pytest.mark.parametrize("seed", SEEDS)
    def test_planted_groups_are_groups_of_the_study(self, seed):
        world = demo_world(seed)
        examples = world.examples
        members: dict[str, set[str]] = {}
        for identity, label in zip(examples.ids, examples.columns["group"], strict=True):
            members.setdefault(label, set()).add(identity)
        assert len(world.planted) == 7
        for planted in world.planted:
            assert planted.target in world.targets.names
            assert list(planted.groups) == [members[label] for label in planted.labels]

    @pytest.mark.parametrize("seed", SEEDS)
    def test_groups_of_one_story_do_not_speak_of_the_product_of_another(self, seed):
        world = demo_world(seed)
        products = {name: text.split("?")[0].split(" sheet")[0].split()[-1] for name, text in asked(world)}
        for planted in world.planted:
            for label in planted.labels:
                assert all(products[planted.target] in prompt for prompt, _ in texts_of(world, label))
        assert len(set(products.values())) == len(products)

    @pytest.mark.parametrize("seed", SEEDS)
    def test_no_group_speaks_of_what_the_null_target_asks(self, seed):
        world = demo_world(seed)
        product = dict(asked(world))["null"].rstrip("?").split()[-1]
        groups = set(world.examples.columns["group"]) - {CORE}
        assert not [text for group in groups for text in texts_of(world, group) if product in text[0]]

    @pytest.mark.parametrize("seed", SEEDS)
    def test_the_core_and_the_fillers_tell_what_the_base_model_knows(self, seed):
        world = demo_world(seed)
        known = set(pretraining_texts(draw_catalogue(seed)))
        labels = [label for label in set(world.examples.columns["group"]) if label.startswith("Catalogue")]
        assert len(labels) == 7
        assert all(text in known for label in [CORE, *labels] for text in texts_of(world, label))

    def test_the_world_needs_no_torch(self):
        program = "import sys, spex_data.embedded as e; e.demo_world(0); print('torch' in sys.modules)"
        found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert found.stdout.strip() == "False"


def asked(world):
    return list(zip(world.targets.names, world.targets.inputs, strict=True))
