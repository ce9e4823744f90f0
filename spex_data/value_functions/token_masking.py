"""The value of a mask over a text's units: hide the absent ones, and measure the model's answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from spex_data.errors import ModelError, TargetError
from spex_data.evaluation import Queries, Targets, encode_targets, values_from_logits
from spex_data.models import BaseModel, context_length
from spex_data.models.memory import ran_out_of_memory
from spex_data.value_functions.exact import exact_keys, in_parts, pass_tokens
from spex_data.value_functions.model_checks import failed_on, require_alike
from spex_data.value_functions.protocol import Measured
from spex_data.value_functions.text_units import TextUnits

Masking = Literal["mask-token", "deletion", "attention"]
_MOST_LOGITS = 2**22
"""Logits held at once."""
_MOST_ATTENTION = 2**24
"""Pairs of tokens in one pass: what the mask of an attention grows with."""
_MOST_MASKS = 4096
"""Masks whose sequences are held at once."""


@dataclass(frozen=True)
class _Row:
    """What the model reads for one mask and one answer.

    Attributes:
        tokens: int64[L].
        visible: bool[L].
        scored: int64[k], the positions whose logits are scored.
    """

    tokens: NDArray[np.int64]
    visible: NDArray[np.bool_]
    scored: NDArray[np.int64]


@dataclass(frozen=True)
class TokenMasking:
    """f(mask): targets that all ask about one text, of which the model sees the present units alone.

    "mask-token" puts a token in place of each hidden one; "deletion" takes hidden tokens out, and what
    follows moves up; "attention" leaves them in their places where nothing attends to them. In the last two
    the first token of a completion is predicted from the last token that is left, so that no hidden one is
    read; where none is left, the tokenizer's token for the beginning of a text stands alone. A completion is
    never hidden. With an encoder that classifies by its first token, "attention" relies on the tokenizer to
    put a special one there, as BERT's and RoBERTa's do: a hidden word in that place would still be read.

    Attributes:
        base_model: Frozen.
        units: Of the text.
        targets: One or more, each with the units' text as its input.
        masking: How a unit is hidden.
        replacement: The token for "mask-token"; the tokenizer's own mask token where empty.
        tokens_per_pass: Tokens that the model reads at once; one sequence if it is longer. None: what suits
            the device.
    """

    base_model: BaseModel
    units: TextUnits
    targets: Targets
    masking: Masking = "mask-token"
    replacement: str = ""
    tokens_per_pass: int | None = None

    @property
    def n_groups(self) -> int:
        """Width of the masks."""
        return len(self.units)

    @property
    def target_names(self) -> tuple[str, ...]:
        """One name a target."""
        return self.targets.names

    def keys(self, masks: NDArray[np.bool_], seeds: NDArray[np.int64]) -> list[list[str]]:
        """Content key of every value: hash(model, masking, tokens, which are hidden, target id).

        Nothing is drawn, so the seed is no part of it.

        Returns:
            str[m][n_targets], 32 hexadecimal characters each.
        """
        del seeds
        fixed = f"{self.base_model.fingerprint}/{self.masking}/{self._hidden_token}/{self.units.tokens}"
        shown = (np.packbits(self._shown(mask)).tobytes().hex() for mask in masks)
        return exact_keys(fixed, shown, self.targets.ids)

    def with_targets(self, columns: Sequence[int]) -> TokenMasking:
        """The same value function of some of its targets."""
        return replace(self, targets=self.targets.select(columns))

    def __call__(self, masks: NDArray[np.bool_], seeds: NDArray[np.int64]) -> Measured:
        """Measures masks.

        Raises:
            MaskError: Masks that are none, or not as wide as there are units.
            TargetError: Targets about another text, or a text longer than the model reads.
            ModelError: A tokenizer without the token that the masking needs.
        """
        del seeds
        return in_parts(
            masks,
            self._measure,
            n_groups=self.n_groups,
            n_targets=len(self.targets),
            size=lambda: min(_MOST_MASKS, _MOST_LOGITS // (self._scored * self._outputs)),
        )

    def require_measurable(self) -> None:
        """Looks for what would make every mask fail, without measuring any.

        Raises:
            TargetError: Targets about another text, or a text longer than the model reads.
            ModelError: A tokenizer without the token that the masking needs, a model that fails on the whole
                text, or one that reads what nothing should attend to.
        """
        _ = (self._queries, self._hidden_token)
        if self.masking != "mask-token" and not (self.units.unit_of < 0).any():
            _ = self._first_token
        completion = self._completions[0][0]
        whole = self._row(self._shown(np.ones(self.n_groups, dtype=np.bool_)), completion)
        with torch.inference_mode():
            self._logits([whole])
        if self.masking == "attention":
            self._require_hiding(completion)

    def _require_hiding(self, completion: tuple[int, ...]) -> None:
        """Refuses a model whose answer changes with words that nothing should attend to."""
        last_alone = np.arange(self.n_groups) == self.n_groups - 1
        row = self._row(self._shown(last_alone), completion)
        others = (row.tokens + 1) % len(self.base_model.tokenizer)
        other = replace(row, tokens=np.where(row.visible, row.tokens, others))
        with torch.inference_mode():
            first, second = self._logits([row, other])
        require_alike(self.base_model.source, first, second)

    @property
    def _outputs(self) -> int:
        return len(self.base_model.labels) or int(self.base_model.model.config.vocab_size)

    @property
    def _scored(self) -> int:
        return sum(map(len, self._queries.answers))

    def _measure(self, masks: NDArray[np.bool_]) -> NDArray[np.float64]:
        """float64[m, n_targets]; answers that are read alike are read once."""
        completions, place = self._completions
        rows = [self._row(self._shown(mask), completion) for mask in masks for completion in completions]
        logits: list[torch.Tensor | None] = [None] * len(rows)
        with torch.inference_mode():
            for batch in self._batches(rows):
                for row, found in zip(batch, self._logits([rows[row] for row in batch]), strict=True):
                    logits[row] = found
        stacked = []
        for query, answer in enumerate(self._queries.answers):
            mine = [logits[place[query] + mask * len(completions)] for mask in range(len(masks))]
            stacked.append(torch.stack([found[: len(answer)] for found in mine if found is not None]))
        return values_from_logits(self.targets, self._queries, stacked)

    def _shown(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """bool[T]: the tokens that are visible."""
        # A token of no unit has number -1, and finds the last entry.
        return np.append(mask, True)[self.units.unit_of]

    def _row(self, shown: NDArray[np.bool_], completion: tuple[int, ...]) -> _Row:
        after = np.array(completion, dtype=np.int64)
        tokens = np.array(self.units.tokens, dtype=np.int64)
        if self.masking == "mask-token":
            tokens, shown = np.where(shown, tokens, self._hidden_token), np.ones_like(shown)
        elif self.masking == "deletion":
            tokens, shown = tokens[shown], np.ones(int(shown.sum()), dtype=np.bool_)
        if not shown.any():
            tokens, shown = np.array([self._first_token]), np.ones(1, dtype=np.bool_)
        last = int(np.flatnonzero(shown)[-1])
        if self.base_model.task == "classification":
            # A classifier that reads the last token must not find a hidden one there.
            tokens, shown = tokens[: last + 1], shown[: last + 1]
            return _Row(tokens, shown, np.zeros(1, dtype=np.int64))
        scored = np.concatenate([[last], len(tokens) + np.arange(len(after))])
        return _Row(np.append(tokens, after), np.append(shown, np.ones(len(after), dtype=np.bool_)), scored)

    def _batches(self, rows: Sequence[_Row]) -> Iterator[list[int]]:
        """Rows of one length together, within the bounds of a pass.

        Nothing is padded: not every model's answer is free of what it is padded with, and one that looks at
        the nearest tokens alone finds nothing there to look at.
        """
        order = sorted(range(len(rows)), key=lambda row: -len(rows[row].tokens))
        tokens = self.tokens_per_pass or pass_tokens(self.base_model.device)
        for length, alike in groupby(order, key=lambda row: len(rows[row].tokens)):
            size = max(1, min(tokens // length, _MOST_ATTENTION // length**2))
            together = list(alike)
            yield from (together[start : start + size] for start in range(0, len(together), size))

    def _logits(self, rows: Sequence[_Row]) -> list[torch.Tensor]:
        """float[k, outputs] for each row.

        Raises:
            ModelError: The model fails on them.
        """
        try:
            return self._read(rows)
        except (RuntimeError, LookupError, ValueError, TypeError) as error:
            if ran_out_of_memory(error):
                raise
            raise failed_on(self.base_model.source, len(rows[0].tokens), error) from error

    def _read(self, rows: Sequence[_Row]) -> list[torch.Tensor]:
        """The same as the model gives it; only the positions that are scored go through a causal head."""
        base = self.base_model
        inputs = {
            "input_ids": torch.from_numpy(np.stack([row.tokens for row in rows])).to(base.device),
            "attention_mask": torch.from_numpy(np.stack([row.visible for row in rows]))
            .long()
            .to(base.device),
        }
        if base.task == "classification":
            return list(base.model(**inputs).logits[:, None])
        sizes = [len(row.scored) for row in rows]
        owners = torch.from_numpy(np.repeat(np.arange(len(rows)), sizes)).to(base.device)
        places = torch.from_numpy(np.concatenate([row.scored for row in rows])).to(base.device)
        head = base.model.get_output_embeddings()
        keep = head.register_forward_pre_hook(lambda _, hidden: hidden[0][owners, places][None])
        try:
            logits = base.model(**inputs, use_cache=False).logits[0]
        finally:
            keep.remove()
        return list(logits.split(sizes))

    @cached_property
    def _queries(self) -> Queries:
        other = next((row for row, text in enumerate(self.targets.inputs) if text != self.units.text), None)
        if other is not None:
            raise TargetError(
                "asks about another text than the one that is masked",
                where=f"target {self.targets.names[other]!r}",
                instead="give one value function a text",
            )
        limit, there = context_length(self.base_model), len(self.units.tokens)
        if limit is not None and there > limit:
            raise TargetError(
                f"the text has {there} tokens, and the model reads {limit}",
                where=f"target {self.targets.names[0]!r}",
                instead="shorten it, or choose a model with a longer context",
            )
        return encode_targets(self.base_model, self.targets)

    @cached_property
    def _completions(self) -> tuple[list[tuple[int, ...]], list[int]]:
        """What is read after the text, each once, and which of them each query needs."""
        if self.base_model.task == "classification":
            return [()], [0] * len(self._queries)
        # The logits of an answer's last token are of no interest.
        read = [answer[:-1] for answer in self._queries.answers]
        different = list(dict.fromkeys(read))
        return different, [different.index(one) for one in read]

    @cached_property
    def _hidden_token(self) -> int:
        """Number of the token that hides others; -1 where none does."""
        if self.masking != "mask-token":
            return -1
        tokenizer = self.base_model.tokenizer
        if not self.replacement and tokenizer.mask_token_id is not None:
            return int(tokenizer.mask_token_id)
        known = tokenizer.get_vocab()
        if self.replacement not in known:
            named = f"{self.replacement!r} is no token of it" if self.replacement else "it has no mask token"
            raise ModelError(
                f"its tokenizer cannot mask: {named}",
                where=self.base_model.source,
                instead="write features.masking: deletion or attention, or name a token of its vocabulary "
                "in features.replacement",
            )
        return int(known[self.replacement])

    @cached_property
    def _first_token(self) -> int:
        tokenizer = self.base_model.tokenizer
        first = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.cls_token_id
        if first is None:
            raise ModelError(
                "nothing is left of the text, and its tokenizer has no token for the beginning of one",
                where=self.base_model.source,
                instead="write features.masking: mask-token",
            )
        return int(first)
