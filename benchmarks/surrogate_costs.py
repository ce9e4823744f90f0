"""Time and memory of a gradient surrogate on MiniLM with rank-8 LoRA, against the number of examples.

    python benchmarks/surrogate_costs.py --train FILE.csv [--sizes 1000 2000 4000 10000] [--anchors 1]

FILE has columns text and category (Banking77); beyond its rows, rows come again. Processor seconds an
anchor and an example, beside those of one fine-tune on all of the same examples (a few of its steps, scaled
up), the numbers kept of an example, the most memory that gradients and simulation take above what the model,
the examples and an adapter take already, and the processor time of a simulated mask; each size in a process
of its own.
"""

from __future__ import annotations

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
import gc
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

SIMULATED = 200


def cost(train: Path, size: int, anchors: int, epochs: int) -> tuple[float, ...]:
    """(s of gradients, s of a fine-tune, numbers kept an example, GB of gradients, s a mask, GB of these)."""
    import torch

    from spex_data.data import make_examples, read_examples
    from spex_data.evaluation import make_targets
    from spex_data.groups import by_shards
    from spex_data.models import load_base_model
    from spex_data.surrogate import build_surrogate
    from spex_data.training import LoraRecipe
    from spex_data.value_functions import SubsetTraining

    torch.set_num_threads(1)
    columns = {"input_column": "text", "output_column": "category"}
    whole = read_examples(str(train), task="classification", **columns)
    rows = np.random.default_rng(0).choice(len(whole), size, replace=len(whole) < size)
    examples = make_examples(
        "classification", [whole.inputs[row] for row in rows], [whole.outputs[row] for row in rows]
    )
    base = load_base_model("minilm", task="classification", labels=examples.labels, head_seed=0)
    grouping = by_shards(examples.ids, 20, seed=0)
    targets = make_targets("classification", examples.inputs[:20], examples.outputs[:20])
    recipe = LoraRecipe(rank=8, epochs=epochs, max_steps=2)
    function = SubsetTraining(base, examples, grouping, recipe, targets, adapters_per_pass=1)
    bank = function(np.ones((anchors, 20), dtype=np.bool_), np.arange(anchors)).bank
    assert bank is not None
    with peak() as building:
        made = build_surrogate(base, examples, grouping, targets, recipe, [bank])
    masks = np.random.default_rng(0).random((SIMULATED, 20)) < 0.5
    started = time.process_time()
    with peak() as simulating:
        made.simulate(grouping, masks)
    a_mask = (time.process_time() - started) / SIMULATED
    started = time.process_time()
    full = LoraRecipe(rank=8, epochs=1, max_steps=8)
    SubsetTraining(base, examples, grouping, full, targets, adapters_per_pass=1)(
        np.ones((1, 20), dtype=np.bool_), np.zeros(1, dtype=np.int64)
    )
    step = (time.process_time() - started) / 8
    fine_tune = step * epochs * recipe.slots(size)
    return made.seconds, fine_tune, made.tangent.features.shape[1], building[0], a_mask, simulating[0]


@contextmanager
def peak() -> Iterator[list[float]]:
    """GB that the process came to hold above what it held before, at most; known when the block ends."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")
    before, found = _held("VmRSS"), [0.0]
    yield found
    found[0] = _held("VmHWM") - before


def _held(what: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return float(next(line for line in lines if line.startswith(what)).split()[1]) / 2**20


def main() -> None:
    """One line a size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--train", type=Path, required=True, metavar="FILE")
    parser.add_argument("--sizes", type=int, nargs="*", default=[1000, 2000, 4000, 10_000])
    parser.add_argument("--anchors", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=3)
    options = parser.parse_args()
    table = Table(
        "examples", "s an anchor", "ms an example", "fine-tunes an anchor", "numbers kept",
        "GB of gradients", "ms a mask", "GB simulating",
    )  # fmt: skip
    context = multiprocessing.get_context("spawn")
    for size in options.sizes:
        with context.Pool(1) as pool:
            seconds, fine_tune, kept, gradients, a_mask, simulating = pool.apply(
                cost, (options.train, size, options.anchors, options.epochs)
            )
        each = seconds / options.anchors
        row = (each, 1000 * each / size, each / fine_tune, kept, gradients, 1000 * a_mask, simulating)
        table.add_row(f"{size:,}", *(f"{one:.2f}" for one in row))
        print(size, [round(one, 3) for one in row], flush=True)
    Console().print(table)


if __name__ == "__main__":
    main()
