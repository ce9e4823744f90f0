"""The training of any mask, with the model replaced by its tangent: margins alone, no network."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from spex_data.evaluation.outputs import measure_output
from spex_data.surrogate.margins import Pieces, scores_of_margins

TIMES = (0.25, 0.5, 1.0, 2.0, 4.0)
"""When simulated values are read, in units of the time that real training takes."""
_STEPS = (2, 100)
"""Steps to the time that real training takes, at least and at most."""
_STRIDE = 2.0
"""Time of a step, in units of the fastest mode of all examples together."""
_BLOCK = 8_000_000
"""Numbers of a block of masks."""


@dataclass(frozen=True, eq=False)
class TangentModel:
    """Margins that move together as their gradients do.

    Gradient flow on the mean loss of the present examples moves margins by

        df / dt = K_x w(f),    w_i = s_i sigmoid(-f_i) / number present,

    with K the inner products of features, and s_i 1 / tokens of the answer that a piece is of.

    Attributes:
        features: float32[margins, d]; training examples' margins first.
        start: float64[margins], at the base model.
        training: Pieces of the training examples.
        answers: Pieces of the queries of targets.
        outputs, foils: Of each target what is measured, and the query of its foil.
    """

    features: NDArray[np.float32]
    start: NDArray[np.float64]
    training: Pieces
    answers: Pieces
    outputs: tuple[str, ...]
    foils: tuple[int | None, ...]

    @cached_property
    def _shares(self) -> NDArray[np.float32]:
        return (1.0 / self.training.tokens[self.training.owners]).astype(np.float32)

    @cached_property
    def _kernel(self) -> NDArray[np.float32] | None:
        """float32[training, margins]; None where it is larger than what it comes from."""
        count = len(self.training)
        return self.features[:count] @ self.features.T if count <= 2 * self.features.shape[1] else None

    @cached_property
    def stride(self) -> float:
        """Time of a step of the simulation: 2 over the largest eigenvalue of the mean over all examples."""
        count = len(self.training)
        vector = np.ones(count, dtype=np.float32)
        size = 1.0
        for _ in range(20):
            vector = self._moved(self._shares * vector, count)
            size = float(np.linalg.norm(vector))
            vector /= max(size, 1e-30)
        return _STRIDE * len(self.training.lengths) / max(size, 1e-30)

    def _moved(self, pull: NDArray[np.float32], until: int | None = None) -> NDArray[np.float32]:
        """pull float32[..., training] times the kernel: float32[..., margins], or the first of them."""
        if self._kernel is not None:
            found = pull @ self._kernel[:, :until]
        else:
            found = (pull @ self.features[: len(self.training)]) @ self.features[:until].T
        return np.asarray(found, dtype=np.float32)

    def steps_to(self, present: NDArray[np.bool_], loss: float) -> int:
        """Steps until the mean loss of masks has fallen to what it was when they were trained.

        Args:
            present: bool[m, examples].
            loss: The mean of their real losses.
        """
        weights = self._weights(present)
        margins = np.repeat(self.start[None, : len(self.training)].astype(np.float32), len(present), axis=0)
        for step in range(_STEPS[1]):
            losses = (weights * np.logaddexp(0, -margins)).sum(axis=1)
            if losses.mean() <= loss:
                return max(step, _STEPS[0])
            pull = np.float32(self.stride) * weights / (1 + np.exp(margins))
            margins += self._moved(pull, margins.shape[1])
        return _STEPS[1]

    def simulate(
        self, present: NDArray[np.bool_], steps: int, pace: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """The values of targets after simulated training.

        Args:
            present: bool[m, examples].
            steps: Of the simulation, to time 1.
            pace: float64[m], how fast a mask's time goes, 1 if None.

        Returns:
            float64[m, t, len(TIMES)].
        """
        block = max(1, _BLOCK // len(self.start))
        pace = np.ones(len(present)) if pace is None else pace
        return np.concatenate(
            [
                self._block(present[start : start + block], steps, pace[start : start + block])
                for start in range(0, len(present), block)
            ]
        )

    def _block(
        self, present: NDArray[np.bool_], steps: int, pace: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        count = len(self.training)
        weights = self._weights(present)
        start = self.start.astype(np.float32)
        margins = np.repeat(start[None], len(present), axis=0)
        speed = (self.stride * pace).astype(np.float32)[:, None]
        pulled = np.zeros_like(weights)
        found = []
        for count_of, length in _strides(steps):
            for _ in range(count_of):
                pull = length * speed * weights / (1 + np.exp(margins[:, :count]))
                pulled += pull
                margins[:, :count] += self._moved(pull, count)
            margins = start + self._moved(pulled)
            found.append(self.values(margins[:, count:].astype(np.float64)))
        return np.stack(found, axis=-1)

    def _weights(self, present: NDArray[np.bool_]) -> NDArray[np.float32]:
        """float32[m, training pieces], each piece's share in the mean loss of the present examples."""
        counts = np.maximum(present.sum(axis=1, keepdims=True), 1)
        each = (present / counts).astype(np.float32)[:, self.training.owners]
        return np.asarray(each * self._shares, dtype=np.float32)

    def values(self, margins: NDArray[np.float64]) -> NDArray[np.float64]:
        """The outputs of targets, float64[..., t], from margins of their answers, float64[..., answers]."""
        return self._outputs(torch.tensor(margins)).numpy()

    def slopes(self) -> NDArray[np.float64]:
        """float64[t, answers], how targets move with the margins of their answers, at the base model."""
        start = torch.tensor(self.start[len(self.training) :])
        jacobian = torch.autograd.functional.jacobian(self._outputs, start)
        return np.asarray(jacobian.numpy())

    def _outputs(self, margins: torch.Tensor) -> torch.Tensor:
        first = self.answers.first
        scores = [
            scores_of_margins(margins[..., first[query] : first[query + 1]])
            for query in range(len(self.answers.lengths))
        ]
        columns = [
            measure_output(output, scores[row], None if foil is None else scores[foil])
            for row, (output, foil) in enumerate(zip(self.outputs, self.foils, strict=True))
        ]
        return torch.stack(columns, dim=-1)


def _strides(steps: int) -> list[tuple[int, np.float32]]:
    """For each of TIMES the number of steps that lead to it, and their length.

    Steps grow with the time once real training would be over: what is still to be learnt changes slowly.
    """
    found = []
    for before, time in zip((0.0, *TIMES), TIMES):
        length = (time - before) * steps
        count = max(1, round(length / max(1.0, before)))
        found.append((count, np.float32(length / count)))
    return found
