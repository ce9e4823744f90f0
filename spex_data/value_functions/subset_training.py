"""The value of a mask: fine-tune an adapter on the groups present, and measure the targets on it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from spex_data.data import Examples
from spex_data.evaluation import Targets, evaluate_targets
from spex_data.groups import Grouping
from spex_data.models import BaseModel
from spex_data.training import AdapterBank, LoraRecipe, adapted, train_adapters
from spex_data.training.adapters import load_adapter_state
from spex_data.value_functions.protocol import Measured

_MODULUS = 2**128


@dataclass(frozen=True)
class SubsetTraining:
    """f(mask, seed): targets measured on a LoRA adapter trained on the present groups.

    Attributes:
        base_model: Frozen.
        examples: All training examples.
        grouping: Their groups.
        recipe: How an adapter is trained.
        targets: What is measured.
    """

    base_model: BaseModel
    examples: Examples
    grouping: Grouping
    recipe: LoraRecipe
    targets: Targets

    @property
    def n_groups(self) -> int:
        """Width of the masks."""
        return self.grouping.n_groups

    @property
    def target_names(self) -> tuple[str, ...]:
        """One name a target."""
        return self.targets.names

    def keys(self, masks: NDArray[np.bool_], seeds: NDArray[np.int64]) -> list[list[str]]:
        """Content key of every value: hash(model, recipe, S, seed, present example ids, target id).

        A target's id holds its output. Present ids count as a set, whatever groups they came in.

        Returns:
            str[m][n_targets], 32 hexadecimal characters each.
        """
        # The filtered schedule has no slots, so its values do not depend on S.
        slots = self.recipe.slots(len(self.examples)) if self.recipe.schedule == "fixed" else 0
        fixed = f"{self.base_model.fingerprint}/{self.recipe.fingerprint}/{slots}"
        core, groups = self._content
        rows = []
        for mask, seed in zip(masks, seeds, strict=True):
            present = (core + sum(groups[group] for group in np.flatnonzero(mask))) % _MODULUS
            row = f"{fixed}/{int(seed)}/{present:032x}"
            rows.append(
                [
                    blake2b(f"{row}/{target}".encode(), digest_size=16).hexdigest()
                    for target in self.targets.ids
                ]
            )
        return rows

    def __call__(self, masks: NDArray[np.bool_], seeds: NDArray[np.int64]) -> Measured:
        """Trains and measures masks; one that fails has NaN values and its cause."""
        bank = train_adapters(self.base_model, self.examples, self.grouping, masks, self.recipe, seed=seeds)
        return Measured(self.evaluate(bank), bank.causes, bank.losses, bank)

    def evaluate(self, bank: AdapterBank) -> NDArray[np.float64]:
        """The targets on every adapter of a bank; trains nothing.

        Returns:
            float64[K, n_targets]; NaN for adapters that failed.
        """
        values = np.full((len(bank), len(self.targets)), np.nan)
        with adapted(self.base_model, bank.recipe) as model:
            for row, cause in enumerate(bank.causes):
                if cause is None:
                    load_adapter_state(model, bank.state(row))
                    values[row] = evaluate_targets(model, self.base_model, self.targets)
        return values

    @cached_property
    def _content(self) -> tuple[int, list[int]]:
        """Content of the core and of each group: the sum of their examples' hashes, modulo 2^128."""

        def total(rows: tuple[int, ...]) -> int:
            ids = (self.grouping.example_ids[row] for row in rows)
            return (
                sum(int.from_bytes(blake2b(i.encode(), digest_size=16).digest(), "big") for i in ids)
                % _MODULUS
            )

        return total(self.grouping.core), [total(rows) for rows in self.grouping.members]
