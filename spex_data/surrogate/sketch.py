"""Gradients made small: each side of every matrix scaled as the optimiser does, and projected where long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import torch

from spex_data.surrogate.factors import Factors

MOST_NUMBERS = 16_384
"""Numbers that a margin's gradient is kept in."""
_FLOOR = 0.1
"""Share of the mean scale that is added to each: what hardly ever has a gradient is not blown up."""

Moments = Mapping[str, tuple[torch.Tensor, torch.Tensor]]


@dataclass(frozen=True, eq=False)
class Sketch:
    """What becomes of the gradients of margins at one anchor.

    With G the gradient of a matrix, D and E diagonal, and P, Q of independent normal entries, P'D G E Q has
    the inner products of D G E on average (Choe et al. 2024, "What is your data worth to GPT?", section 3),
    and only the two thin factors of a gradient are ever touched.

    Attributes:
        side: Longer sides of a matrix are projected to so many.
        seed: Of the projections.
        scales: By the matrix's name float64[outputs] and float64[inputs], D and E; empty for none.
    """

    side: int
    seed: int
    scales: Moments = field(default_factory=dict)
    _drawn: dict[str, torch.Tensor] = field(default_factory=dict, repr=False)

    def scaled(self, moments: Moments) -> Sketch:
        """The same projections, with a coordinate divided by the root of its root mean square.

        AdamW moves each coordinate by its gradient over the root of its mean square v, so that a margin
        moves by the inner product of gradients over v^(1/2). v of an entry is taken as the product of its
        row's and its column's.
        """
        roots = {
            name: (rows.sqrt(), (columns / columns.mean().clamp(min=1e-300)).sqrt())
            for name, (rows, columns) in moments.items()
        }
        usual = float(torch.cat([rows for rows, _ in roots.values()]).mean())
        scales = {
            name: ((rows + _FLOOR * usual) ** -0.5, (columns + _FLOOR) ** -0.5)
            for name, (rows, columns) in roots.items()
        }
        return Sketch(self.side, self.seed, scales, self._drawn)

    def rows(self, factors: Sequence[Factors]) -> torch.Tensor:
        """float32[q, d], all matrices beside each other."""
        parts = []
        for one in factors:
            outer, inner = one.outer, one.inner
            if one.name in self.scales:
                left, right = self.scales[one.name]
                outer, inner = outer * left.to(outer), inner * right.to(inner)
            outer, inner = self._side(f"{one.name}/out", outer), self._side(f"{one.name}/in", inner)
            parts.append(torch.einsum("nto,nti->noi", outer, inner).flatten(1))
        return torch.cat(parts, dim=1)

    def _side(self, name: str, rows: torch.Tensor) -> torch.Tensor:
        width = rows.shape[-1]
        if width <= self.side:
            return rows
        if name not in self._drawn:
            digest = blake2b(f"{self.seed}\x1f{name}".encode(), digest_size=8).digest()
            generator = torch.Generator("cpu").manual_seed(int.from_bytes(digest, "big") >> 1)
            self._drawn[name] = torch.randn((width, self.side), generator=generator) / self.side**0.5
        return rows @ self._drawn[name].to(rows)


def fitting_side(shapes: Mapping[str, tuple[int, int]], most: int = MOST_NUMBERS) -> int:
    """The longest side, a power of 2, with which the sketches of all matrices have at most so many numbers.

    Args:
        shapes: Outputs and inputs of each.
        most: Numbers.
    """
    side = 1
    longest = max(max(shape) for shape in shapes.values())
    while side < longest and sum(min(o, 2 * side) * min(i, 2 * side) for o, i in shapes.values()) <= most:
        side *= 2
    return side
