"""Groups made without labels: shards by chance, clusters by nearness of embeddings."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spex_data.errors import GroupingError
from spex_data.groups.grouping import Grouping, make_grouping


def by_shards(example_ids: Sequence[str], k: int, *, seed: int) -> Grouping:
    """k groups by chance, their sizes equal to within one example.

    The examples are ordered by hash(seed, id) and cut into k runs: the shard of an example does not depend
    on the order of the rows.

    Args:
        example_ids: Distinct ids, one a row.
        k: Number of shards, from 2 to the number of examples.
        seed: Any integer.

    Returns:
        The grouping, its shards named "shard 1" and so on by first appearance.

    Raises:
        GroupingError: If k is less than 2 or more than there are examples.
    """
    _require_k(k, len(example_ids), "shards", "examples")
    order = sorted(
        range(len(example_ids)),
        key=lambda row: hashlib.sha256(f"shard {seed} {example_ids[row]}".encode()).digest(),
    )
    labels = np.empty(len(order), dtype=np.int64)
    labels[order] = np.arange(len(order)) * k // len(order)
    return _numbered(example_ids, labels, "shard")


def by_kmeans(example_ids: Sequence[str], embeddings: NDArray[np.float32], k: int, *, seed: int) -> Grouping:
    """k clusters of examples whose embeddings are near each other.

    The best of 10 starts of Lloyd's algorithm (scikit-learn's KMeans) on the rows in order of their ids, so
    that the clusters do not depend on the order of the rows.

    Args:
        example_ids: Distinct ids, one a row.
        embeddings: float32[n_examples, d], finite.
        k: Number of clusters, from 2 to the number of distinct embeddings.
        seed: Any integer.

    Returns:
        The grouping, its clusters named "cluster 1" and so on by first appearance.

    Raises:
        GroupingError: If the embeddings do not fit the examples or are not finite, or k is out of range.
    """
    if embeddings.ndim != 2 or len(embeddings) != len(example_ids) or not np.isfinite(embeddings).all():
        raise GroupingError(
            f"embeddings of shape {embeddings.shape} do not fit {len(example_ids)} examples,"
            " or are not finite",
            instead=f"give finite numbers of shape [{len(example_ids)}, d]",
        )
    _require_k(k, len(np.unique(embeddings, axis=0)), "clusters", "distinct embeddings")
    # Here, because scikit-learn takes a second to import and only this way of grouping needs it.
    from sklearn.cluster import KMeans

    order = np.argsort(np.array(example_ids))
    labels = np.empty(len(order), dtype=np.int64)
    labels[order] = KMeans(k, n_init=10, random_state=seed % 2**32).fit_predict(embeddings[order])
    return _numbered(example_ids, labels, "cluster")


def _require_k(k: int, most: int, what: str, of: str) -> None:
    if not 2 <= k <= most:
        raise GroupingError(
            f"{k} {what} cannot be made from {most} {of}", where="groups.k", instead=f"write 2 to {most}"
        )


def _numbered(example_ids: Sequence[str], labels: NDArray[np.int64], word: str) -> Grouping:
    number = {label: group for group, label in enumerate(dict.fromkeys(labels.tolist()))}
    width = len(str(len(number)))
    names = [f"{word} {group:0{width}d}" for group in range(1, len(number) + 1)]
    return make_grouping(example_ids, [number[label] for label in labels.tolist()], names)
