"""AdamW and SGD over many adapters at once, each with its own clipping, learning rate and count of steps."""

from __future__ import annotations

import torch

from spex_data.training.recipe import LoraRecipe

_BETAS, _EPSILON = (0.9, 0.999), 1e-8
_SMALL = 1e-6
"""Added to the norm that clipping divides by, as PyTorch's clip_grad_norm_ does."""


class StackedOptimiser:
    """State of K optimisers in rows.

    Args:
        parameters: float[K, P], a row an adapter; updated in place.
        recipe: Its optimiser, weight decay and clipping.
    """

    def __init__(self, parameters: torch.Tensor, recipe: LoraRecipe) -> None:
        self.parameters, self.recipe = parameters, recipe
        self.steps = torch.zeros(len(parameters), 1, dtype=torch.float64, device=parameters.device)
        adam = recipe.optimizer == "adamw"
        self.mean = torch.zeros_like(parameters) if adam else None
        self.square = torch.zeros_like(parameters) if adam else None

    @torch.no_grad()
    def step(self, gradients: torch.Tensor, rates: torch.Tensor, active: torch.Tensor | None) -> None:
        """One step of some adapters; the rows of the others keep every bit.

        Args:
            gradients: float[A, P], rows of the active adapters; used up.
            rates: float64[A], their learning rates.
            active: int64[A], their numbers; None = all K in order.
        """
        if self.recipe.clip_norm:
            norms = torch.linalg.vector_norm(gradients, dim=1, keepdim=True)
            gradients.mul_((self.recipe.clip_norm / (norms + _SMALL)).clamp(max=1.0))
        rows = [self.parameters, self.steps]
        if self.mean is not None and self.square is not None:
            rows += [self.mean, self.square]
        chosen = rows if active is None else [row.index_select(0, active) for row in rows]
        chosen[1] += 1
        update = self._adamw if self.recipe.optimizer == "adamw" else self._sgd
        update(gradients, rates[:, None], *chosen)
        if active is not None:
            for row, new in zip(rows, chosen, strict=True):
                row.index_copy_(0, active, new)

    def _adamw(
        self,
        gradients: torch.Tensor,
        rates: torch.Tensor,
        parameters: torch.Tensor,
        steps: torch.Tensor,
        mean: torch.Tensor,
        square: torch.Tensor,
    ) -> None:
        """Loshchilov & Hutter 2019, algorithm 2, in the order of operations of torch.optim.AdamW."""
        dtype = parameters.dtype
        if self.recipe.weight_decay:
            parameters.mul_((1 - rates * self.recipe.weight_decay).to(dtype))
        mean.lerp_(gradients, 1 - _BETAS[0])
        square.mul_(_BETAS[1]).addcmul_(gradients, gradients, value=1 - _BETAS[1])
        size = (rates / (1 - _BETAS[0] ** steps)).to(dtype)
        correction = (1 - _BETAS[1] ** steps).sqrt().to(dtype)
        denominator = torch.sqrt(square, out=gradients).div_(correction).add_(_EPSILON)
        parameters.sub_(torch.div(mean, denominator, out=denominator).mul_(size))

    def _sgd(
        self, gradients: torch.Tensor, rates: torch.Tensor, parameters: torch.Tensor, _: torch.Tensor
    ) -> None:
        if self.recipe.weight_decay:
            gradients.add_(parameters, alpha=self.recipe.weight_decay)
        parameters.sub_(gradients.mul_(rates.to(parameters.dtype)))
