"""Fine-tuning LoRA adapters on subsets: the recipe, the one-adapter reference, banks of adapters.

What needs torch is imported when it is first asked for, so that a study's configuration needs none.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from spex_data.training.recipe import LoraRecipe

if TYPE_CHECKING:
    from spex_data.training.adapter_bank import AdapterBank, bank_keys
    from spex_data.training.adapters import adapted
    from spex_data.training.encoding import EncodedExamples, encode_examples
    from spex_data.training.engine.forward import PreparedSequences
    from spex_data.training.engine.memory import fitting
    from spex_data.training.engine.passes import PreparedExamples, prepare_examples
    from spex_data.training.engine.probe import PassChoice, probe_pass_size
    from spex_data.training.engine.scoring import bank_logits, prepare_scoring
    from spex_data.training.peft_model import load_adapter_state
    from spex_data.training.reference import finetune_one, plain_adapter, plain_examples
    from spex_data.training.train import train_adapters

_HOMES = {
    "AdapterBank": "adapter_bank",
    "EncodedExamples": "encoding",
    "adapted": "adapters",
    "bank_keys": "adapter_bank",
    "bank_logits": "engine.scoring",
    "encode_examples": "encoding",
    "finetune_one": "reference",
    "fitting": "engine.memory",
    "load_adapter_state": "peft_model",
    "PassChoice": "engine.probe",
    "PreparedExamples": "engine.passes",
    "PreparedSequences": "engine.forward",
    "plain_adapter": "reference",
    "plain_examples": "reference",
    "prepare_examples": "engine.passes",
    "prepare_scoring": "engine.scoring",
    "probe_pass_size": "engine.probe",
    "train_adapters": "train",
}

__all__ = [
    "AdapterBank",
    "EncodedExamples",
    "LoraRecipe",
    "PassChoice",
    "PreparedExamples",
    "PreparedSequences",
    "adapted",
    "bank_keys",
    "bank_logits",
    "encode_examples",
    "finetune_one",
    "fitting",
    "load_adapter_state",
    "plain_adapter",
    "plain_examples",
    "prepare_examples",
    "prepare_scoring",
    "probe_pass_size",
    "train_adapters",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
