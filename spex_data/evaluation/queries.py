"""Targets as tokens: which sequences to read, at which positions, for which tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spex_data.errors import TargetError
from spex_data.evaluation.targets import Targets
from spex_data.models import BaseModel, context_length


@dataclass(frozen=True)
class Queries:
    """Sequences whose logits decide the values of targets: the answers first, then the foils.

    Attributes:
        tokens: Token ids that the model reads for each query: the text, or prompt and answer.
        answers: What its logits are scored for: the number of the label, or the answer's token ids.
        starts: Causal: position whose logits predict the answer's first token; classification: 0.
        foils: Query of the foil of each target; None where it has none.
    """

    tokens: tuple[tuple[int, ...], ...]
    answers: tuple[tuple[int, ...], ...]
    starts: tuple[int, ...]
    foils: tuple[int | None, ...]

    def __len__(self) -> int:
        return len(self.tokens)


def encode_targets(base: BaseModel, targets: Targets) -> Queries:
    """Tokenises targets for a model, prompts and answers apart as in training.

    Raises:
        TargetError: A label that the model does not know, a prompt or answer without tokens, one too long, or
            targets of another task than the model's.
    """
    if targets.task != base.task:
        raise TargetError(f"are for {targets.task}, and the model is for {base.task}", where="targets")
    with_foil = [row for row, foil in enumerate(targets.foils) if foil is not None]
    inputs = [*targets.inputs, *(targets.inputs[row] for row in with_foil)]
    answers = [*targets.answers, *(foil for foil in targets.foils if foil is not None)]
    names = [*targets.names, *(targets.names[row] for row in with_foil)]
    places = {row: len(targets) + place for place, row in enumerate(with_foil)}
    foils = tuple(places.get(row) for row in range(len(targets)))
    encode = _encode_labelled if base.task == "classification" else _encode_completions
    tokens, wanted, starts = encode(base, inputs, answers, names)
    return Queries(tuple(tokens), tuple(wanted), tuple(starts), foils)


_Parts = tuple[list[tuple[int, ...]], list[tuple[int, ...]], list[int]]


def _encode_labelled(
    base: BaseModel, inputs: Sequence[str], answers: Sequence[str], names: Sequence[str]
) -> _Parts:
    for name, answer in zip(names, answers, strict=True):
        if answer not in base.labels:
            raise TargetError(
                f"has the label {answer!r}, which the model has no output for",
                where=f"target {name!r}",
                instead="give a label of the training examples",
            )
    texts = _tokenise(base, inputs, special=True, limit=context_length(base))
    for name, text in zip(names, texts, strict=True):
        _require_tokens(text, "text", name)
    return texts, [(base.labels.index(answer),) for answer in answers], [0] * len(texts)


def _encode_completions(
    base: BaseModel, inputs: Sequence[str], answers: Sequence[str], names: Sequence[str]
) -> _Parts:
    before = _tokenise(base, inputs, special=True)
    after = _tokenise(base, answers, special=False)
    limit = context_length(base)
    for name, prompt, answer in zip(names, before, after, strict=True):
        _require_tokens(prompt, "prompt", name)
        _require_tokens(answer, "answer", name)
        if limit is not None and len(prompt) + len(answer) > limit:
            raise TargetError(
                f"has {len(prompt) + len(answer)} tokens with its answer, and the model reads {limit}",
                where=f"target {name!r}",
                instead="shorten it, or choose a model with a longer context",
            )
    joined = [prompt + answer for prompt, answer in zip(before, after, strict=True)]
    return joined, after, [len(prompt) - 1 for prompt in before]


def _tokenise(
    base: BaseModel, texts: Sequence[str], *, special: bool, limit: int | None = None
) -> list[tuple[int, ...]]:
    encoded = base.tokenizer(
        list(texts), add_special_tokens=special, truncation=limit is not None, max_length=limit
    )
    return [tuple(tokens) for tokens in encoded["input_ids"]]


def _require_tokens(tokens: tuple[int, ...], part: str, name: str) -> None:
    if not tokens:
        raise TargetError(
            f"its {part} has no tokens",
            where=f"target {name!r}",
            instead=f"give it a {part} that the model's tokenizer can read",
        )
