"""The parameters of K adapters in one matrix, and the hooks that make a model compute with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import torch
from torch import nn

from spex_data.errors import TrainingError
from spex_data.models import BaseModel
from spex_data.training.engine.layers import Hook, linear_head_hook, lora_hook, norm_head_hook
from spex_data.training.engine.segments import Segments
from spex_data.training.recipe import LoraRecipe
from spex_data.training.sites import AdapterSites, initial_matrix, widths

_PEFT = "base_model.model."


@dataclass
class RowsNow:
    """The segments of the rows that the model is computing; set before every pass."""

    segments: Segments | None = None

    def __call__(self) -> Segments:
        """The segments."""
        assert self.segments is not None
        return self.segments


@dataclass(frozen=True)
class AdapterStack:
    """K adapters over one base model.

    Attributes:
        matrix: float[K, P], a row an adapter.
        tensors: PEFT's name of each parameter -> its view [K, ...] of the matrix, a leaf that gets gradients.
        rows: What the hooks ask for the rows of a pass.
    """

    matrix: torch.Tensor
    tensors: Mapping[str, torch.Tensor]
    rows: RowsNow = field(default_factory=RowsNow)

    def __len__(self) -> int:
        return len(self.matrix)

    def take_gradients(self, active: torch.Tensor | None) -> torch.Tensor:
        """The gradients gathered since the last call, float[A, P], and forgets them.

        Args:
            active: int64[A], adapters to take; None = all.
        """
        parts = []
        for tensor in self.tensors.values():
            gradient = torch.zeros_like(tensor) if tensor.grad is None else tensor.grad
            parts.append(
                gradient.flatten(1) if active is None else gradient.flatten(1).index_select(0, active)
            )
            tensor.grad = None
        return torch.cat(parts, dim=1)


def make_stack(base: BaseModel, recipe: LoraRecipe, sites: AdapterSites, n_adapters: int) -> AdapterStack:
    """A stack whose parameters have no values yet.

    Adapters of a base model in half precision are kept in float32, the others in the model's own precision.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for name in sites.adapted:
        width, height = widths(base.model.get_submodule(name))
        shapes[f"{_PEFT}{name}.lora_A.weight"] = (recipe.rank, width)
        shapes[f"{_PEFT}{name}.lora_B.weight"] = (height, recipe.rank)
    for name in sites.heads:
        for part, parameter in base.model.get_submodule(name).named_parameters():
            shapes[f"{_PEFT}{name}.{part}"] = tuple(parameter.shape)
    dtype = torch.float64 if base.dtype == "float64" else torch.float32
    sizes = [torch.Size(shape).numel() for shape in shapes.values()]
    matrix = torch.zeros(n_adapters, sum(sizes), dtype=dtype, device=base.device)
    parts = matrix.split(sizes, dim=1)
    tensors = {
        name: part.unflatten(1, shape).detach().requires_grad_()
        for (name, shape), part in zip(shapes.items(), parts, strict=True)
    }
    return AdapterStack(matrix, tensors)


@torch.no_grad()
def initialise(stack: AdapterStack, base: BaseModel, sites: AdapterSites, seeds: list[int]) -> None:
    """Gives every adapter the initial state of its seed; heads start as the base model's."""
    for name in sites.adapted:
        a = stack.tensors[f"{_PEFT}{name}.lora_A.weight"]
        a.copy_(torch.stack([initial_matrix(seed, name, *a.shape[1:]) for seed in seeds]))
        stack.tensors[f"{_PEFT}{name}.lora_B.weight"].zero_()
    for name in sites.heads:
        for part, parameter in base.model.get_submodule(name).named_parameters():
            stack.tensors[f"{_PEFT}{name}.{part}"].copy_(parameter)


@torch.no_grad()
def fill(stack: AdapterStack, tensors: Mapping[str, torch.Tensor]) -> None:
    """Gives the stack the parameters of a bank, [K, ...] each."""
    for name, tensor in stack.tensors.items():
        tensor.copy_(tensors[name])


@contextmanager
def installed(
    stack: AdapterStack, base: BaseModel, recipe: LoraRecipe, sites: AdapterSites
) -> Iterator[AdapterStack]:
    """The base model computing with the stack's adapters, for as long as the block lasts.

    Raises:
        TrainingError: A head is neither a linear layer nor a layer normalisation.
    """
    with ExitStack() as hooks:
        for name in sites.adapted:
            a, b = (stack.tensors[f"{_PEFT}{name}.lora_{part}.weight"] for part in "AB")
            _attach(hooks, base.model.get_submodule(name), lora_hook(a, b, recipe.scaling, stack.rows))
        for name in sites.heads:
            module = base.model.get_submodule(name)
            _attach(hooks, module, _head_hook(stack, name, module))
        yield stack


def _head_hook(stack: AdapterStack, name: str, module: nn.Module) -> Hook:
    kinds = {nn.Linear: linear_head_hook, nn.LayerNorm: norm_head_hook}
    if type(module) not in kinds:
        raise TrainingError(
            f"its head {name!r} is a {type(module).__name__}, which many adapters cannot train at once",
            where="model.source",
            instead='train one at a time: train_adapters(..., engine="reference")',
        )
    weight, bias = (stack.tensors.get(f"{_PEFT}{name}.{part}") for part in ("weight", "bias"))
    assert weight is not None
    return kinds[type(module)](weight, bias, stack.rows)


def _attach(hooks: ExitStack, module: nn.Module, hook: Hook) -> None:
    hooks.callback(module.register_forward_hook(hook).remove)
