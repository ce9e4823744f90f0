"""Trained adapters kept together: stacked tensors in one safetensors file, any of them exported to PEFT."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from spex_data.errors import StoreError
from spex_data.masks import mask_string, masks_from_strings
from spex_data.training.recipe import LoraRecipe
from spex_data.values import whole_file


@dataclass(frozen=True)
class AdapterBank:
    """K adapters of one recipe over one base model.

    Attributes:
        recipe: How they were trained.
        base_fingerprint: Of the base model.
        peft_config: Text of PEFT's adapter_config.json.
        masks: bool[K, n_groups].
        seeds: int64[K].
        tensors: PEFT's name of a parameter -> tensor[K, ...]; a failed adapter's is what it had come to.
        losses: float64[K], mean loss of the last epoch's steps; NaN where it failed or trained on nothing.
        causes: str[K] or None: why an adapter failed.
        adapters_per_pass: How many shared a pass, which the last bits of a value hang on.
    """

    recipe: LoraRecipe
    base_fingerprint: str
    peft_config: str
    masks: NDArray[np.bool_]
    seeds: NDArray[np.int64]
    tensors: Mapping[str, torch.Tensor]
    losses: NDArray[np.float64]
    causes: tuple[str | None, ...]
    adapters_per_pass: int

    def __len__(self) -> int:
        return len(self.causes)

    def state(self, index: int) -> dict[str, torch.Tensor]:
        """One adapter as PEFT names and saves it."""
        return {name: tensor[index].contiguous() for name, tensor in self.tensors.items()}

    def select(self, indices: Sequence[int]) -> AdapterBank:
        """A bank of some of the adapters."""
        rows = list(indices)
        return AdapterBank(
            self.recipe,
            self.base_fingerprint,
            self.peft_config,
            self.masks[rows],
            self.seeds[rows],
            {name: tensor[rows].contiguous() for name, tensor in self.tensors.items()},
            self.losses[rows],
            tuple(self.causes[row] for row in rows),
            self.adapters_per_pass,
        )

    def save(self, path: Path, *, keys: Sequence[str] = ()) -> None:
        """Writes one safetensors file under a temporary name, syncs it and renames it.

        Args:
            path: The file.
            keys: str[K], what names each adapter's content, for `bank_keys`; masks are names only as long as
                the groups stay.

        Raises:
            StoreError: The disk is full or read-only.
        """
        metadata = {
            "recipe": json.dumps(asdict(self.recipe)),
            "base_fingerprint": self.base_fingerprint,
            "peft_config": self.peft_config,
            "masks": json.dumps([mask_string(mask) for mask in self.masks]),
            "seeds": json.dumps(self.seeds.tolist()),
            "losses": json.dumps([None if loss != loss else loss for loss in self.losses.tolist()]),
            "causes": json.dumps(self.causes),
            "adapters_per_pass": json.dumps(self.adapters_per_pass),
            "keys": json.dumps(list(keys)),
        }
        with whole_file(path) as temporary:
            try:
                save_file(dict(self.tensors), temporary, metadata)
            except SafetensorError as error:
                raise StoreError(
                    f"cannot be written ({error})",
                    where=str(path),
                    instead="free some space, write training.keep: none, or choose another folder with --out",
                ) from error

    @classmethod
    def load(cls, path: Path) -> AdapterBank:
        """Reads what `save` wrote.

        Raises:
            StoreError: No such file, or not one of ours.
        """
        if path.suffix != ".safetensors":
            raise StoreError(
                "is not a safetensors file",
                where=str(path),
                instead="give a .safetensors file; no other is opened",
            )
        try:
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            recipe = json.loads(metadata["recipe"])
            losses = [np.nan if loss is None else loss for loss in json.loads(metadata["losses"])]
            return cls(
                LoraRecipe(**{**recipe, "target_modules": tuple(recipe["target_modules"])}),
                metadata["base_fingerprint"],
                metadata["peft_config"],
                masks_from_strings(json.loads(metadata["masks"])),
                np.array(json.loads(metadata["seeds"]), dtype=np.int64),
                tensors,
                np.array(losses, dtype=np.float64),
                tuple(json.loads(metadata["causes"])),
                int(metadata["adapters_per_pass"]),
            )
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise StoreError(
                f"is no bank of adapters ({error})",
                where=str(path),
                instead="give a file of a run's adapters/",
            ) from error

    def export_peft(self, index: int, directory: Path) -> None:
        """Writes one adapter in PEFT's own format, for `PeftModel.from_pretrained(base, directory)`.

        Args:
            index: Which adapter.
            directory: Made if need be; holds adapter_model.safetensors and adapter_config.json afterwards.
        """
        directory.mkdir(parents=True, exist_ok=True)
        save_file(self.state(index), directory / "adapter_model.safetensors", {"format": "pt"})
        (directory / "adapter_config.json").write_text(self.peft_config)


def bank_keys(path: Path) -> tuple[str, ...]:
    """The keys that a bank was saved with, read without its tensors; none of a file that cannot be read.

    Args:
        path: What `AdapterBank.save` wrote, or what a crash left of it.

    Returns:
        str[K], empty where the bank was saved without.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return tuple(json.loads((file.metadata() or {}).get("keys", "[]")))
    except (OSError, SafetensorError, ValueError):
        return ()
