"""SPEX: the sparse Fourier transform by coded subsampling, with soft decoding and orthogonal peeling.

The masks are those of a code (spex_data.masks.coded), so that sets of up to `degree` groups are read off
the bins of small Walsh-Hadamard transforms, whatever n is. Peeling here is a pursuit: each step decodes the
bins of what is left of the values, adds the sets that explain most of it, and refits all sets found so far
to ALL masks by least squares. So no error of a coefficient is carried from bin to bin, masks outside the
code help, and those that are missing only blur the bins they were in. (Kang et al., ICML 2025; Li et al.
2015 for the transform; pursuit as in matching_pursuit.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spex_data.decoding.atoms import Atom, Dictionary, Scored
from spex_data.decoding.basis import PARITY
from spex_data.decoding.coded_bins import CodedBins, coded_bins
from spex_data.decoding.folds import chosen_elsewhere, folds
from spex_data.decoding.problem import Problem
from spex_data.decoding.pursuit import pursue
from spex_data.decoding.ridge import ridge
from spex_data.decoding.support import SupportFit, support_fit
from spex_data.decoding.target_fit import TargetFit
from spex_data.errors import DecodingError
from spex_data.masks import CodedDesign
from spex_data.spectra import FourierExpansion, Term, parity_matrix

_FOLDS = 5
_ROUNDING = 1e-20
"""Share of the values' energy below which a residual is taken for rounding."""
_STRICTNESS = (1.3, 1.0)
_LIKELY = 32
"""Patterns of wrong signs tried for each bin at each step."""
_TRIED = 16_000
"""Patterns tried for all bins together where those find nothing more."""


@dataclass(frozen=True)
class Spex:
    """Settings of the algorithm.

    Attributes:
        max_order: Largest set reported; sets of up to the code's degree are found and fitted with them.
        seed: Of the folds.
        num_threads: Unused; linear algebra takes one.
    """

    max_order: int = 3
    seed: int = 0
    num_threads: int = 1

    def fit(self, problem: Problem) -> list[TargetFit]:
        """Each target by itself, on the same bins.

        Raises:
            DecodingError: The masks are not those of a code.
        """
        design = _checked_code(problem)
        fold_of = folds(problem.labels, _FOLDS, seed=self.seed)
        whole = _coded_atoms(design, problem.masks)
        parts = [_coded_atoms(design, problem.masks[fold_of != fold]) for fold in range(fold_of.max() + 1)]
        means, scales = problem.values.mean(axis=0), problem.values.std(axis=0)
        values = (problem.values - means) / scales
        return [
            self._fit_one(whole, parts, fold_of, values[:, target]).rescaled(
                float(means[target]), float(scales[target])
            )
            for target in range(problem.n_targets)
        ]

    def _fit_one(
        self,
        whole: CodedAtoms,
        parts: Sequence[CodedAtoms],
        fold_of: NDArray[np.int64],
        values: NDArray[np.float64],
    ) -> TargetFit:
        predicted = np.zeros((len(_STRICTNESS), len(values)))
        for fold, part in enumerate(parts):
            out = fold_of == fold
            for place, fit in enumerate(_fitted(part, values[~out])):
                reported = _limited(fit.expansion, self.max_order)
                predicted[place, out] = reported.evaluate(whole.masks[out])
        errors = ((predicted - values) ** 2).mean(axis=1)
        best = int(errors.argmin())
        fit = _fitted(whole, values)[best]
        out_of_fold = chosen_elsewhere(predicted, values, fold_of)
        return TargetFit(
            _limited(fit.expansion, self.max_order),
            _limited_support(fit, self.max_order),
            cv_r2=float(1 - ((values - out_of_fold) ** 2).mean()),
            scores={f"spex/{each:g}": float(1 - error) for each, error in zip(_STRICTNESS, errors)},
            settings={
                "strictness": _STRICTNESS[best],
                "degree": whole.bins.design.degree,
                "blocks": len(whole.bins.design.blocks),
                "bits": whole.bins.design.blocks[0].bits,
                "known": round(whole.bins.known, 4),
                "terms": len(fit.terms),
            },
            out_of_fold=out_of_fold,
        )


