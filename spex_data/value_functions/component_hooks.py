"""Hooks on the linear layers that components give their output through; all are gone afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from spex_data.errors import ModelError
from spex_data.models import BaseModel
from spex_data.value_functions.component_sites import SUPPORTED, ComponentSites

Change = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Silence:
    """What happens to one layer.

    Attributes:
        site: Name of the module.
        at_input: True for a projection of heads, whose input is changed; False for an MLP's output.
        scale: float[sequences, 1, parts], the factor of each head, or of the one MLP; 0 for silence.
    """

    site: str
    at_input: bool
    scale: torch.Tensor


@contextmanager
def silenced(base: BaseModel, silences: Sequence[Silence], means: dict[str, torch.Tensor]) -> Iterator[None]:
    """The model with some parts multiplied or silent, for as long as the block lasts.

    Args:
        base: The model, whose weights are not touched.
        silences: At most one a site.
        means: What is given instead of a silent part, float[width], by site; zeros where a site has none.

    Raises:
        ModelError: A layer computes its output without the module that is hooked.
    """
    called: set[str] = set()

    def hook(site: str, change: Change, at_input: bool) -> Callable[..., Any]:
        def changed(_module: torch.nn.Module, given: tuple[Any, ...], output: Any = None) -> Any:
            called.add(site)
            return (change(given[0]), *given[1:]) if at_input else change(output)

        return changed

    with ExitStack() as hooks:
        for one in silences:
            module = base.model.get_submodule(one.site)
            register: Any = module.register_forward_pre_hook if one.at_input else module.register_forward_hook
            change = _scaling(one.scale, means.get(one.site))
            hooks.callback(register(hook(one.site, change, one.at_input)).remove)
        yield
        if missed := [one.site for one in silences if one.site not in called]:
            raise ModelError(
                f"its components cannot be silenced: {missed[0]} is not called by itself",
                where=base.source,
                instead=f"use one of {SUPPORTED}",
            )


@contextmanager
def watched(
    base: BaseModel, sites: ComponentSites, see: Callable[[str, torch.Tensor], None]
) -> Iterator[None]:
    """Shows what every site passes on: the input of projections of heads, the output of MLP blocks."""
    with ExitStack() as hooks:
        for name in sites.attention:
            module = base.model.get_submodule(name)
            before = module.register_forward_pre_hook(lambda _, given, name=name: see(name, given[0]))
            hooks.callback(before.remove)
        for name in sites.mlps:
            module = base.model.get_submodule(name)
            after = module.register_forward_hook(lambda _, __, output, name=name: see(name, output))
            hooks.callback(after.remove)
        yield


def _scaling(scale: torch.Tensor, mean: torch.Tensor | None) -> Change:
    """hidden times scale, part by part; what is silent gives the mean, or zeros where there is none."""

    def change(hidden: torch.Tensor) -> torch.Tensor:
        # Some models (OPT) have all tokens of all sequences in one axis here.
        parts = hidden.reshape(len(scale), -1, scale.shape[-1], hidden.shape[-1] // scale.shape[-1])
        factors = scale[..., None]
        instead = torch.zeros_like(parts[..., :1, :1]) if mean is None else mean.view(scale.shape[-1], -1)
        # Chosen, not multiplied: a number that is not finite would survive a factor of zero.
        return torch.where(factors == 0, instead, parts * factors).view(hidden.shape)

    return change
