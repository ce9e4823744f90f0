"""A blend of all methods, weighted by what each says of masks that it has not seen.

Every method gives out-of-fold predictions as a by-product of choosing its own settings, all on the same
folds. The blend is the mean of the values plus a combination of what they predict beyond it, with the
non-negative weights of least squares out of fold (Breiman 1996, "Stacked regressions"), drawn to weights that
were good on other games as far as the values leave them open. Interactions are the blend's: among its largest
pairs are more of the true ones than among those of the best method. Only where masks were not drawn from a
known law, so that intervals cannot be cross-fitted, they are listed from the method that is best out of fold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from spex_data.decoding.costs import estimated_seconds
from spex_data.decoding.fast import Fast
from spex_data.decoding.lasso import Lasso
from spex_data.decoding.linear import Linear
from spex_data.decoding.problem import Problem
from spex_data.decoding.protocol import Algorithm
from spex_data.decoding.proxyspex import ProxySpex
from spex_data.decoding.spike_slab import SpikeSlab
from spex_data.decoding.surrogate_gp import SurrogateGp
from spex_data.decoding.target_fit import TargetFit
from spex_data.decoding.uncertainty.crossfit import FoldFits, blended, combined
from spex_data.decoding.walsh_gp import WalshGp
from spex_data.decoding.warped_gp import WarpedGp
from spex_data.spectra import FourierExpansion

SURROGATE = "surrogate-gp"
"""The method that uses what a surrogate says."""
_LEAST_GAIN = 0.01
"""Share of a target's error out of fold that a surrogate must take away before it is believed."""
_METHODS: Mapping[str, Callable[..., Algorithm]] = {
    "linear": Linear,
    "fast": Fast,
    "walsh-gp": WalshGp,
    "warped-gp": WarpedGp,
    "lasso": Lasso,
    "spike-slab": SpikeSlab,
    "proxyspex": ProxySpex,
    SURROGATE: SurrogateGp,
}
"""In the order in which they are worth their cost."""
_ALWAYS = ("linear", "fast")
_EXPECTED: Mapping[str, float] = {
    "linear": 0.02,
    "fast": 0.05,
    "walsh-gp": 0.25,
    "warped-gp": 0.35,
    "lasso": 0.05,
    "spike-slab": 0.15,
    "proxyspex": 0.15,
    SURROGATE: 1.5,
}
"""Weights before any prediction is seen."""
_TRUST = 5.0
"""How much these count: so many times the noise variance and the square root of the number of masks."""
_LEAST_WEIGHT = 0.01
_LIST_HANDICAP: Mapping[str, float] = {
    "linear": 1.1,
    "fast": 1.1,
    "walsh-gp": 1.0,
    "warped-gp": 1.0,
    "lasso": 1.05,
    "spike-slab": 1.05,
    "proxyspex": 1.1,
    SURROGATE: 1.1,
}
"""Out-of-fold errors are multiplied by this when the fit to list from is chosen: at equal errors, lists of
smoother fits hold more of the true largest pairs."""


@dataclass(frozen=True)
class Auto:
    """Settings of the blend.

    Attributes:
        max_order: Largest set in the expansion; None for each method's own.
        seed: Of every method.
        num_threads: Of LightGBM.
        cpu_seconds: A method is taken if what it is expected to cost for all targets, on one core, is within
            what is left of this; `linear` and `fast` always are. Expected from the sizes, not measured, so
            that the same call gives the same result on every machine.
    """

    max_order: int | None = None
    seed: int = 0
    num_threads: int = 1
    cpu_seconds: float = 600.0

    def fit(self, problem: Problem) -> list[TargetFit]:
        """All methods on all targets, then a blend for each target.

        What a surrogate says is one more method. The blend is made with it and without it, and of each target
        the one that is better out of fold is taken.
        """
        fits = self._fits(problem)
        plain = _blends({name: found for name, found in fits.items() if name != SURROGATE}, problem)
        if SURROGATE not in fits:
            return plain
        pairs = zip(plain, _blends(fits, problem), problem.values.T, strict=True)
        return [_better(without, within, values) for without, within, values in pairs]

    def _fits(self, problem: Problem) -> dict[str, Sequence[TargetFit]]:
        """What the methods find that there is time for."""
        left = self.cpu_seconds
        fits: dict[str, Sequence[TargetFit]] = {}
        for name in _METHODS:
            if name == SURROGATE and problem.features is None:
                continue
            seconds = estimated_seconds(name, problem)
            if seconds <= left or name in _ALWAYS:
                left -= seconds
                options = {} if self.max_order is None else {"max_order": self.max_order}
                made = _METHODS[name](seed=self.seed, num_threads=self.num_threads, **options)
                fits[name] = made.fit(problem)
        return fits


