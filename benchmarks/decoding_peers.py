"""Other people's decoders on the masks that ours get; None where they are not installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spex_data.spectra import FourierExpansion

Peer = Callable[[NDArray[np.bool_], NDArray[np.float64]], FourierExpansion]


class _Refined(Exception):
    """Carries the expansion out of shapiq before it is turned into an index."""

    def __init__(self, expansion: dict[tuple[int, ...], float]) -> None:
        self.expansion = expansion


def shapiq_proxyspex() -> Peer | None:
    """shapiq's ProxySPEX; its sampler is replaced by one that gives our masks."""
    try:
        from shapiq.approximator import ProxySPEX
    except ImportError:
        return None

    def decode(masks: NDArray[np.bool_], values: NDArray[np.float64]) -> FourierExpansion:
        n = masks.shape[1]
        peer: Any = ProxySPEX(n=n, index="FBII", max_order=3, random_state=0)
        peer._uniform_sampler = _Given(masks)
        refine = peer._refine

        def stop(*arguments: Any) -> None:
            raise _Refined(refine(*arguments))

        peer._refine = stop
        try:
            peer.approximate(len(masks), lambda _: values)
        except _Refined as found:
            return FourierExpansion.from_mapping(
                n, {tuple(map(int, term)): float(value) for term, value in found.expansion.items()}
            )
        raise RuntimeError("shapiq did not refine")

    return decode


class _Given:
    """A sampler that has drawn already."""

    def __init__(self, masks: NDArray[np.bool_]) -> None:
        self.coalitions_matrix = masks

    def sample(self, _budget: int) -> None:
        pass


def spectral_explain() -> Peer | None:
    """spectral-explain's ProxySPEX, on one thread."""
    try:
        import spectralexplain.utils as peer
    except ImportError:
        return None

    def decode(masks: NDArray[np.bool_], values: NDArray[np.float64]) -> FourierExpansion:
        original = peer.lgb.LGBMRegressor
        peer.lgb.LGBMRegressor = lambda **settings: original(**{**settings, "n_jobs": 1})
        try:
            found = peer.proxy_spex((masks.astype(int), values))
        finally:
            peer.lgb.LGBMRegressor = original
        n = masks.shape[1]
        return FourierExpansion.from_mapping(
            n, {tuple(np.flatnonzero(term).tolist()): float(value) for term, value in found.items()}
        )

    return decode


PEERS: dict[str, Callable[[], Peer | None]] = {
    "shapiq": shapiq_proxyspex,
    "spectralexplain": spectral_explain,
}
