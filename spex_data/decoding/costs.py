"""What a method is expected to cost, from the sizes alone."""

from __future__ import annotations

from math import comb

from spex_data.decoding.gaussian.fit import largest_order
from spex_data.decoding.matching_pursuit import skewed
from spex_data.decoding.problem import Problem


def estimated_seconds(name: str, problem: Problem) -> float:
    """CPU seconds on one core of a common server, within a factor of about three.

    Args:
        name: Of the method.
        problem: All targets together.
    """
    (m, n), t = problem.masks.shape, problem.n_targets
    pairs, order = min(comb(n, 2), 4000), largest_order(n, 5, t)
    sets = 5e-6 * sum(comb(n, size) for size in range(1, order + 1))
    process = 0.1 + 4e-9 * min(m, 300) ** 3 + 5e-11 * min(m, 4000) ** 3 + sets
    walk = 0.15 + 8e-5 * m + 6e-9 * m * n * n
    shared, each = {
        "linear": (1e-9 * m * n * n, 0.0),
        "fast": (0.02 + 1.3e-9 * min(m, 1500) ** 3, 0.02 + sets),
        "walsh-gp": (0.0, process),
        "surrogate-gp": (0.0, 0.3 + 1.2e-8 * min(m, 300) ** 3 + 3e-9 * min(m, 4000) ** 3 + 4 * sets),
        "warped-gp": (0.0, 0.1 + process + 1.0 * (n > 16)),
        "lasso": (1e-10 * m * pairs**2, 0.02 + 3e-7 * pairs**2),
        "spike-slab": (0.0, (8 if skewed(problem.distribution.p) else 1) * walk),
        "proxyspex": (0.0, 0.15 + 4e-6 * m * n),
    }[name]
    return shared + each * t