def _blends(fits: Mapping[str, Sequence[TargetFit]], problem: Problem) -> list[TargetFit]:
    return [
        _blended({name: found[target] for name, found in fits.items()}, values)
        for target, values in enumerate(problem.values.T)
    ]


def _better(plain: TargetFit, guided: TargetFit, values: NDArray[np.float64]) -> TargetFit:
    """One target's blend with or without a surrogate, by their errors out of fold.

    It says which it is, and what the other would have come to. Each target decides for itself: what several
    came to together let a surrogate in where it did harm (benchmarks/fidelity.py, learning rate .001).
    """
    errors = [
        float(((values - fit.out_of_fold) ** 2).mean()) if fit.out_of_fold is not None else np.inf
        for fit in (plain, guided)
    ]
    taken = guided if errors[1] < (1 - _LEAST_GAIN) * errors[0] else plain
    return replace(
        taken,
        settings={
            **taken.settings,
            "surrogate": "used" if taken is guided else "left out",
            "cv_r2_without_surrogate": float(plain.cv_r2 or 0.0),
            "cv_r2_with_surrogate": float(guided.cv_r2 or 0.0),
        },
    )


def _blended(fits: Mapping[str, TargetFit], values: NDArray[np.float64]) -> TargetFit:
    mean, spread = float(values.mean()), float(values.var())
    judged = {name: fit.out_of_fold - mean for name, fit in fits.items() if fit.out_of_fold is not None}
    scores = {
        name: float(1 - ((values - mean - guess) ** 2).mean() / spread) for name, guess in judged.items()
    }
    columns = np.stack(list(judged.values()), axis=1)
    weights = _weights(columns, values - mean, np.array([_EXPECTED[name] for name in judged]))
    best = min(scores, key=lambda name: (1 - scores[name]) * _LIST_HANDICAP[name])
    blend = mean + columns @ weights
    score = float(1 - ((values - blend) ** 2).mean() / spread)
    chosen = dict(zip(judged, weights.tolist(), strict=True))
    models = [(weight, fits[name].acting) for name, weight in chosen.items()]
    return TargetFit(
        combined(
            [(weight, fits[name].expansion) for name, weight in chosen.items() if weight],
            mean * (1.0 - sum(chosen.values())),
        )
        if weights.any()
        else FourierExpansion(fits[best].expansion.n_groups, ((),), np.array([mean])),
        fits[best].support,
        cv_r2=score,
        scores={**scores, "auto": score},
        settings={"best_method": best, **{f"weight of {name}": weight for name, weight in chosen.items()}},
        out_of_fold=blend,
        folds=_fold_fits(fits, chosen, mean),
        # a model that predicts too badly to be blended in is not believed about what acts either
        acting=next((acting for weight, acting in models if weight and acting is not None), None),
    )


def _fold_fits(fits: Mapping[str, TargetFit], weights: Mapping[str, float], mean: float) -> FoldFits | None:
    used = [(weight, fits[name].folds) for name, weight in weights.items() if weight]
    known = [(weight, folds) for weight, folds in used if folds is not None]
    return blended(known, mean) if known and len(known) == len(used) else None


def _weights(
    columns: NDArray[np.float64], values: NDArray[np.float64], expected: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Non-negative least squares, with a penalty on the distance to the weights expected.

    Without it the weights follow the accidents of few masks; it fades as the best method's error does. What
    is expected of a method falls as exp(-(t - 1)^2 / 2) once it is t > 1 standard errors worse than the best.

    Args:
        columns: float64[m, q], out-of-fold predictions.
        values: float64[m].
        expected: float64[q], before any prediction is seen.
    """
    count, width = columns.shape
    errors = (values[:, None] - columns) ** 2
    best = int(errors.mean(axis=0).argmin())
    excess = errors - errors[:, [best]]
    deviation = np.maximum(excess.std(axis=0), 1e-12 * float((values**2).mean()))
    worse = excess.mean(axis=0) / deviation * np.sqrt(count)
    likely = expected * np.exp(-0.5 * np.maximum(worse - 1.0, 0.0) ** 2)
    trust = float(np.sqrt(_TRUST * errors[:, best].mean() * np.sqrt(count)))
    rows = np.vstack([columns, trust * np.eye(width)])
    aims = np.concatenate([values, trust * likely / likely.sum()])
    unit = float(np.linalg.norm(values))
    weights = nnls(rows / unit, aims / unit)[0]
    weights[weights < _LEAST_WEIGHT] = 0.0
    return np.asarray(weights)
