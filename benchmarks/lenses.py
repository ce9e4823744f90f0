"""Words of Banking77 questions, hidden from a MiniLM fine-tuned on them: how well masks predict masks.

    python benchmarks/lenses.py --train banking77_train.csv --test banking77_test.csv [--quick] [--json FILE]
        [--only features,coded,heads,memory] [--rows 60] [--alpha 4]

Words are hidden by the mask token; alpha n log2 n masks (alpha 4, p = .5) are decoded, and R2 is of 64 masks
drawn apart. Masks a second stand beside a loop of padded batches of 64 texts.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
from attribution_tables import student_half
from lenses_heads import heads
from lenses_masks import coded_against_uniform, coded_table, memory
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from spex_data.data import Examples, read_examples
from spex_data.decoding import decoder
from spex_data.evaluation import make_targets
from spex_data.faithfulness import r2
from spex_data.models import BaseModel, load_base_model
from spex_data.training.encoding import encode_examples
from spex_data.value_functions import (
    TokenMasking,
    cut_into_units,
)

METHODS = ("linear", "lasso", "proxyspex", "auto")
INTENTS = 20
ALPHA = 4
HELD_OUT = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", required=True)
    parser.add_argument("--test", required=True)
    parser.add_argument("--quick", action="store_true", help="2 questions, less training")
    parser.add_argument("--only", default="features,coded,heads,memory", help="parts, with commas between")
    parser.add_argument("--rows", type=int, default=60, help="rows that heads are judged by, in each half")
    parser.add_argument("--alpha", type=float, default=4.0, help="alpha n log2 n masks of heads")
    parser.add_argument("--json", metavar="FILE", type=Path)
    options = parser.parse_args()
    train, test = rows_of(options.train, 16), rows_of(options.test, 8)
    parts = options.only.split(",")
    # What a pass takes does not depend on what the model knows.
    epochs = 0 if parts == ["memory"] else 2 if options.quick else 6
    base, found = fine_tuned(train, epochs), dict[str, object]()
    if "features" in parts:
        found["features"] = features(base, test, 2 if options.quick else 20)
        show(found["features"])
    if "coded" in parts:
        texts = [(test.inputs[row], test.outputs[row]) for row in questions(test, 40)]
        long = sorted(texts, key=lambda text: -len(text[0].split()))[: 1 if options.quick else 8]
        found["coded"] = coded_against_uniform(base, long)
        Console().print(coded_table(found["coded"]))
    if "heads" in parts:
        sizes = {"rows": 12, "alpha": 1.0, "draws": 4} if options.quick else {}
        found["heads"] = heads(
            base, test, **({"rows": options.rows, "alpha": options.alpha, "draws": 32} | sizes)
        )
        show_heads(found["heads"])
    if "memory" in parts:
        found["memory"] = memory(base, test.outputs[0])
        show_rows("Memory", found["memory"])
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


def rows_of(path: str, rows: int) -> Examples:
    """Some rows of each of the first intents in the alphabet."""
    limit = {"per": "category", "rows": rows}
    examples = read_examples(
        path, task="classification", input_column="text", output_column="category", limit=limit
    )
    chosen = sorted(set(examples.outputs))[:INTENTS]
    return examples.select([row for row, label in enumerate(examples.outputs) if label in chosen])


def fine_tuned(train: Examples, epochs: int, batch: int = 16) -> BaseModel:
    """MiniLM, every weight trained."""
    base = load_base_model("minilm", task="classification", labels=train.labels, device="cpu")
    encoded, drawn = encode_examples(base, train), np.random.default_rng(0)
    base.model.requires_grad_(True)
    optimiser = torch.optim.AdamW(base.model.parameters(), lr=3e-4)
    for _ in range(epochs):
        order = drawn.permutation(len(encoded))
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            padded = base.tokenizer.pad(
                {"input_ids": [list(encoded.tokens[row]) for row in rows]}, return_tensors="pt"
            )
            answers = torch.tensor([encoded.answers[row][0] for row in rows])
            base.model(**padded, labels=answers).loss.backward()
            optimiser.step()
            optimiser.zero_grad()
    base.model.requires_grad_(False)
    return base


def features(base: BaseModel, test: Examples, count: int) -> list[dict]:
    """One record a question."""
    return [question(base, test.inputs[row], test.outputs[row]) for row in questions(test, count)]


def questions(test: Examples, count: int) -> list[int]:
    """Rows of 10 to 30 words, spread over the intents."""
    rows = [row for row, text in enumerate(test.inputs) if 10 <= len(text.split()) <= 30]
    return [rows[place] for place in np.linspace(0, len(rows) - 1, count).astype(int)]


def question(base: BaseModel, text: str, label: str) -> dict:
    units = cut_into_units(base.tokenizer, text)
    function = TokenMasking(base, units, make_targets("classification", [text], [label]))
    n = len(units)
    masks = drawn_masks(n, HELD_OUT + round(ALPHA * n * math.log2(n)))
    started = time.perf_counter()
    values = function(masks, np.zeros(len(masks))).values[:, 0]
    ours = len(masks) / (time.perf_counter() - started)
    return {"n": n, **scored(masks, values), "per_second": ours, "loop": plain_loop(function, masks)}


def plain_loop(function: TokenMasking, masks: NDArray[np.bool_]) -> float:
    """Masks a second of the loop that one would write first: 64 masked texts at a time."""
    base, tokens = function.base_model, np.array(function.units.tokens)
    started = time.perf_counter()
    with torch.inference_mode():
        for start in range(0, len(masks), 64):
            shown = np.array(
                [np.append(mask, True)[function.units.unit_of] for mask in masks[start : start + 64]]
            )
            read = torch.tensor(np.where(shown, tokens, base.tokenizer.mask_token_id))
            base.model(input_ids=read, attention_mask=torch.ones_like(read)).logits.log_softmax(-1)
    return len(masks) / (time.perf_counter() - started)


def drawn_masks(n: int, count: int) -> NDArray[np.bool_]:
    """Different masks, p = .5."""
    drawn = np.random.default_rng(n).random((4 * count, n)) < 0.5
    _, first = np.unique(drawn, axis=0, return_index=True)
    return drawn[np.sort(first)[:count]]


def scored(masks: NDArray[np.bool_], values: NDArray[np.float64]) -> dict[str, float | None]:
    """Held-out R2, by method."""
    held, known = slice(HELD_OUT), slice(HELD_OUT, None)
    return {
        name: r2(values[held], decoder(name).decode(masks[known], values[known]).evaluate(masks[held]))
        for name in METHODS
    }


def show(found: list[dict]) -> None:
    table = Table("words", *METHODS, "masks/s", "of a plain loop", title="Words of Banking77 questions, R2")
    for row in found:
        table.add_row(
            str(row["n"]),
            *(f"{row[name]:.3f}" for name in METHODS),
            f"{row['per_second']:.0f}",
            f"{row['per_second'] / row['loop']:.2f}x",
        )
    scores = {name: [row[name] for row in found] for name in METHODS}
    speed = np.mean([row["per_second"] / row["loop"] for row in found])
    means = (f"{np.mean(each):.3f} ± {student_half(each):.3f}" for each in scores.values())
    table.add_row("mean", *means, "", f"{speed:.2f}x")
    gains = [np.subtract(each, scores["lasso"]).tolist() for each in scores.values()]
    table.add_row(
        "less lasso", *(f"{np.mean(each):+.3f} ± {student_half(each):.3f}" for each in gains), "", ""
    )
    Console().print(table)


def show_rows(title: str, records: list[dict]) -> None:
    table = Table(*records[0], title=title)
    for record in records:
        table.add_row(*(f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in record.values()))
    Console().print(table)


def show_heads(found: dict) -> None:
    print(f"{found['heads']} heads, {found['masks']} masks, {found['rows']} rows:", end=" ")
    print(f"{found['seconds_a_mask']:.3f} CPU s a mask, {found['of_plain_loop']:.2f}x a plain loop's speed")
    show_rows("R2 on 64 held-out masks", [{"method": name, **r2s} for name, r2s in found["r2"].items()])
    for output, records in found["pruning"].items():
        whole = found["whole"][output]
        show_rows(f"Pruning, {output} on other rows ({whole:.3f} whole)", records)


if __name__ == "__main__":
    main()
