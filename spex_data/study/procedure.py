"""The sections that say what is made of the values, and where: decoding, verify, runner, tracking, report."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from spex_data.study.keys import AT_LEAST_1, Positive, Real, Section, Whole, key


def default_method() -> str:
    """The decoder that is used when none is named."""
    # Here, because whoever only reads a configuration needs no decoder.
    from spex_data.decoding import DEFAULT

    return DEFAULT


def _off(value: object) -> object:
    """What other YAML tools make of the bare word off."""
    return "off" if value is False else value


class DecodingConfig(Section):
    """How interactions are recovered from the values."""

    method: str = key(accepts="the name of a decoder", description="Decoder.", default_factory=default_method)
    max_order: Whole = key(
        3, accepts=AT_LEAST_1, description="Largest number of groups in an interaction.", ge=1
    )
    fdr: Annotated[Real, Field(gt=0, lt=1)] | None = key(
        0.1,
        accepts="a number between 0 and 1, such as 0.1, or null",
        description="Share of the reported interactions that may be there by chance; null: none"
        " is singled out.",
    )
    surrogate: Annotated[Literal["auto", "off"], BeforeValidator(_off)] = key(
        "auto",
        accepts="auto or off",
        description="`auto`: gradients at a few of the adapters kept tell what other masks would give, where"
        " the lens is data, adapters are kept and the decoder is auto, which listens where"
        " cross-validation says that it helps.",
    )


class VerifyConfig(Section):
    """Which interactions are retrained to see whether they are true."""

    enabled: bool = key(
        True, accepts="true or false", description="Retrain what decides the largest interactions."
    )
    top: Whole = key(3, accepts=AT_LEAST_1, description="Interactions of a target that are retrained.", ge=1)
    share: Annotated[Real, Field(gt=0, le=1)] = key(
        0.25,
        accepts="a number above 0 and at most 1, such as 0.25",
        description="Fine-tunes for it at most, as a share of the study's own.",
    )
    backgrounds: Whole = key(
        6,
        accepts="a whole number of at least 4",
        description="Draws of the other groups that each interaction is retrained over, at most.",
        ge=4,
    )
    full: Whole = key(
        1,
        accepts="a whole number of at least 0",
        description="Seeds with which it is also retrained where all other groups are present.",
        ge=0,
    )
    filtered: Whole = key(
        1,
        accepts="a whole number of at least 0",
        description="Interactions, the largest, that are also retrained there by the filtered schedule.",
        ge=0,
    )
    margin: Annotated[Real, Field(ge=0, lt=1)] = key(
        0.25,
        accepts="a number from 0 to 1, such as 0.25",
        description="Share of what is predicted within which an effect is as good as none.",
    )
    level: Annotated[Real, Field(gt=0, lt=1)] = key(
        0.1,
        accepts="a number between 0 and 1, such as 0.1",
        description="Share of the verdicts that may be wrong, over all interactions retrained.",
    )


class RunnerConfig(Section):
    """Where the fine-tuning runs."""

    kind: Literal["inline", "threads", "processes", "dask", "ray"] = key(
        "inline",
        accepts="inline, threads, processes, dask or ray",
        description="How chunks of masks run beside each other; dask and ray also on a cluster of machines.",
    )
    address: str | None = key(
        None,
        accepts="the address of a cluster, such as tcp://HOST:8786 (Dask) or ray://HOST:10001 (Ray)",
        description="Cluster of `kind` that is there already; left out: one on this machine, for this run.",
        min_length=1,
    )
    gpus: Real = key(
        0.0,
        accepts="a number of at least 0, such as 1",
        description="GPUs that Dask (its resource GPU) or Ray sets aside for each chunk that runs.",
        ge=0,
    )
    approve: bool = key(
        False,
        accepts="true or false",
        description="Wait after the plan until someone approves it in Prefect's page.",
    )
    workers: Literal["auto"] | Positive = key(
        "auto",
        accepts=f"auto, or {AT_LEAST_1}",
        description="Chunks that run at once; auto: one a CUDA device, else one a processor.",
    )
    threads: Whole = key(
        1,
        accepts=AT_LEAST_1,
        description="Processor threads of each worker; small models are slower with several.",
        ge=1,
    )
    chunk: Whole = key(
        32, accepts=AT_LEAST_1, description="Fine-tunes of a chunk, the unit of work and of resuming.", ge=1
    )
    max_hours: Annotated[Real, Field(gt=0)] | None = key(
        None,
        accepts="a number of hours above 0, such as 11.5, or null",
        description="Stop between chunks before so many hours are over, and say how to go on.",
    )


class TrackingConfig(Section):
    """What is logged, and where."""

    mlflow: bool = key(True, accepts="true or false", description="Log the run to MLflow.")
    uri: str | None = key(
        None,
        accepts="a tracking URI such as sqlite:///mlflow.db or http://host:5000",
        description="MLflow's store; left out: MLFLOW_TRACKING_URI, else SQLite beside the runs.",
    )
    page: str | None = key(
        None,
        accepts="the address of MLflow's page, such as https://mlflow.example",
        description="Where links lead if `uri` is a database; left out: a server's own, or `spex-data ui`.",
    )
    experiment: str | None = key(
        None, accepts="a name", description="MLflow experiment; left out: the study's name."
    )


class ReportConfig(Section):
    """What the report shows."""

    top: Whole = key(20, accepts=AT_LEAST_1, description="Interactions a target that are listed.", ge=1)
    text: Literal["full", "ids", "none"] = key(
        "full",
        accepts="full, ids or none",
        description="How much training text goes into reports and artifacts: data can be confidential.",
    )
