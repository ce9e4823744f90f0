"""The 72 heads of a MiniLM: R2 on held-out masks, and what pruning leaves; part of `benchmarks/lenses.py`."""

from __future__ import annotations

import math
import time

import numpy as np
import torch
from numpy.typing import NDArray

from spex_data.data import Examples
from spex_data.decoding import decoder
from spex_data.evaluation import make_targets
from spex_data.faithfulness import r2
from spex_data.masks import design_masks
from spex_data.models import BaseModel
from spex_data.value_functions import HeadSilencing, find_components
from spex_data.value_functions.magnitudes import component_magnitudes
from spex_data.value_functions.pruning import best_measured, measured_candidates, pruning_candidates

METHODS = ("linear", "lasso", "proxyspex", "auto")
OUTPUTS = ("log-prob", "accuracy")
MORE = 600
"""Masks that R2 is told on besides the design's 64: of so few, R2 depends on which they are."""


def heads(base: BaseModel, test: Examples, *, rows: int, alpha: float, draws: int) -> dict:
    """R2 of every method on each output, and the pruning curve on rows that nothing was decoded from.

    Args:
        base: The fine-tuned classifier.
        test: Rows; the first half is decoded from, the second half is what pruning is judged by.
        rows: Of each half.
        alpha: alpha n log2 n masks.
        draws: Random subsets of each size.
    """
    order = np.random.default_rng(0).permutation(len(test)).tolist()
    known, other = test.select(order[:rows]), test.select(order[rows : 2 * rows])
    function, judge = silencing(base, known), silencing(base, other)
    n = function.n_groups
    design = design_masks(n, budget=round(alpha * n * math.log2(n)), heldout=64, p=0.5, seed=0)
    started = time.process_time()
    values = measured(function, design.training)
    spent = time.process_time() - started
    held = measured(function, design.heldout)
    further = np.random.default_rng(5).random((MORE, n)) < 0.5
    more = measured(function, further)
    found = {
        name: [decoder(name).decode(design.training, values[:, one]) for one in range(len(OUTPUTS))]
        for name in METHODS
    }
    return {
        "heads": n,
        "masks": len(design.training),
        "rows": rows,
        "seconds_a_mask": spent / len(design.training),
        "of_plain_loop": plain_loop(function, design.training[:16]) / (spent / len(design.training)),
        "r2": {
            name: {
                told: r2(truth[:, one], decoded[one].evaluate(masks))
                for one, output in enumerate(OUTPUTS)
                for told, masks, truth in (
                    (output, design.heldout, held),
                    (f"{output}, {MORE} more", further, more),
                )
            }
            for name, decoded in found.items()
        },
        "whole": dict(zip(OUTPUTS, measured(judge, np.ones((1, n), dtype=np.bool_))[0].tolist())),
        "pruning": {
            output: pruned(base, function, judge, found["auto"][one].expansion, one, draws)
            for one, output in enumerate(OUTPUTS)
        },
    }


def pruned(
    base: BaseModel, function: HeadSilencing, judge: HeadSilencing, expansion, target: int, draws: int
) -> list[dict]:
    """What is left on other rows with 9 to 63 heads, by every rule.

    Of the expansion's subsets, and of the random ones, it is the one that was best on the rows known.
    """
    n = function.n_groups
    sizes = [round(share * n) for share in (0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875)]
    chosen = pruning_candidates(
        expansion,
        sizes,
        draws=draws,
        seed=0,
        magnitudes=component_magnitudes(base, function.components),
    )
    first = measured_candidates(function, chosen, target)
    judged = measured_candidates(judge, chosen, target)
    records = []
    for size in sizes:
        by_rule = {
            rule: judged[best_measured(chosen, first, rule, size)]
            for rule in ("expansion", "single effects", "magnitude", "random")
        }
        of_size = [place for place, one in enumerate(chosen) if one.kept == size]
        drawn = [place for place in of_size if chosen[place].rule == "random"]
        whole = next(p for p in of_size if chosen[p].rule == "expansion" and chosen[p].joint_terms is None)
        records.append(
            {
                "kept": size,
                "expansion": by_rule["expansion"],
                "all its terms": judged[whole],
                "single effects": by_rule["single effects"],
                "magnitude": by_rule["magnitude"],
                "best of random": by_rule["random"],
                "mean random": float(np.mean(judged[drawn])),
            }
        )
    return records


def silencing(base: BaseModel, rows: Examples) -> HeadSilencing:
    """Every row asks for both outputs."""
    inputs, answers = rows.inputs * 2, rows.outputs * 2
    kinds = [OUTPUTS[0]] * len(rows) + [OUTPUTS[1]] * len(rows)
    return HeadSilencing(
        base, find_components(base), make_targets("classification", inputs, answers, outputs=kinds)
    )


def measured(function: HeadSilencing, masks: NDArray[np.bool_]) -> NDArray[np.float64]:
    return function(masks, np.zeros(len(masks), dtype=np.int64)).values


def plain_loop(function: HeadSilencing, masks: NDArray[np.bool_]) -> float:
    """CPU seconds a mask of the loop one would write first: a mask at a time, rows in padded batches of 64.

    Heads are silenced by an edited copy of the output projections' weights.
    """
    base = function.base_model
    texts = list(dict.fromkeys(function.targets.inputs))
    layers = [block.attention.output.dense for block in base.model.bert.encoder.layer]
    kept = [layer.weight.detach().clone() for layer in layers]
    started = time.process_time()
    with torch.inference_mode():
        for mask in masks:
            for number, layer in enumerate(layers):
                width = layer.weight.shape[1] // 12
                alive = torch.from_numpy(np.repeat(mask.reshape(-1, 12)[number], width))
                layer.weight.data = kept[number] * alive
            for start in range(0, len(texts), 64):
                read = base.tokenizer(texts[start : start + 64], padding=True, return_tensors="pt")
                base.model(**read).logits.log_softmax(-1)
    spent = (time.process_time() - started) / len(masks)
    for layer, weight in zip(layers, kept, strict=True):
        layer.weight.data = weight
    return spent
