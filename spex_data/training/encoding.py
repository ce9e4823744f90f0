"""Training examples as tokens, each cut and checked once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spex_data.data import Examples
from spex_data.errors import TrainingError
from spex_data.models import BaseModel, context_length

_WHERE = "data.train"


@dataclass(frozen=True)
class EncodedExamples:
    """What the model reads of each example, and what it should answer.

    Attributes:
        ids: Example ids, in row order.
        tokens: Token ids of each example: the text, or prompt and completion.
        answers: What is to be predicted: the number of the label, or the completion's token ids.
        starts: Causal: position whose logits predict the completion's first token; classification: 0.
    """

    ids: tuple[str, ...]
    tokens: tuple[tuple[int, ...], ...]
    answers: tuple[tuple[int, ...], ...]
    starts: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.ids)


def encode_examples(base: BaseModel, examples: Examples) -> EncodedExamples:
    """Tokenises training examples for a model.

    Classification: the text with the tokenizer's special tokens, cut to what the model reads. Causal: the
    prompt with special tokens, then the completion without; no end-of-text token is added, and the two are
    tokenised apart so that the completion's tokens do not depend on the prompt.

    Raises:
        TrainingError: A text, prompt or completion without tokens, an example that is too long, or a label
            that the model has no output for.
    """
    if base.task == "classification":
        return _encode_labelled(base, examples)
    before = _tokenise(base, examples.inputs, special=True)
    after = _tokenise(base, examples.outputs, special=False)
    limit = context_length(base)
    for row, (prompt, completion) in enumerate(zip(before, after, strict=True)):
        _require_tokens(prompt, "prompt", row, examples.inputs)
        _require_tokens(completion, "completion", row, examples.outputs)
        if limit is not None and len(prompt) + len(completion) > limit:
            raise TrainingError(
                f"row {row} has {len(prompt) + len(completion)} tokens, and the model reads {limit}",
                where=_WHERE,
                instead="shorten it, or choose a model with a longer context",
            )
    return EncodedExamples(
        examples.ids,
        tuple(prompt + completion for prompt, completion in zip(before, after, strict=True)),
        tuple(after),
        tuple(len(prompt) - 1 for prompt in before),
    )


def _encode_labelled(base: BaseModel, examples: Examples) -> EncodedExamples:
    numbers = {label: number for number, label in enumerate(base.labels)}
    unknown = next((row for row, label in enumerate(examples.outputs) if label not in numbers), None)
    if unknown is not None:
        raise TrainingError(
            f"row {unknown} has the label {examples.outputs[unknown]!r}, for which the model has no output",
            where=_WHERE,
            instead="load the base model with the labels of all training examples",
        )
    texts = _tokenise(base, examples.inputs, special=True, limit=context_length(base))
    for row, tokens in enumerate(texts):
        _require_tokens(tokens, "text", row, examples.inputs)
    answers = tuple((numbers[label],) for label in examples.outputs)
    return EncodedExamples(examples.ids, tuple(texts), answers, (0,) * len(examples))


def _tokenise(
    base: BaseModel, texts: Sequence[str], *, special: bool, limit: int | None = None
) -> list[tuple[int, ...]]:
    encoded = base.tokenizer(
        list(texts), add_special_tokens=special, truncation=limit is not None, max_length=limit
    )
    return [tuple(tokens) for tokens in encoded["input_ids"]]


def _require_tokens(tokens: tuple[int, ...], part: str, row: int, texts: Sequence[str]) -> None:
    if not tokens:
        raise TrainingError(
            f"the {part} of row {row}, {texts[row]!r}, has no tokens",
            where=_WHERE,
            instead=f"give it a {part} that the model's tokenizer can read",
        )
