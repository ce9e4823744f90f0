from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from spex_data.value_functions import probing
from spex_data.value_functions.probing import probe_costs
from tests.value_functions.test_subset_training import MASKS, function_of


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(probing, "_LONG_ENOUGH", 0.02)


class TestProbeCosts:
    """A probe trains little, leaves nothing behind, and names a positive cost for all that a study does."""

    @pytest.mark.parametrize("kind", ["llama", "bert"])
    def test_every_cost_is_positive(self, quick, kind):
        costs = probe_costs(function_of(kind, dtype=torch.float32), MASKS, most=4)
        for way in (costs.engine, costs.loop):
            assert 0 < way.microseconds_per_token < 1e7
            assert 0 < way.measuring_seconds < 60
        assert costs.worker_bytes > 2**20
        assert costs.adapters_per_pass in (1, 2, 4)

    def test_a_size_of_a_pass_that_is_known_is_not_probed_for(self, quick, monkeypatch):
        monkeypatch.setattr(
            "spex_data.value_functions.SubsetTraining.probe_pass_size", lambda *_, **__: 1 / 0
        )
        costs = probe_costs(replace(function_of(), adapters_per_pass=3), MASKS, most=8)
        assert (costs.adapters_per_pass, costs.trained) == (3, 4)

    def test_the_bytes_of_an_adapter_are_those_of_its_parameters(self, quick):
        function = function_of(dtype=torch.float32)
        bank = function(MASKS[:1], np.array([1])).bank
        costs = probe_costs(replace(function, adapters_per_pass=2), MASKS, most=8)
        assert costs.adapter_bytes == sum(tensor[0].nbytes for tensor in bank.tensors.values())

    def test_the_base_model_is_left_as_it_was(self, quick):
        function = function_of("bert")
        before = {name: value.clone() for name, value in function.base_model.model.state_dict().items()}
        probe_costs(replace(function, adapters_per_pass=2), MASKS, most=8)
        after = function.base_model.model.state_dict()
        assert before.keys() == after.keys()
        assert all(torch.equal(before[name], after[name]) for name in before)