@dataclass(frozen=True, eq=False)
class CodedAtoms:
    """Parities: all single groups and pairs by an exhaustive scan, larger sets by their code.

    Attributes:
        masks: bool[m, n_groups].
        scan: The exhaustive one.
        bins: Where the code's masks are.
    """

    masks: NDArray[np.bool_]
    scan: Dictionary
    bins: CodedBins

    def price(self, order: int) -> float:
        """What chance alone gains: as of all sets of that size, which decoding stands for."""
        return self.scan.price(order)

    def column(self, atom: Atom) -> NDArray[np.float64]:
        """float64[m], the parity on the masks."""
        return self.scan.column(atom)

    def singles(self, residual: NDArray[np.float64], unit: float) -> Iterator[Scored]:
        """Every group."""
        return self.scan.singles(residual, unit)

    def pairs(self, residual: NDArray[np.float64], unit: float) -> Iterator[Scored]:
        """The best pairs."""
        return self.scan.pairs(residual, unit)

    def extensions(
        self, residual: NDArray[np.float64], unit: float, _atoms: Sequence[Atom], _max_order: int
    ) -> Iterator[Scored]:
        """Sets that the bins show if their likeliest signs are wrong."""
        return self._named(residual, unit, _LIKELY)

    def triples(self, residual: NDArray[np.float64], unit: float) -> Iterator[Scored]:
        """Sets that the bins show if any few signs are wrong."""
        return self._named(residual, unit, max(2 * _LIKELY, _TRIED // self.bins.n_bins))

    def _named(self, residual: NDArray[np.float64], unit: float, patterns: int) -> Iterator[Scored]:
        terms = self.bins.candidates(residual, patterns)
        columns = parity_matrix(self.masks, terms)
        variances = np.maximum(1.0 - columns.mean(axis=0) ** 2, 1e-3)
        gains = (columns.T @ residual) ** 2 / variances / unit
        for term, gain in zip(terms, gains.tolist(), strict=True):
            yield Scored(gain - self.price(len(term)), (0, term))


def _checked_code(problem: Problem) -> CodedDesign:
    if problem.code is None:
        raise DecodingError(
            "is spex, which decodes coded masks alone, and these come with no code",
            where="decoding.method",
            instead="draw them with masks.scheme: spex and give their design, or write proxyspex or auto",
        )
    if coded_bins(problem.code, problem.masks).known == 0:
        raise DecodingError(
            "holds no mask of the code that the design has",
            where="masks",
            instead="give the design that these masks were drawn from, or another method such as auto",
        )
    return problem.code


def _coded_atoms(design: CodedDesign, masks: NDArray[np.bool_]) -> CodedAtoms:
    signs = (1.0 - 2.0 * masks).astype(np.float32)
    return CodedAtoms(masks, Dictionary((PARITY,), signs), coded_bins(design, masks))


def _fitted(atoms: CodedAtoms, values: NDArray[np.float64]) -> list[SupportFit]:
    """A fit on the sets found for each strictness."""
    order = atoms.bins.design.degree
    found = pursue(atoms, values, _STRICTNESS, order, dear_scans=len(values))
    return [_refitted(atoms, values, [members for _, members in each]) for each in found]


def _refitted(atoms: CodedAtoms, values: NDArray[np.float64], terms: list[Term]) -> SupportFit:
    """Ridge on these sets, with or without every single group beside them, as leave-one-out says.

    Where the sets alone leave nothing but rounding, the single groups could only add it up.
    """
    n = atoms.scan.n_groups
    others = [(group,) for group in range(n) if (group,) not in set(terms)]
    fits = []
    for chosen in (terms, [*terms, *others]) if terms else (others,):
        fit = ridge(parity_matrix(atoms.masks, chosen), values[:, None])
        fits.append(support_fit(n, chosen, fit, 0))
        if float((fits[0].loo_residuals ** 2).sum()) <= _ROUNDING * float((values**2).sum()):
            break
    return min(fits, key=lambda fit: float((fit.loo_residuals**2).sum()))


def _limited(expansion: FourierExpansion, max_order: int) -> FourierExpansion:
    kept = [place for place, term in enumerate(expansion.terms) if len(term) <= max_order]
    terms: tuple[Term, ...] = tuple(expansion.terms[place] for place in kept)
    return FourierExpansion(expansion.n_groups, terms, expansion.coefficients[kept])


def _limited_support(fit: SupportFit, max_order: int) -> SupportFit:
    """The fit without its larger sets; parities are uncorrelated over masks, so the rest stays as it is."""
    kept = [place for place, term in enumerate(fit.terms) if len(term) <= max_order]
    return replace(fit, terms=tuple(fit.terms[place] for place in kept), coefficients=fit.coefficients[kept])
