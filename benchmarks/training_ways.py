"""The ways of fine-tuning an adapter a mask that the training benchmarks compare."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from training_workloads import Masks, Workload
from transformers import PrinterCallback, Trainer, TrainingArguments

from spex_data.data import Examples
from spex_data.models import BaseModel
from spex_data.models.quiet import quietly
from spex_data.training import PreparedExamples, adapted, encode_examples, train_adapters

IGNORED = -100

Method = Callable[[Workload, Masks, NDArray[np.int64]], None]


def by_trainer(work: Workload, masks: Masks, seeds: NDArray[np.int64]) -> None:
    """Trainer with PEFT, one mask after the other; tokenised once, the base model loaded once."""
    rows = as_rows(work.base, work.examples)
    recipe = work.recipe
    for mask, seed in zip(masks, seeds.tolist(), strict=True):
        kept = [rows[row] for row in np.flatnonzero(work.grouping.present(mask))]
        with (
            quietly(),
            tempfile.TemporaryDirectory() as folder,
            adapted(work.base, recipe) as model,
        ):
            arguments = TrainingArguments(
                folder,
                per_device_train_batch_size=recipe.batch_size,
                num_train_epochs=recipe.epochs,
                learning_rate=recipe.learning_rate,
                max_grad_norm=recipe.clip_norm,
                seed=seed % 2**31,
                report_to=[],
                save_strategy="no",
                logging_strategy="no",
                disable_tqdm=True,
                remove_unused_columns=False,
                use_cpu=work.base.device == "cpu",
            )
            collate = partial(collated, padding=int(work.base.tokenizer.pad_token_id))
            trainer = Trainer(model, arguments, train_dataset=kept, data_collator=collate)
            trainer.remove_callback(PrinterCallback)
            trainer.train()


def by_loop(work: Workload, masks: Masks, seeds: NDArray[np.int64]) -> None:
    """The reference: PEFT and an ordinary optimiser in a loop of our own."""
    train_adapters(
        work.base, work.examples, work.grouping, masks, work.recipe, seed=seeds, engine="reference"
    )


def by_engine(
    work: Workload,
    masks: Masks,
    seeds: NDArray[np.int64],
    prepared: PreparedExamples,
    per_pass: int = 32,
) -> None:
    """Many adapters a pass, with what all of a study's share computed before."""
    train_adapters(
        work.base,
        work.examples,
        work.grouping,
        masks,
        work.recipe,
        seed=seeds,
        adapters_per_pass=per_pass,
        prepared=prepared,
    )


def as_rows(base: BaseModel, examples: Examples) -> list[dict[str, list[int] | int]]:
    """The examples as Trainer takes them."""
    encoded = encode_examples(base, examples)
    rows: list[dict[str, list[int] | int]] = []
    for tokens, answer, start in zip(encoded.tokens, encoded.answers, encoded.starts, strict=True):
        if base.task == "classification":
            rows.append({"input_ids": list(tokens), "labels": answer[0]})
        else:
            labels = [IGNORED] * (start + 1) + list(answer)
            rows.append(
                {"input_ids": list(tokens), "labels": labels + [IGNORED] * (len(tokens) - len(labels))}
            )
    return rows


def collated(rows: Sequence[dict[str, list[int]]], padding: int) -> dict[str, torch.Tensor]:
    width = max(len(row["input_ids"]) for row in rows)

    def padded(name: str, value: int) -> torch.Tensor:
        if isinstance(rows[0][name], int):
            return torch.tensor([row[name] for row in rows])
        return torch.tensor([row[name] + [value] * (width - len(row[name])) for row in rows])

    marked = [[1] * len(row["input_ids"]) + [0] * (width - len(row["input_ids"])) for row in rows]
    return {
        "input_ids": padded("input_ids", padding),
        "attention_mask": torch.tensor(marked),
        "labels": padded("labels", IGNORED),
    }
