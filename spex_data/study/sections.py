"""The sections that say what is studied: data, groups, targets and the model."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from spex_data.data import Task
from spex_data.study.keys import Labels, Section, Whole, key

EMBEDDED = "embedded"
"""The source that stands for the demonstration that comes with the package."""
UNREAD = "none"
"""`data.train` where no example is read: a model that is explained as it is."""

Output = Literal["log-odds", "min-token-log-odds", "contrast", "log-prob", "loss", "probability", "accuracy"]

_COLUMN = "the name of a column"
_WHERE = "a mapping of column to a list of values, such as {category: [a, b]}"
_SOURCE = "a file, an fsspec URL, a Hugging Face data set, or embedded"


def _distinct(rows: tuple[int, ...] | None) -> tuple[int, ...] | None:
    if rows is not None and len(set(rows)) < len(rows):
        raise ValueError("a row is named twice")
    return rows


class LimitConfig(Section):
    """At most so many rows, in all or for each value of a column, in file order."""

    rows: Whole = key(
        accepts="a whole number of at least 1", description="Rows to keep.", ge=1, examples=[16]
    )
    per: str | None = key(
        None, accepts=_COLUMN, description="Column for each of whose values so many rows are kept."
    )


class DataConfig(Section):
    """The training examples."""

    task: Task = key(
        accepts="classification or causal-lm",
        description="Text classification (text, label), or causal language modelling (prompt, completion).",
        examples=["classification"],
    )
    train: str = key(
        accepts=_SOURCE,
        description="Where the training examples are: CSV, JSON lines, Parquet, a data set, or `embedded`.",
        min_length=1,
        examples=["train.csv"],
    )
    split: str = key("train", accepts="the name of a split", description="Split of a Hugging Face data set.")
    subset: str | None = key(
        None,
        accepts="the name of a configuration of the data set",
        description="Configuration of a Hugging Face data set that has several.",
    )
    text: str | None = key(None, accepts=_COLUMN, description="Column of the text (classification).")
    label: str | None = key(None, accepts=_COLUMN, description="Column of the label (classification).")
    prompt: str | None = key(None, accepts=_COLUMN, description="Column of the prompt (causal-lm).")
    completion: str | None = key(
        None, accepts=_COLUMN, description="Column of the completion, on which the loss is (causal-lm)."
    )
    where: dict[str, Labels] = key({}, accepts=_WHERE, description="Keep rows with one of these values.")
    limit: LimitConfig | None = key(
        None, accepts="{rows: 400} or {per: category, rows: 16}", description="Keep the first rows only."
    )

    @property
    def embedded(self) -> bool:
        """Whether the examples are those that come with the package."""
        return self.train == EMBEDDED

    @property
    def columns(self) -> tuple[str, str]:
        """Columns of input and output for the task; for the embedded data, what they are called there."""
        if self.task == "classification":
            return self.text or "text", self.label or "label"
        return self.prompt or "prompt", self.completion or "completion"


class GroupsConfig(Section):
    """The groups whose interactions are looked for."""

    by: Literal["column", "list", "shards", "kmeans", "units"] = key(
        accepts="column, list, shards or kmeans",
        description="By a column's values, by a list in a file, by chance, or by nearness of embeddings.",
        examples=["shards"],
    )
    column: str | None = key(None, accepts=_COLUMN, description="Column whose values are the groups.")
    file: str | None = key(
        None,
        accepts="the path of a JSON file of groups",
        description='JSON: {"name": [rows or example ids], ...} or [{"name": ..., "members": [...]}, ...].',
    )
    k: Whole | None = key(
        None, accepts="a whole number of at least 2", description="Number of shards or clusters.", ge=2
    )
    core: Labels = key(
        (), accepts="a list of group names", description="Groups that are always trained on (the core)."
    )


class OutputColumn(Section):
    """The output of each target, read from a column of the targets' source."""

    column: str = key(accepts=_COLUMN, description="Column that names each target's output.")


class TargetsConfig(Section):
    """The predictions that are explained."""

    source: str | None = key(
        None,
        accepts=_SOURCE,
        description="Where the targets are, in the same columns as the training data; left out: the source"
        " of the training data, in the split given here.",
        alias="from",
        min_length=1,
    )
    split: str = key("test", accepts="the name of a split", description="Split of a Hugging Face data set.")
    subset: str | None = key(
        None,
        accepts="the name of a configuration of the data set",
        description="Configuration of a Hugging Face data set; left out where `from` is: that of the data.",
    )
    where: dict[str, Labels] = key({}, accepts=_WHERE, description="Keep rows with one of these values.")
    limit: LimitConfig | None = key(
        None, accepts="{rows: 12} or {per: category, rows: 1}", description="Keep the first rows only."
    )
    rows: Annotated[tuple[Annotated[Whole, Field(ge=0)], ...] | None, AfterValidator(_distinct)] = key(
        None,
        accepts="a list of different row numbers from 0, such as [3, 17]",
        description="Numbers of the rows to keep, counted from 0.",
    )
    output: Output | OutputColumn = key(
        "log-odds",
        accepts="log-odds, min-token-log-odds, contrast, log-prob, loss, probability, accuracy,"
        " or {column: the column that names one for each target}",
        description="What is measured of the answer; higher is better.",
    )
    foil: str | None = key(
        None, accepts=_COLUMN, description="Column of the answer that `contrast` compares with."
    )
    name: str | None = key(None, accepts=_COLUMN, description="Column of the targets' names in reports.")
    more: Labels = key(
        (),
        accepts="a list of files, such as [more.csv]",
        description="Files of further targets, every row of them, in the same columns;"
        " `spex-data extend --targets` adds one.",
    )


class ModelConfig(Section):
    """The base model that adapters are trained on."""

    source: str = key(
        accepts="embedded, minilm, the path of a checkpoint, or a model's id on the hub",
        description="The base model.",
        min_length=1,
        examples=["minilm"],
    )
    device: str = key(
        "auto",
        accepts="auto, cpu, cuda, cuda:N or mps",
        description="Device to compute on.",
        pattern=r"^(auto|cpu|mps|cuda(:[0-9]+)?)$",
    )
    dtype: Literal["float32", "bfloat16", "auto"] = key(
        "float32",
        accepts="float32, bfloat16 or auto",
        description="Number format of the base model's weights.",
    )
    finetune: bool = key(
        True,
        accepts="true or false",
        description="Fine-tune it on all of `data` before it is looked into, by `lora` and `training`; false:"
        " as it is, with the classifier that its checkpoint has (lenses features and components).",
    )
