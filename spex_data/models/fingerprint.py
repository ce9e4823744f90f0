"""A name for a model by what it computes: the hash of configuration, weights and tokenizer."""

from __future__ import annotations

import hashlib
import json

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

# Where a model came from or who wrote it down, not what it computes; every tensor says its own dtype.
_INCIDENTAL = ("_name_or_path", "transformers_version", "dtype", "torch_dtype", "architectures")


def fingerprint(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> str:
    """The content hash of a model with its tokenizer, the same wherever they are stored.

    Args:
        model: Its configuration and every tensor of its state (name, dtype, shape, bytes) count; a new head
            and the precision it was loaded in do, the device does not.
        tokenizer: Its full definition counts, without the padding and truncation last asked of it.

    Returns:
        64 hexadecimal characters.
    """
    digest = hashlib.sha256()
    config = {key: value for key, value in model.config.to_dict().items() if key not in _INCIDENTAL}
    digest.update(json.dumps(config, sort_keys=True, default=str).encode())
    digest.update(_definition(tokenizer).encode())
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        if tensor.numel():
            flat = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
            digest.update(memoryview(flat.numpy()))
    return digest.hexdigest()


def _definition(tokenizer: PreTrainedTokenizerBase) -> str:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        known: dict[str, object] = {"kind": type(tokenizer).__name__, "vocabulary": tokenizer.get_vocab()}
    else:
        known = json.loads(backend.to_str())
        # State that every call changes, not part of what the tokenizer is.
        known.pop("padding", None)
        known.pop("truncation", None)
    special = {name: str(token) for name, token in tokenizer.special_tokens_map.items()}
    return json.dumps([known, special], sort_keys=True)
