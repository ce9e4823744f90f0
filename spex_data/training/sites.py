"""Where adapters go in a model, and what they start from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from hashlib import blake2b

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from spex_data.errors import TrainingError
from spex_data.models import BaseModel
from spex_data.training.recipe import LoraRecipe

_PLAIN = (torch.float64, torch.float32, torch.bfloat16, torch.float16)


@dataclass(frozen=True)
class AdapterSites:
    """The modules of a model that a recipe trains something at.

    Attributes:
        blocks: Names of the transformer's blocks, in order.
        first: Number of the first block that holds an adapted layer.
        adapted: Names of the linear layers that get a pair A, B, in the model's order.
        heads: Names of the modules that the checkpoint gave no weights: trained whole with each adapter.
    """

    blocks: tuple[str, ...]
    first: int
    adapted: tuple[str, ...]
    heads: tuple[str, ...]


def find_sites(base: BaseModel, recipe: LoraRecipe) -> AdapterSites:
    """The sites of a recipe on a model.

    Raises:
        TrainingError: The target modules match nothing (what would is named) or a layer that is not linear,
            the model has fewer blocks than `layers` asks for, it has no blocks, or the layers are quantised
            or share their weights with others.
    """
    _refuse_quantised(base)
    heads = tuple(dict.fromkeys(name.rpartition(".")[0] for name in base.initialised))
    blocks = _blocks(base.model)
    within = _adapted_blocks(blocks, recipe.layers)
    inside = {
        name: module
        for name, module in base.model.named_modules()
        if name not in heads and any(name.startswith(f"{block}.") for block in within)
    }
    linear = [name for name, module in inside.items() if isinstance(module, nn.Linear | Conv1D)]
    adapted = _chosen(inside, linear, recipe.target_modules) if recipe.target_modules else linear
    if not adapted:
        raise TrainingError("has no linear layers in its blocks", where=base.source)
    _refuse_tied(base, adapted)
    first = min(i for i, block in enumerate(blocks) for name in adapted if name.startswith(f"{block}."))
    return AdapterSites(blocks, first, tuple(adapted), heads)


def initial_matrix(seed: int, module: str, rank: int, width: int) -> torch.Tensor:
    """A before training: uniform on +-1/sqrt(width), PEFT's Kaiming initialisation with a = sqrt 5.

    Args:
        seed: The training seed.
        module: Name of the adapted layer in the base model; each has its own stream, hash(seed, module).
        rank: Rows.
        width: Columns, the layer's inputs.

    Returns:
        float32[rank, width] on the CPU, whatever the model's device and dtype.
    """
    digest = blake2b(f"{seed}\x1f{module}".encode(), digest_size=8).digest()
    generator = torch.Generator("cpu").manual_seed(int.from_bytes(digest, "big") >> 1)
    draw = torch.rand((rank, width), generator=generator, dtype=torch.float32, device="cpu")
    return (2 * draw - 1) / math.sqrt(width)


def widths(layer: nn.Module) -> tuple[int, int]:
    """Inputs and outputs of a linear layer."""
    if isinstance(layer, Conv1D):
        return layer.nx, layer.nf
    assert isinstance(layer, nn.Linear)
    return layer.in_features, layer.out_features


def _refuse_quantised(base: BaseModel) -> None:
    for name, module in base.model.named_modules():
        weight = getattr(module, "weight", None)
        packed = isinstance(weight, torch.Tensor) and weight.dtype not in _PLAIN
        if packed or ".quantized." in type(module).__module__:
            raise TrainingError(
                f"its layer {name!r} is quantised, and adapters are trained over plain weights",
                where="model.source",
                instead="give the checkpoint as it was before, with model.dtype: bfloat16 to save memory",
            )


def _refuse_tied(base: BaseModel, adapted: list[str]) -> None:
    """An adapter belongs to one place; one layer at several places would get it at all of them."""
    homes: dict[int, list[str]] = {}
    for name, module in base.model.named_modules(remove_duplicate=False):
        if isinstance(weight := getattr(module, "weight", None), torch.Tensor):
            homes.setdefault(id(weight), []).append(name)
    for name in adapted:
        others = [other for other in homes[id(base.model.get_submodule(name).weight)] if other != name]
        if others:
            raise TrainingError(
                f"{name!r} shares its weights with {others[0]!r}, and an adapter belongs to one layer",
                where="lora.target_modules",
                instead="write layers that have weights of their own, or choose a model that shares none",
            )


def _adapted_blocks(blocks: tuple[str, ...], layers: str) -> tuple[str, ...]:
    if layers == "all":
        return blocks
    count = int(layers.removeprefix("last-"))
    if count > len(blocks):
        raise TrainingError(
            f"is {layers}, and the model has {len(blocks)} blocks",
            where="lora.layers",
            instead=f"write all, or last-1 to last-{len(blocks)}",
        )
    return blocks[-count:]


def _chosen(inside: dict[str, nn.Module], linear: list[str], wanted: tuple[str, ...]) -> list[str]:
    chosen = [name for name in inside if _last(name) in wanted]
    odd = [name for name in chosen if name not in linear]
    missing = sorted(set(wanted) - {_last(name) for name in chosen})
    if odd or missing:
        problem = f"{_last(odd[0])!r} is no linear layer" if odd else f"{missing[0]!r} matches no layer"
        names = ", ".join(dict.fromkeys(map(_last, linear)))
        raise TrainingError(
            f"{problem} of the model's blocks", where="lora.target_modules", instead=f"write some of {names}"
        )
    return chosen


def _blocks(model: nn.Module) -> tuple[str, ...]:
    """The longest list of modules that is in no other list (the experts of a mixture are in one)."""
    lists = {name: module for name, module in model.named_modules() if isinstance(module, nn.ModuleList)}
    outer = {
        name: len(module)
        for name, module in lists.items()
        if not any(name.startswith(f"{other}.") for other in lists)
    }
    if not outer:
        raise TrainingError(
            f"{type(model).__name__} has no list of blocks",
            where="model.source",
            instead="give a transformer",
        )
    longest = max(outer, key=lambda name: outer[name])
    return tuple(f"{longest}.{index}" for index in range(outer[longest]))


def _last(name: str) -> str:
    return name.rpartition(".")[2]
