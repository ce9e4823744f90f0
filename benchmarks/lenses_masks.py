"""Coded masks against uniform ones on texts, and what memory a text takes; part of `benchmarks/lenses.py`."""

from __future__ import annotations

import resource
from collections.abc import Sequence

import numpy as np
from attribution_tables import student_half
from numpy.typing import NDArray
from rich.table import Table

from spex_data.decoding import decoder
from spex_data.evaluation import make_targets
from spex_data.faithfulness import r2
from spex_data.masks import MaskDesign, design_masks
from spex_data.masks.coded import least_masks
from spex_data.models import BaseModel
from spex_data.value_functions import TokenMasking, cut_into_units

DEGREE = 5
WAYS = (("uniform", "proxyspex"), ("uniform", "lasso"), ("coded", "proxyspex"), ("coded", "spex"))
REFERENCE = "uniform proxyspex"


def coded_against_uniform(
    base: BaseModel, texts: Sequence[tuple[str, str]], *, times: Sequence[int] = (1, 4)
) -> list[dict]:
    """One record a text and budget: R2 on the same held-out masks, by masks and decoder.

    Args:
        base: A classifier.
        texts: (text, label).
        times: Budgets, as multiples of the smallest code of degree 5.
    """
    records = []
    for text, label in texts:
        function = function_of(base, text, label)
        for factor in times:
            budget = factor * least_masks(function.n_groups, DEGREE)
            record: dict = {"n": function.n_groups, "times": factor, "masks": budget}
            for scheme, name in (("bernoulli", "uniform"), ("spex", "coded")):
                design = design_masks(
                    function.n_groups, budget=budget, scheme=scheme, degree=DEGREE, heldout=64, seed=0
                )
                values, held = measured(function, design.training), measured(function, design.heldout)
                for masks, method in WAYS:
                    if masks == name:
                        record[f"{masks} {method}"] = scored(design, method, values, held)
            records.append(record)
    return records


def coded_table(records: Sequence[dict]) -> Table:
    """Every text and budget; below, the means over texts and their differences from uniform masks.

    With half of Student's 90% interval over the texts, the differences text by text.
    """
    names = [" ".join(way) for way in WAYS]
    table = Table("n", "masks", *names, title="Coded masks against uniform ones, R2 on 64 held-out masks")
    for record in records:
        table.add_row(str(record["n"]), str(record["masks"]), *(f"{record[name]:.3f}" for name in names))
    for factor in dict.fromkeys(record["times"] for record in records):
        alike = [record for record in records if record["times"] == factor]
        for told, taken in (("mean", None), (f"less {REFERENCE}", REFERENCE)):
            scores = {
                name: [record[name] - (record[taken] if taken else 0.0) for record in alike] for name in names
            }
            sign = "+" if taken else ""
            cells = [f"{np.mean(each):{sign}.3f} ± {student_half(each):.3f}" for each in scores.values()]
            table.add_row(f"{factor}x", f"{told}, {len(alike)} texts", *cells)
    return table


def scored(
    design: MaskDesign, method: str, values: NDArray[np.float64], held: NDArray[np.float64]
) -> float | None:
    """Held-out R2 of a decoder on a design's masks."""
    found = decoder(method).decode(design.training, values, design=design)
    return r2(held, found.evaluate(design.heldout))


def measured(function: TokenMasking, masks: NDArray[np.bool_]) -> NDArray[np.float64]:
    """float64[m], of the one target."""
    return function(masks, np.zeros(len(masks), dtype=np.int64)).values[:, 0]


def function_of(base: BaseModel, text: str, label: str) -> TokenMasking:
    """The value of masks over a text's words."""
    units = cut_into_units(base.tokenizer, text)
    return TokenMasking(base, units, make_targets("classification", [text], [label]))


def memory(base: BaseModel, label: str, *, masks: int = 64) -> list[dict]:
    """Peak resident MiB after measuring masks of longer and longer texts, and of 1,000 units.

    Texts go up to the model's context; 1,000 units are tokens of a causal model with a long context. The
    peak of a process only rises, so every record's growth is what its text took beyond the ones before.
    """
    records = []
    for words in (16, 64, 256, 480):
        function = function_of(base, " ".join(["card"] * words), label)
        drawn = np.random.default_rng(words).random((masks, words)) < 0.5
        measured(function, drawn)
        records.append({"units": words, "masks": masks, "peak_mib": peak_mib()})
    function, drawn = thousand_units()
    measured(function, drawn)
    records.append({"units": function.n_groups, "masks": len(drawn), "peak_mib": peak_mib()})
    return records


def thousand_units() -> tuple[TokenMasking, NDArray[np.bool_]]:
    """A small Llama of random weights over a text of 1,000 words, and 64 masks."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from spex_data.embedded.base_model import word_tokenizer

    tokenizer = word_tokenizer()
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=192,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=2048,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = LlamaForCausalLM(config).eval().requires_grad_(False)
    base = BaseModel(model, tokenizer, "causal-lm", (), "random", "cpu", "float32", "random")
    words = [word for word in tokenizer.get_vocab() if word.isalpha()]
    text = " ".join(words[place % len(words)] for place in range(1000))
    units = cut_into_units(tokenizer, text)
    function = TokenMasking(
        base, units, make_targets("causal-lm", [text], [f" {words[0]}"]), masking="attention"
    )
    return function, np.random.default_rng(0).random((64, len(units))) < 0.5


def peak_mib() -> float:
    """Of this process so far, on Linux."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
