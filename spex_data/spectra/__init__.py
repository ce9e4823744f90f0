"""Sparse expansions of set functions, and what is read off them exactly."""

from spex_data.spectra.expansions import FourierExpansion, MoebiusExpansion, ParityMoment
from spex_data.spectra.optimise import Optimum, optimise
from spex_data.spectra.pair_kinds import PAIR_KINDS, Corners, PairKind, corner_means, pair_kind
from spex_data.spectra.subset import best_subset, largest_terms
from spex_data.spectra.superset_sums import MAX_TERMS, superset_matrix, superset_sums
from spex_data.spectra.terms import Term, by_order, canonical, parity_matrix, products, renamed, unique_rows
from spex_data.spectra.walsh import every_value, walsh_hadamard

__all__ = [
    "MAX_TERMS",
    "PAIR_KINDS",
    "Corners",
    "FourierExpansion",
    "MoebiusExpansion",
    "Optimum",
    "PairKind",
    "ParityMoment",
    "Term",
    "best_subset",
    "by_order",
    "canonical",
    "corner_means",
    "every_value",
    "largest_terms",
    "optimise",
    "pair_kind",
    "parity_matrix",
    "products",
    "renamed",
    "superset_matrix",
    "superset_sums",
    "unique_rows",
    "walsh_hadamard",
]
