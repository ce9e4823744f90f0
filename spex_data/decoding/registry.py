"""Decoders by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spex_data.decoding.auto import Auto
from spex_data.decoding.fast import Fast
from spex_data.decoding.lasso import Lasso
from spex_data.decoding.linear import Linear
from spex_data.decoding.matching_pursuit import MatchingPursuit
from spex_data.decoding.one_thread import one_thread
from spex_data.decoding.problem import Problem, checked_problem
from spex_data.decoding.protocol import Algorithm, Decoder
from spex_data.decoding.proxyspex import ProxySpex
from spex_data.decoding.result import Decoded
from spex_data.decoding.simulated import Simulated
from spex_data.decoding.spex import Spex
from spex_data.decoding.spike_slab import SpikeSlab
from spex_data.decoding.target_fit import TargetFit
from spex_data.decoding.walsh_gp import WalshGp
from spex_data.decoding.warped_gp import WarpedGp
from spex_data.errors import DecodingError
from spex_data.masks import MaskDesign, MaskDistribution
from spex_data.spectra import FourierExpansion

_ALGORITHMS: dict[str, Callable[..., Algorithm]] = {
    "proxyspex": ProxySpex,
    "linear": Linear,
    "lasso": Lasso,
    "matching-pursuit": MatchingPursuit,
    "spike-slab": SpikeSlab,
    "walsh-gp": WalshGp,
    "warped-gp": WarpedGp,
    "spex": Spex,
    "auto": Auto,
    "fast": Fast,
}
NAMES: tuple[str, ...] = tuple(_ALGORITHMS)
DEFAULT = "auto"
WITH_FEATURES = ("auto",)
"""Methods that use what a surrogate says."""


def decoder(
    name: str = DEFAULT, *, max_order: int | None = None, seed: int = 0, **options: object
) -> Decoder:
    """The decoder of a name.

    Args:
        name: One of NAMES.
        max_order: Largest set in the expansion; if None, what the method predicts best with: 5 for Gaussian
            processes, 4 for `spike-slab`, 3 for trees and `matching-pursuit`. `linear` has order 1 and
            `lasso` order 2 at most.
        seed: Of folds and whatever else is drawn.
        options: The algorithm's own, such as num_threads, or grid="paper" of `proxyspex`.

    Returns:
        A Decoder; it does no work before `decode`.

    Raises:
        DecodingError: An unknown name or option, or an order below 1.
    """
    if name not in _ALGORITHMS:
        near = get_close_matches(name, NAMES, n=1)
        raise DecodingError(
            f"is {name!r}",
            where="decoding.method",
            instead=f"did you mean {near[0]}?" if near else f"write one of {', '.join(NAMES)}",
        )
    if max_order is not None and max_order < 1:
        raise DecodingError(f"is {max_order}", where="decoding.max_order", instead="write 1 or more")
    algorithm = _ALGORITHMS[name]
    known = [field.name for field in fields(algorithm)]  # type: ignore[arg-type]
    for option in options:
        if option not in known:
            raise DecodingError(
                f"is not an option of {name}", where=option, instead=f"write one of {', '.join(known)}"
            )
    if max_order is not None:
        options["max_order"] = max_order
    return CheckingDecoder(name, algorithm(seed=seed, **options))


@dataclass(frozen=True)
class CheckingDecoder:
    """An algorithm behind the checks that all share, and the cases that leave it nothing to do.

    Attributes:
        name: The algorithm's name.
        algorithm: What fits targets whose values differ.
    """

    name: str
    algorithm: Algorithm

    def decode(
        self,
        masks: ArrayLike,
        values: ArrayLike,
        *,
        design: MaskDesign | MaskDistribution | None = None,
        features: Simulated | None = None,
        groups: ArrayLike | None = None,
    ) -> Decoded:
        """Decodes; see Decoder.decode."""
        if features is not None and self.name not in WITH_FEATURES:
            raise DecodingError(
                f"are given, and {self.name} cannot use them",
                where="features",
                instead=f"leave them out, or take {' or '.join(WITH_FEATURES)}",
            )
        problem = checked_problem(masks, values, design=design, groups=groups, features=features)
        spread = np.ptp(problem.values, axis=0)
        varies = spread > 1e-12 * np.abs(problem.values).max(axis=0)
        fits = [_constant(problem, target) for target in range(problem.n_targets)]
        if varies.any():
            found = self._fitted(replace(problem, values=problem.values[:, varies]), varies)
            for target, fit in zip(np.flatnonzero(varies), found, strict=True):
                fits[target] = fit
        return Decoded(
            self.name,
            problem.distribution,
            problem.masks,
            tuple(fits),
            problem.n_rows,
            problem.single,
            # masks of a code hang together, and errors of estimates made from them are not known
            None if problem.code else problem.values,
            problem.noise,
            problem.lawful,
        )

    def _fitted(self, problem: Problem, varies: NDArray[np.bool_]) -> list[TargetFit]:
        """One fit a target, in which a group that is always on or always off has no effect."""
        places = np.flatnonzero(problem.masks.any(axis=0) & ~problem.masks.all(axis=0))
        # one group has a single contrast: there is nothing to choose
        algorithm = self.algorithm if len(places) > 1 else Linear()
        code = None if problem.code is None else problem.code.restricted(places)
        features = None if problem.features is None else problem.features.of(varies, places)
        varying = replace(problem, masks=problem.masks[:, places], code=code, features=features)
        with one_thread():
            found = algorithm.fit(varying)
        return [fit.relabelled(problem.n_groups, places) for fit in found]


def _constant(problem: Problem, target: int) -> TargetFit:
    mean = problem.values[:, [target]].mean(axis=0)
    return TargetFit(FourierExpansion(problem.n_groups, ((),), mean))
