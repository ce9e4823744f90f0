"""What other masks would give, told from gradients at a few adapters that are there already."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from spex_data.data import Examples
from spex_data.errors import StoreError, TrainingError
from spex_data.evaluation import Targets, encode_targets
from spex_data.groups import Grouping
from spex_data.masks import mask_string
from spex_data.models import BaseModel
from spex_data.surrogate.anchors import check_anchors
from spex_data.surrogate.features import WIDTH, anchored_features
from spex_data.surrogate.gradients import Asked, margins_alone
from spex_data.surrogate.margins import Pieces, cut_answers
from spex_data.surrogate.simulation import TangentModel
from spex_data.training import AdapterBank, LoraRecipe, adapted, encode_examples, fitting
from spex_data.values import whole_file

_PIECES = 4
"""Pieces of a training answer at most, each one more pass back; a target's every token is one."""
MOST_MARGINS = 60_000
"""Pieces of answers in all: a gigabyte of features."""


@dataclass(frozen=True, eq=False)
class Surrogate:
    """Simulated training of any mask over some groups.

    Attributes:
        tangent: The model in whose place margins move.
        pull: float64[training pieces], the mean over anchors of 1 - p.
        steps: Of the simulation until losses are what they were at the anchors.
        pace: Examples that a mask needs for each step of real training where its number follows the mask
            (the filtered schedule), as share of the anchors' mean; 0 where it does not.
        n_anchors: Adapters whose gradients were taken.
        seconds: Processor time that this took.
        fingerprint: Of the model, the recipe, the examples, the targets and the anchors.
    """

    tangent: TangentModel
    pull: NDArray[np.float64]
    steps: int
    pace: float
    n_anchors: int
    seconds: float
    fingerprint: str

    def simulate(self, grouping: Grouping, masks: NDArray[np.bool_]) -> NDArray[np.float64]:
        """The values of targets, at five times about the end of training.

        Args:
            grouping: Of the examples that the surrogate was made of.
            masks: bool[m, n_groups].

        Returns:
            float64[m, t, 5], in the targets' units.
        """
        present = grouping.present(masks)
        pace = present.sum(axis=1) / self.pace if self.pace else None
        return self.tangent.simulate(present, self.steps, pace)

    def save(self, path: Path) -> None:
        """Writes one safetensors file, whole or not at all.

        Raises:
            StoreError: The disk is full or read-only.
        """
        tangent = self.tangent
        content = {
            "training": tangent.training.lengths,
            "answers": tangent.answers.lengths,
            "outputs": tangent.outputs,
            "foils": tangent.foils,
            "steps": self.steps,
            "pace": self.pace,
            "n_anchors": self.n_anchors,
            "seconds": self.seconds,
        }
        metadata = {"fingerprint": self.fingerprint, "content": json.dumps(content)}
        tensors = {"features": tangent.features, "start": tangent.start, "pull": self.pull}
        with whole_file(path) as temporary:
            save_file({name: np.ascontiguousarray(one) for name, one in tensors.items()}, temporary, metadata)

    @classmethod
    def load(cls, path: Path) -> Surrogate:
        """Reads what `save` wrote.

        Raises:
            StoreError: No such file, or not one of ours.
        """
        try:
            with safe_open(path, framework="np") as file:
                metadata = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in ("features", "start", "pull")}
            held = json.loads(metadata["content"])
            tangent = TangentModel(
                tensors["features"],
                tensors["start"],
                _pieces(held["training"]),
                _pieces(held["answers"]),
                tuple(held["outputs"]),
                tuple(held["foils"]),
            )
            numbers = {name: held[name] for name in ("steps", "pace", "n_anchors", "seconds")}
            return cls(tangent, tensors["pull"], **numbers, fingerprint=metadata["fingerprint"])
        except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
            raise StoreError(
                f"is no surrogate ({error})", where=str(path), instead="remove the file; it is made again"
            ) from error


