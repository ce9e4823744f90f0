"""Decoding with BLAS on one thread, as it does, beside as many threads as BLAS would take.

    python benchmarks/threads.py [--masks 256] [--groups 16] [--repeats 3]

One target of five pairs and noise, by `walsh-gp`; medians of wall and processor seconds, and their ratios to
one thread's. Run it again beside other work: that is where threads that wait for each other cost most.
"""

from __future__ import annotations

import argparse
import statistics
import time
from contextlib import nullcontext

import numpy as np
from threadpoolctl import threadpool_info

from spex_data.decoding import decoder, registry


def main() -> None:
    """Prints both, in turns."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--masks", type=int, default=256)
    parser.add_argument("--groups", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    masks = rng.random((options.masks, options.groups)) < 0.5
    pairs = [rng.choice(options.groups, 2, replace=False) for _ in range(5)]
    values = sum(masks[:, pair].all(axis=1) for pair in pairs) + 0.1 * rng.normal(size=options.masks)
    ways = {"one thread": registry.one_thread, "as many as BLAS takes": nullcontext}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(options.repeats):
        for name, way in ways.items():
            registry.one_thread = way  # type: ignore[assignment]
            wall, cpu = time.perf_counter(), time.process_time()
            decoder("walsh-gp").decode(masks, values)
            found[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    counts = {pool["internal_api"]: pool["num_threads"] for pool in threadpool_info()}
    print(f"threads that BLAS takes: {counts}")
    first = [statistics.median(column) for column in zip(*found["one thread"], strict=True)]
    for name, rows in found.items():
        wall, cpu = (statistics.median(column) for column in zip(*rows, strict=True))
        ratios = f"wall {wall / first[0]:.1f} x, processor {cpu / first[1]:.1f} x"
        print(f"{name:<24} wall {wall:6.2f} s, processor {cpu:6.2f} s: {ratios}")


if __name__ == "__main__":
    main()
