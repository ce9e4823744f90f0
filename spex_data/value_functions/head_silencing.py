"""The value of a mask over a model's heads and MLP blocks: silence the absent ones, and measure a task."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from spex_data.errors import ConfigError
from spex_data.evaluation import Queries, Targets, encode_targets
from spex_data.evaluation.outputs import TokenScores, measure_output, token_scores
from spex_data.models import BaseModel
from spex_data.value_functions.component_hooks import Silence, silenced, watched
from spex_data.value_functions.component_sites import (
    Component,
    ComponentSites,
    find_component_sites,
    require_components,
)
from spex_data.value_functions.exact import exact_keys, in_parts, pass_tokens
from spex_data.value_functions.protocol import Measured

_MOST_LOGITS = 2**24
"""Logits of one pass."""
_MOST_SCORES = 2**22
"""Scores of answers' tokens that are held at once."""
_Read = tuple[tuple[int, ...], int, int]
"""Tokens, the first position that is scored, and how many are."""


@dataclass(frozen=True)
class HeadSilencing:
    """f(mask): the mean of a task's values on the model with the absent components silent.

    A silent head gives zeros, or its mean over all tokens of the task's rows, to the projection that joins
    the heads of its layer; a silent MLP block adds nothing to the residual stream, or its mean. Heads are
    silenced by zeros in Michel, Levy and Neubig 2019. All hooks are gone after each call, and no weight is
    touched.

    Attributes:
        base_model: Frozen.
        components: Those that are masked, at least 2; all others always speak.
        targets: The task's rows. Each output named in them is one target here: its mean over the rows.
        ablation: What a silent component gives.
        rescaled: Whether the remaining heads of a layer are multiplied by (its heads / remaining heads), as
            in dropout; for "zero" alone, since a mean keeps the scale by itself.
        tokens_per_pass: Tokens that the model reads at once; one sequence if it is longer. None: what suits
            the device.
    """

    base_model: BaseModel
    components: tuple[Component, ...]
    targets: Targets
    ablation: Literal["zero", "mean"] = "zero"
    rescaled: bool = False
    tokens_per_pass: int | None = None

    @property
    def n_groups(self) -> int:
        """Width of the masks."""
        return len(self.components)

    @property
    def target_names(self) -> tuple[str, ...]:
        """The outputs that are measured, each once."""
        return tuple(dict.fromkeys(self.targets.outputs))

    def keys(self, masks: NDArray[np.bool_], seeds: NDArray[np.int64]) -> list[list[str]]:
        """Content key of every value: hash(model, ablation, silent components, rows and output).

        Nothing is drawn, so the seed is no part of it.

        Returns:
            str[m][n_targets], 32 hexadecimal characters each.
        """
        del seeds
        fixed = f"{self.base_model.fingerprint}/{self.ablation}"
        if self.ablation == "mean":
            fixed += f"/{sorted(self.targets.ids)}"
        if self.rescaled:
            fixed += "/rescaled"
        rows = ["/".join(self._identities(output)) for output in self.target_names]
        silent = (
            str(sorted(part.name for part, there in zip(self.components, mask) if not there))
            for mask in masks
        )
        return exact_keys(fixed, silent, rows)

    def with_targets(self, columns: Sequence[int]) -> HeadSilencing:
        """This one: its outputs come from the same passes, and fewer rows would have other means."""
        del columns
        return self

    def __call__(self, masks: NDArray[np.bool_], seeds: NDArray[np.int64]) -> Measured:
        """Measures masks.

        Raises:
            MaskError: Masks that are none, or not as wide as there are components.
            ModelError: A component that does not exist, or a model that cannot be hooked.
            ConfigError: Rescaling asked for with means.
            TargetError: A row that the model cannot read or answer.
        """
        del seeds
        if self.rescaled and self.ablation == "mean":
            raise ConfigError(
                "is true with ablation mean",
                where="components.rescaled",
                instead="write ablation: zero, or leave the remaining heads as they are",
            )
        return in_parts(
            masks,
            self._measure,
            n_groups=self.n_groups,
            n_targets=len(self.target_names),
            size=lambda: _MOST_SCORES // sum(map(len, self._queries.answers)),
        )

    def _measure(self, masks: NDArray[np.bool_]) -> NDArray[np.float64]:
        """float64[m, n_outputs]: the mean over the rows, by output."""
        scores = self._scores(masks)
        values = np.zeros((len(masks), len(self.target_names)))
        for row, (output, foil) in enumerate(zip(self.targets.outputs, self._queries.foils, strict=True)):
            found = measure_output(output, scores[row], None if foil is None else scores[foil])
            values[:, self.target_names.index(output)] += found.numpy()
        return values / [self.targets.outputs.count(output) for output in self.target_names]

    def _scores(self, masks: NDArray[np.bool_]) -> list[TokenScores]:
        """Scores [m, k] of each query's answer, on the CPU; what is read alike is read once."""
        base, queries, reads = self.base_model, self._queries, self._reads
        parts: list[list[TokenScores]] = [[] for _ in range(len(queries))]
        for batch, together in self._passes(len(masks)):
            inputs = self._inputs([read[0] for read in batch])
            for first in range(0, len(masks), together):
                few = masks[first : first + together]
                with torch.inference_mode(), silenced(base, self._silences(few, len(batch)), self._means):
                    logits = self._logits(inputs, batch, len(few))
                for read, rows in zip(batch, logits, strict=True):
                    for query in reads[read]:
                        answer = torch.tensor(queries.answers[query], device=rows.device)
                        parts[query].append(_on_cpu(token_scores(rows, answer)))
        return [_joined(some) for some in parts]

    def _identities(self, output: str) -> list[str]:
        pairs = zip(self.targets.ids, self.targets.outputs, strict=True)
        return sorted(identity for identity, kind in pairs if kind == output)

    def _passes(self, n_masks: int) -> Iterator[tuple[list[_Read], int]]:
        """Sequences of one length that are read together, and the masks that they are read under at once.

        Nothing is padded: not every model's answer is free of what it is padded with.
        """
        order = sorted(self._reads, key=lambda read: -len(read[0]))
        outputs = len(self.base_model.labels) or int(self.base_model.model.config.vocab_size)
        start, tokens = 0, self.tokens_per_pass or pass_tokens(self.base_model.device)
        while start < len(order):
            length = len(order[start][0])
            scored = outputs * max(read[2] for read in order[start:])
            most = max(1, min(tokens // length, _MOST_LOGITS // scored))
            batch = [read for read in order[start : start + most] if len(read[0]) == length]
            yield batch, min(n_masks, max(1, most // len(batch)))
            start += len(batch)

    def _inputs(self, sequences: Sequence[tuple[int, ...]]) -> dict[str, torch.Tensor]:
        tokens = torch.tensor(sequences, device=self.base_model.device)
        return {"input_ids": tokens, "attention_mask": torch.ones_like(tokens)}

    def _logits(
        self, inputs: dict[str, torch.Tensor], batch: Sequence[_Read], n_masks: int
    ) -> list[torch.Tensor]:
        """float[m, k, outputs] for each sequence; only the positions that are scored go through a head."""
        base, each = self.base_model, len(batch)
        repeated = {name: tensor.repeat(n_masks, 1) for name, tensor in inputs.items()}
        if base.task == "classification":
            return list(base.model(**repeated).logits.view(n_masks, each, 1, -1).unbind(1))
        sizes = [size for _, _, size in batch]
        places = torch.cat([start + torch.arange(size) for _, start, size in batch]).repeat(n_masks)
        owners = torch.repeat_interleave(torch.arange(each * n_masks), torch.tensor(sizes).repeat(n_masks))
        owners, places = owners.to(base.device), places.to(base.device)
        head = base.model.get_output_embeddings()
        keep = head.register_forward_pre_hook(lambda _, hidden: hidden[0][owners, places][None])
        try:
            logits = base.model(**repeated, use_cache=False).logits[0]
        finally:
            keep.remove()
        return list(logits.view(n_masks, sum(sizes), -1).split(sizes, dim=1))

    def _silences(self, masks: NDArray[np.bool_], each: int) -> list[Silence]:
        """Each mask's absent components, in `each` sequences of its own."""
        silences = []
        for layer in sorted({part.layer for part in self.components}):
            heads, mlp = self._scales(masks, layer)
            if heads is not None:
                silences.append(Silence(self._sites.attention[layer], True, self._factors(heads, each)))
            if mlp is not None:
                silences.append(Silence(self._sites.mlps[layer], False, self._factors(mlp, each)))
        return silences

    def _factors(self, scale: NDArray[np.float64], each: int) -> torch.Tensor:
        """float[m each, 1, parts]."""
        repeated = torch.from_numpy(np.repeat(scale, each, axis=0)[:, None])
        return repeated.to(self.base_model.device, self.base_model.model.dtype)

    def _scales(
        self, masks: NDArray[np.bool_], layer: int
    ) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]:
        """What multiplies each head, [m, n_heads], and the MLP, [m, 1]; None where none of them is masked."""
        places = {part.head: place for place, part in enumerate(self.components) if part.layer == layer}
        mlp = places.pop(-1, None)
        heads: NDArray[np.float64] | None = None
        if places:
            heads = np.ones((len(masks), self._sites.n_heads))
            heads[:, list(places)] = masks[:, list(places.values())]
            if self.rescaled:
                left = heads.sum(1, keepdims=True)
                heads *= np.divide(heads.shape[1], left, out=np.zeros_like(left), where=left > 0)
        return heads, None if mlp is None else masks[:, [mlp]].astype(np.float64)

    @cached_property
    def _means(self) -> dict[str, torch.Tensor]:
        """Mean over all tokens read of what each site passes on; none for zeros."""
        if self.ablation == "zero":
            return {}
        sums: dict[str, torch.Tensor] = {}

        def keep(name: str, hidden: torch.Tensor) -> None:
            flat = hidden.reshape(-1, hidden.shape[-1]).double().sum(0)
            sums[name] = sums[name] + flat if name in sums else flat

        with watched(self.base_model, self._sites, keep), torch.inference_mode():
            count = 0
            for batch, _ in self._passes(1):
                inputs = self._inputs([read[0] for read in batch])
                count += inputs["input_ids"].numel()
                self._logits(inputs, batch, 1)
        return {name: (total / count).to(self.base_model.model.dtype) for name, total in sums.items()}

    @cached_property
    def _sites(self) -> ComponentSites:
        sites = find_component_sites(self.base_model)
        require_components(self.base_model, sites, self.components)
        return sites

    @cached_property
    def _queries(self) -> Queries:
        return encode_targets(self.base_model, self.targets)

    @cached_property
    def _reads(self) -> dict[_Read, list[int]]:
        """Each sequence that is read, with the queries that score it."""
        reads: dict[_Read, list[int]] = {}
        queries = self._queries
        for query, parts in enumerate(
            zip(queries.tokens, queries.starts, map(len, queries.answers), strict=True)
        ):
            reads.setdefault(parts, []).append(query)
        return reads


def _on_cpu(scores: TokenScores) -> TokenScores:
    return TokenScores(scores.log_p.cpu(), scores.log_other.cpu(), scores.is_first.cpu())


def _joined(parts: Sequence[TokenScores]) -> TokenScores:
    """Scores of masks that follow each other, [m, k]."""
    return TokenScores(
        torch.cat([part.log_p for part in parts]),
        torch.cat([part.log_other for part in parts]),
        torch.cat([part.is_first for part in parts]),
    )
