"""The value of a mask: fine-tune an adapter on the groups present, and measure the targets on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spex_data.data import Examples
from spex_data.evaluation import (
    Queries,
    Targets,
    encode_targets,
    evaluate_targets,
    on_scales,
    values_from_logits,
)
from spex_data.groups import Grouping
from spex_data.models import BaseModel
from spex_data.training import (
    AdapterBank,
    LoraRecipe,
    PassChoice,
    PreparedExamples,
    PreparedSequences,
    adapted,
    bank_logits,
    load_adapter_state,
    prepare_examples,
    prepare_scoring,
    probe_pass_size,
    train_adapters,
)
from spex_data.training.recipe import Schedule
from spex_data.value_functions.protocol import Measured

_MODULUS = 2**128
_PREPARED = ("_prepared", "_queries", "_prepared_queries", "_content")
_MOST_LOGITS = 2**27
"""Logits held at once while a bank is measured."""


@dataclass(frozen=True)
class SubsetTraining:
    """f(mask, seed): targets measured on a LoRA adapter trained on the present groups.

    Attributes:
        base_model: Frozen.
        examples: All training examples.
        grouping: Their groups.
        recipe: How an adapter is trained.
        targets: What is measured.
        adapters_per_pass: Adapters trained at once, or "auto".
        engine: "stacked" trains and measures many adapters in one pass, "reference" one at a time.
    """

    base_model: BaseModel
    examples: Examples
    grouping: Grouping
    recipe: LoraRecipe
    targets: Targets
    adapters_per_pass: int | Literal["auto"] = "auto"
    engine: Literal["stacked", "reference"] = "stacked"

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
        return [
            [_digest(f"{row}/{target}") for target in self.targets.ids]
            for row in self._trainings(masks, seeds)
        ]

    def adapter_keys(self, masks: NDArray[np.bool_], seeds: NDArray[np.int64]) -> list[str]:
        """Content key of every adapter: that of its values, without the target.

        Returns:
            str[m], 32 hexadecimal characters each.
        """
        return [_digest(row) for row in self._trainings(masks, seeds)]

    def _trainings(self, masks: NDArray[np.bool_], seeds: NDArray[np.int64]) -> list[str]:
        """All that decides each training, as text."""
        # The filtered schedule has no slots, so its values do not depend on S.
        slots = self.recipe.slots(len(self.examples)) if self.recipe.schedule == "fixed" else 0
        fixed = f"{self.base_model.fingerprint}/{self.recipe.fingerprint}/{slots}"
        core, groups = self._content
        rows = []
        for mask, seed in zip(masks, seeds, strict=True):
            present = (core + sum(groups[group] for group in np.flatnonzero(mask))) % _MODULUS
            rows.append(f"{fixed}/{int(seed)}/{present:032x}")
        return rows

    def __call__(self, masks: NDArray[np.bool_], seeds: NDArray[np.int64]) -> Measured:
        """Trains and measures masks; one that fails has NaN values and its cause."""
        bank = train_adapters(
            self.base_model,
            self.examples,
            self.grouping,
            masks,
            self.recipe,
            seed=seeds,
            adapters_per_pass=self.adapters_per_pass,
            engine=self.engine,
            prepared=self._prepared if self.engine == "stacked" else None,
        )
        return Measured(self.evaluate(bank), bank.causes, bank.losses, bank)

    def prepare(self) -> PreparedExamples:
        """What all adapters share of the training examples; computed once."""
        return self._prepared

    def probe_pass_size(self, masks: NDArray[np.bool_], *, most: int, share: float = 1.0) -> PassChoice:
        """Times a few steps of passes of 1, 2, 4, ... adapters; trains nothing that is kept.

        Args:
            masks: bool[m, n_groups], some of those to be measured.
            most: Adapters to a pass at most.
            share: Of the free memory, that this process may use.
        """
        present = self.grouping.present(masks)
        return probe_pass_size(self.base_model, self._prepared, present, self.recipe, most=most, share=share)

    def with_pass_size(self, adapters_per_pass: int) -> SubsetTraining:
        """The same value function with another size of a pass; what was prepared is shared."""
        other = replace(self, adapters_per_pass=adapters_per_pass)
        vars(other).update({name: getattr(self, name) for name in _PREPARED})
        return other

    def with_targets(self, columns: Sequence[int]) -> SubsetTraining:
        """The same value function of some of its targets; what was prepared for training is shared."""
        if list(columns) == list(range(len(self.targets))):
            return self
        other = replace(self, targets=self.targets.select(columns))
        shared = {name: value for name, value in vars(self).items() if name in ("_prepared", "_content")}
        vars(other).update(shared)
        return other

    def on_scales(self) -> SubsetTraining:
        """The same value function with every target also on the scales that signs are compared on."""
        return self._sharing(replace(self, targets=on_scales(self.targets)))

    def with_schedule(self, schedule: Schedule) -> SubsetTraining:
        """The same value function trained by another schedule."""
        return self._sharing(replace(self, recipe=replace(self.recipe, schedule=schedule)))

    def _sharing(self, other: SubsetTraining) -> SubsetTraining:
        """Another value function of the same examples and sites; what was prepared for training is shared."""
        vars(other).update(_prepared=self._prepared, _content=self._content)
        return other

    def evaluate(self, bank: AdapterBank) -> NDArray[np.float64]:
        """The targets on every adapter of a bank; trains nothing.

        Returns:
            float64[K, n_targets]; NaN for adapters that failed.
        """
        values = np.full((len(bank), len(self.targets)), np.nan)
        sound = [row for row, cause in enumerate(bank.causes) if cause is None]
        if sound:
            measure = self._one_by_one if self.engine == "reference" else self._at_once
            values[sound] = measure(bank.select(sound))
        return values

    def _at_once(self, bank: AdapterBank) -> NDArray[np.float64]:
        queries, prepared = self._queries, self._prepared_queries
        if bank.recipe != self.recipe:
            prepared = prepare_scoring(self.base_model, bank.recipe, queries)
        outputs = len(self.base_model.labels) or int(self.base_model.model.config.vocab_size)
        a_row = sum(map(len, queries.answers)) * outputs
        parts = np.array_split(np.arange(len(bank)), -(-len(bank) * a_row // _MOST_LOGITS))
        logits = (bank_logits(self.base_model, bank.select(part.tolist()), prepared) for part in parts)
        return np.concatenate([values_from_logits(self.targets, queries, part) for part in logits])

    def _one_by_one(self, bank: AdapterBank) -> NDArray[np.float64]:
        values = []
        with adapted(self.base_model, bank.recipe) as model:
            for row in range(len(bank)):
                load_adapter_state(model, bank.state(row))
                values.append(evaluate_targets(model, self.base_model, self.targets))
        return np.array(values)

    @cached_property
    def _prepared(self) -> PreparedExamples:
        return prepare_examples(self.base_model, self.examples, self.recipe)

    @cached_property
    def _queries(self) -> Queries:
        return encode_targets(self.base_model, self.targets)

    @cached_property
    def _prepared_queries(self) -> PreparedSequences:
        return prepare_scoring(self.base_model, self.recipe, self._queries)

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


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=16).hexdigest()