def surrogate_fingerprint(
    base: BaseModel, examples: Examples, targets: Targets, recipe: LoraRecipe, banks: Sequence[AdapterBank]
) -> str:
    """32 hexadecimal characters that name all that decides a surrogate."""
    anchors = [
        f"{mask_string(mask)}/{seed}"
        for bank in banks
        for mask, seed in zip(bank.masks, bank.seeds, strict=True)
    ]
    text = [
        base.fingerprint,
        json.dumps(asdict(recipe), sort_keys=True),
        *examples.ids,
        targets.content_hash,
        *anchors,
    ]
    return blake2b("\n".join(text).encode(), digest_size=16).hexdigest()


def build_surrogate(
    base: BaseModel,
    examples: Examples,
    grouping: Grouping,
    targets: Targets,
    recipe: LoraRecipe,
    banks: Sequence[AdapterBank],
    *,
    seed: int = 0,
) -> Surrogate:
    """Takes the gradients of all margins at some adapters, and sets the clock of simulated training.

    The tangent kernel is the mean over the anchors, which differ in mask and seed; the time of simulated
    training is that at which the mean loss of the anchors' own masks has fallen to what it really came to.

    Args:
        base: The frozen model.
        examples: All training examples.
        grouping: Their groups, of the anchors' masks.
        targets: What is measured.
        recipe: How adapters are trained.
        banks: The anchors.
        seed: Of projections.

    Raises:
        TrainingError: The anchors are of another model or recipe, failed, or have margins that are not
            finite; there are too many examples, the model fails, or memory ran out.
    """
    check_anchors(banks, base, recipe)
    started = time.process_time()
    read, queries = encode_examples(base, examples), encode_targets(base, targets)
    training, answers = cut_answers(read.answers, _PIECES), cut_answers(queries.answers, None)
    _check_size(len(training) + len(answers))
    asked = Asked(
        read.tokens + queries.tokens,
        read.answers + queries.answers,
        read.starts + queries.starts,
        Pieces(training.lengths + answers.lengths),
        len(read),
    )
    with _refusing(base.source), fitting(), adapted(base, recipe) as model:
        # An adapter just put on changes nothing: its B is 0, its head the base model's.
        start = margins_alone(model, base, asked)
        features, pull = anchored_features(model, base, recipe, asked, banks, seed)
    tangent = TangentModel(features, start, training, answers, targets.outputs, queries.foils)
    present = grouping.present(np.concatenate([bank.masks for bank in banks]))
    made = Surrogate(
        tangent,
        pull,
        steps=tangent.steps_to(present, float(np.concatenate([bank.losses for bank in banks]).mean())),
        pace=float(present.sum(axis=1).mean()) if recipe.schedule == "filtered" else 0.0,
        n_anchors=len(present),
        seconds=0.0,
        fingerprint=surrogate_fingerprint(base, examples, targets, recipe, banks),
    )
    return replace(made, seconds=time.process_time() - started)


@contextmanager
def _refusing(source: str) -> Iterator[None]:
    """Says in our own words that a model cannot be taken gradients of, such as one that nobody has tried."""
    try:
        yield
    except (RuntimeError, LookupError, ValueError, TypeError) as error:
        told = " ".join(str(error).split())[:300]
        raise TrainingError(
            f"the gradients of {source} cannot be taken: {type(error).__name__}: {told}",
            where="decoding.surrogate",
            instead="write off",
        ) from error


def _check_size(margins: int) -> None:
    if margins > MOST_MARGINS:
        raise TrainingError(
            f"keeps {WIDTH:,} numbers of each of {margins:,} pieces of answers, and knows no more than"
            f" {MOST_MARGINS:,}",
            where="decoding.surrogate",
            instead="write off; or fewer examples in data, or shorter answers",
        )


def _pieces(lengths: Sequence[Sequence[int]]) -> Pieces:
    return Pieces(tuple(tuple(one) for one in lengths))
