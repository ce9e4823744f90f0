"""How well and how fast set functions are recovered, beside other people's code.

    python benchmarks/decoding.py --games FOLDER [--planted] [--costs] [--quick] [--json FILE]

FOLDER holds `.npz` files with the value of every mask. Each method gets the same masks, in one process and on
one thread; a method that fails scores as the mean of the values. FILE is written after every case, an
interrupt prints the tables of what was done, and --resume goes on from FILE. `pip install -e ".[peers]"`
adds the peers.
"""

from __future__ import annotations

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
import signal
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import FrameType

from decoding_costs import costs
from decoding_games import Case, cells, planted, tables
from decoding_outcomes import outcome
from decoding_peers import PEERS, Peer
from decoding_record import Record
from rich.console import Console

from spex_data.decoding import NAMES

METHODS = tuple(name for name in NAMES if name != "spex")
"""Those that decode any masks; for spex see benchmarks/spex.py."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--games", metavar="DIR", type=Path, help="folder of .npz files with every value")
    parser.add_argument("--planted", action="store_true", help="planted games of known truth")
    parser.add_argument("--costs", action="store_true", help="time and memory against size")
    parser.add_argument("--methods", default=",".join(METHODS), help="ours, separated by commas")
    parser.add_argument("--peers", default=",".join(PEERS), help="others', where installed; '' for none")
    parser.add_argument("--seed", type=int, default=0, help="of planted games, and of the masks of tables")
    parser.add_argument("--groups", default="", metavar="N,..", help="planted games of these sizes alone")
    parser.add_argument("--every", type=int, default=1, metavar="K", help="only every K-th case")
    parser.add_argument("--quick", action="store_true", help="alpha 2 alone, every fifth case, small costs")
    parser.add_argument(
        "--limit",
        type=float,
        default=300.0,
        metavar="S",
        help="CPU seconds for each size of --costs",
    )
    parser.add_argument("--json", metavar="FILE", type=Path)
    parser.add_argument("--resume", action="store_true", help="do not do again what FILE holds")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    console = Console(width=150)
    ours = [name for name in options.methods.split(",") if name]
    peers = {name: PEERS[name]() for name in options.peers.split(",") if name}
    ways: dict[str, Peer | None] = {**dict.fromkeys(ours), **{k: peer for k, peer in peers.items() if peer}}
    sources: dict[str, Iterator[Case]] = {}
    if options.games:
        sources["Tables"] = tables(options.games, (2.0,) if options.quick else (2.0, 8.0), options.seed)
    if options.planted or not (options.games or options.costs):
        sizes = [int(n) for n in options.groups.split(",") if n]
        sources["Planted games"] = (
            planted(*cell, seed=options.seed)
            for cell in cells(options.quick)
            if not sizes or cell[1] in sizes
        )
    step = options.every * (5 if options.quick else 1)
    record = (Record.resumed if options.resume else Record)(options.json, options.seed)
    complete = False
    try:
        for title, cases in sources.items():
            for case in islice(cases, 0, None, step):
                left = {name: peer for name, peer in ways.items() if not record.has(title, case, name)}
                record.add([outcome(case, name, peer) for name, peer in left.items()], title)
        if options.costs:
            for cost in costs(ours, options.quick, options.limit, tuple(record.costs)):
                record.add_cost(cost)
        complete = True
    except KeyboardInterrupt:
        console.print("Interrupted: what follows is of the cases that were done.")
    record.show(console, list(ways), list(peers))
    record.write(complete)


def interrupted(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, interrupted)
    main()
