"""The false discovery rate of a list of sets, as a posterior over models has it.

If each set acts with probability p, of the sets of at least some probability the share 1 - mean(p) is
expected not to (Newton et al. 2004; Mueller, Parmigiani, Robert and Rousseau 2004). It sees what tests of one
set at a time cannot, such as that an AND of three groups explains each of its pairs; it is as true as the
model is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from spex_data.spectra import Term


def posterior_q_values(acting: Mapping[Term, float], orders: Collection[int]) -> dict[Term, float]:
    """The least expected share of false ones among all sets that are at least as likely.

    Args:
        acting: How likely each set acts.
        orders: Sizes of the sets that are on one list.

    Returns:
        A number for each set of these sizes.
    """
    listed = sorted((term for term in acting if len(term) in orders), key=lambda term: (-acting[term], term))
    doubts = np.array([1.0 - acting[term] for term in listed])
    means = np.cumsum(doubts) / np.arange(1, len(doubts) + 1)
    return dict(zip(listed, np.maximum(means, 0.0).tolist(), strict=True))
