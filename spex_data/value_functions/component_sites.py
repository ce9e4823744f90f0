"""Where a model's attention heads and MLP blocks give their output, by the names of its modules."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn
from transformers.pytorch_utils import Conv1D

from spex_data.errors import ModelError
from spex_data.models import BaseModel

_ATTENTION = re.compile(
    r"(^|\.)((self_attn|attn|attention|self_attention)\.(o_proj|out_proj|c_proj|out_lin|dense)"
    r"|attention\.output\.dense|attn\.attention\.out_proj|attention\.attn\.o|attn\.Wo)$"
)
_MLP = re.compile(
    r"(^|\.)(down_proj|fc2|lin2|mlp\.c_proj|dense_4h_to_h|mlp\.fc_out|mlp\.Wo|(?<!attention\.)output\.dense)$"
)
_BLOCK = re.compile(r"^(.*?\.)(\d+)\.(.*)$")
_CROSS = re.compile(r"cross_?attention|encoder_attn", re.IGNORECASE)
SUPPORTED = (
    "BERT, RoBERTa, DistilBERT, ModernBERT, MPNet, GPT-2, GPT-NeoX, OPT, Llama, Mistral, Qwen2, Qwen3, Gemma "
    "and models whose attention is named like theirs (self_attn.o_proj, attn.c_proj, attention.output.dense, "
    "...)"
)
"""What to name where a model cannot be hooked."""


@dataclass(frozen=True, order=True)
class Component:
    """A head of a layer, or the layer's MLP block.

    Attributes:
        layer: From 0, the one next to the embeddings.
        head: From 0; -1 for the MLP block.
    """

    layer: int
    head: int = -1

    @property
    def name(self) -> str:
        """As people read it: "L3 H7", "L3 MLP"."""
        return f"L{self.layer} MLP" if self.head < 0 else f"L{self.layer} H{self.head}"


@dataclass(frozen=True)
class ComponentSites:
    """The linear layers that components give their output through.

    Attributes:
        attention: Name of each layer's projection of its heads, concatenated at its input.
        mlps: Name of each layer's last linear layer of the MLP; none where a layer has no single one.
        n_heads: Heads of each layer.
    """

    attention: tuple[str, ...]
    mlps: tuple[str, ...]
    n_heads: int


def find_component_sites(base: BaseModel) -> ComponentSites:
    """The sites of a decoder or an encoder.

    Raises:
        ModelError: An encoder-decoder, or a model without one output projection of known name in each layer,
            as wide as its heads together; what is supported is named.
    """
    attention: dict[int, list[str]] = {}
    mlps: dict[int, list[str]] = {}
    if getattr(base.model.config, "is_encoder_decoder", False):
        raise _unsupported(base, "it is an encoder-decoder")
    for name, module in base.model.named_modules():
        block = _BLOCK.match(name)
        if block is None or not isinstance(module, nn.Linear | Conv1D):
            continue
        if _CROSS.search(name):
            raise _unsupported(base, f"it has cross-attention ({name})")
        for pattern, found in ((_ATTENTION, attention), (_MLP, mlps)):
            if pattern.search(block[3]):
                found.setdefault(int(block[2]), []).append(name)
    layers = int(getattr(base.model.config, "num_hidden_layers", 0))
    if sorted(attention) != list(range(layers)) or any(len(names) > 1 for names in attention.values()):
        raise _unsupported(base, "its layers do not each have one output projection of attention")
    n_heads = int(getattr(base.model.config, "num_attention_heads", 0))
    sites = tuple(attention[layer][0] for layer in range(layers))
    for name in sites:
        width = input_width(base.model.get_submodule(name))
        if n_heads < 1 or width % n_heads:
            raise _unsupported(base, f"{name} reads {width} numbers of {n_heads} heads")
    single = sorted(mlps) == list(range(layers)) and all(len(names) == 1 for names in mlps.values())
    return ComponentSites(sites, tuple(mlps[layer][0] for layer in range(layers)) if single else (), n_heads)


def find_components(
    base: BaseModel,
    *,
    layers: Sequence[int] | None = None,
    heads: bool | Sequence[int] = True,
    mlps: bool = False,
) -> tuple[Component, ...]:
    """The components of some layers, layer by layer, heads first.

    Args:
        base: The model.
        layers: Numbers from 0; None for all.
        heads: Numbers from 0, or whether heads are wanted.
        mlps: Whether MLP blocks are.

    Raises:
        ModelError: As `find_component_sites`; a layer that does not exist, or MLP blocks that are not single.
    """
    sites = find_component_sites(base)
    chosen = range(len(sites.attention)) if layers is None else sorted(set(layers))
    numbers = range(sites.n_heads) if heads is True else sorted(set(heads or ()))
    each = [*numbers, *((-1,) if mlps else ())]
    components = tuple(Component(layer, head) for layer in chosen for head in each)
    require_components(base, sites, components)
    return components


def require_components(base: BaseModel, sites: ComponentSites, components: Sequence[Component]) -> None:
    """Refuses components that the model does not have.

    Raises:
        ModelError: Fewer than 2 components, one twice, or one that does not exist.
    """
    layers = len(sites.attention)
    if len(components) < 2 or len(set(components)) < len(components):
        raise ModelError(
            f"names {len(components)} components, {len(set(components))} different",
            where="components",
            instead="name at least 2 heads or MLP blocks, each once",
        )
    for one in components:
        if not 0 <= one.layer < layers:
            raise ModelError(
                f"layer {one.layer} does not exist",
                where="components.layers",
                instead=f"give numbers from 0 to {layers - 1}",
            )
        if not -1 <= one.head < sites.n_heads:
            raise ModelError(
                f"layer {one.layer} has no head {one.head}",
                where="components.heads",
                instead=f"give numbers from 0 to {sites.n_heads - 1}",
            )
        if one.head < 0 and not sites.mlps:
            raise _unsupported(base, "its layers do not each have a single MLP block of known name")


def input_width(layer: nn.Module) -> int:
    """Numbers that a linear layer reads."""
    return int(layer.nx if isinstance(layer, Conv1D) else layer.in_features)  # type: ignore[arg-type]


def _unsupported(base: BaseModel, why: str) -> ModelError:
    return ModelError(
        f"its components cannot be silenced: {why}", where=base.source, instead=f"use one of {SUPPORTED}"
    )
