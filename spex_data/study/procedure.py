"""The sections that say how it is studied: adapters, training, masks, decoding, verify, runner, ..."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from spex_data.study.keys import Labels, Real, Section, Whole, key

_AT_LEAST_1 = "a whole number of at least 1"

Positive = Annotated[Whole, Field(ge=1)]


def default_method() -> str:
    """The decoder that is used when none is named."""
    # Here, because whoever only reads a configuration needs no decoder.
    from spex_data.decoding import DEFAULT

    return DEFAULT


def _distinct_seeds(seeds: str | tuple[int, ...]) -> str | tuple[int, ...]:
    if not isinstance(seeds, str) and (not seeds or len(set(seeds)) < len(seeds)):
        raise ValueError("seeds must be different, and at least one")
    return seeds


class LoraConfig(Section):
    """The low-rank adapters."""

    rank: Whole = key(8, accepts=_AT_LEAST_1, description="Rank of the adapters.", ge=1)
    alpha: Real = key(
        16.0, accepts="a number above 0", description="Scale of the adapters: alpha / rank.", gt=0
    )
    target_modules: Labels = key(
        (),
        accepts="a list of module names, such as [q_proj, v_proj]",
        description="Linear layers to adapt; empty for every linear layer of the blocks.",
    )
    layers: str = key(
        "all",
        accepts="all, or last-N such as last-2",
        description="Blocks to adapt: all of them, or the last N.",
        pattern=r"^(all|last-[1-9][0-9]*)$",
    )
    rslora: bool = key(False, accepts="true or false", description="Scale by alpha / sqrt(rank) instead.")


class TrainingConfig(Section):
    """How each adapter is trained on the examples that its mask keeps."""

    epochs: Whole = key(3, accepts=_AT_LEAST_1, description="Passes over the present examples.", ge=1)
    max_steps: Whole = key(
        0,
        accepts="a whole number of at least 0 (0 = epochs decide)",
        description="Steps of a whole training, instead of epochs; the last epoch may be cut off.",
        ge=0,
    )
    batch_size: Whole = key(
        16, accepts=_AT_LEAST_1, description="Examples a step when every group is present.", ge=1
    )
    learning_rate: Real = key(
        1e-3,
        accepts="a number above 0, such as 0.001",
        description="Learning rate, before decay and warm-up.",
        gt=0,
    )
    optimizer: Literal["adamw", "sgd"] = key("adamw", accepts="adamw or sgd", description="Optimiser.")
    decay: Literal["linear", "cosine", "constant"] = key(
        "linear", accepts="linear, cosine or constant", description="How the learning rate falls."
    )
    warmup: Real = key(
        0.0,
        accepts="a number from 0 to 1, such as 0.1",
        description="Share of the steps over which the learning rate rises.",
        ge=0,
        le=1,
    )
    weight_decay: Real = key(0.0, accepts="a number of at least 0", description="Weight decay.", ge=0)
    clip_norm: Real = key(
        1.0,
        accepts="a number of at least 0 (0 = off)",
        description="Largest norm of an adapter's gradient.",
        ge=0,
    )
    schedule: Literal["fixed", "filtered"] = key(
        "fixed",
        accepts="fixed or filtered",
        description="`fixed`: an example's step does not depend on which others are present;"
        " `filtered`: ordinary training on what is left.",
    )
    seeds: Annotated[
        Literal["varied", "common"] | tuple[Annotated[Whole, Field(ge=0)], ...],
        AfterValidator(_distinct_seeds),
    ] = key(
        "varied",
        accepts="varied, common, or a list of different whole numbers such as [1, 2]",
        description="A seed of its own for each mask (what is estimated is the mean over seeds), one seed for"
        " all, or every mask with each seed of a list.",
    )
    steps_per_epoch: Literal["auto"] | Positive = key(
        "auto",
        accepts=f"auto, or {_AT_LEAST_1}",
        description="Steps of an epoch in the fixed schedule; auto: examples / batch size, rounded up.",
    )
    adapters_per_pass: Literal["auto"] | Positive = key(
        "auto",
        accepts=f"auto, or {_AT_LEAST_1}",
        description="Adapters trained at once over one base model; auto: timed once, and kept from then on.",
    )
    keep: Literal["all", "heldout", "none"] = key(
        "all", accepts="all, heldout or none", description="Which trained adapters stay on disk."
    )


class AlphaBudget(Section):
    """A number of training masks that grows with the number of groups."""

    alpha: Real = key(accepts="a number above 0", description="The budget is alpha n log2(n) masks.", gt=0)


class MasksConfig(Section):
    """The subsets of groups that are trained on."""

    budget: Positive | AlphaBudget = key(
        AlphaBudget(alpha=4.0),
        accepts="a whole number such as 256, or {alpha: 4} for alpha n log2(n) masks",
        description="Number of training masks.",
    )
    scheme: Literal["bernoulli", "stratified", "spex"] = key(
        "bernoulli",
        accepts="bernoulli, stratified or spex",
        description="Each group by its own coin, the number of groups first, or the masks of a code (SPEX).",
    )
    degree: Whole = key(
        5,
        accepts=_AT_LEAST_1,
        description="Largest set of groups that spex masks are coded for; more of them need a larger budget.",
        ge=1,
    )
    p: Real = key(
        0.5,
        accepts="a number between 0 and 1, such as 0.5",
        description="Probability that a group is present.",
        gt=0,
        lt=1,
    )
    heldout: Whole = key(
        64,
        accepts="a whole number of at least 0",
        description="Masks kept apart to judge the result by.",
        ge=0,
    )
    heldout_seeds: Whole = key(
        2, accepts=_AT_LEAST_1, description="Trainings of each held-out mask, whose mean is its value.", ge=1
    )


class DecodingConfig(Section):
    """How interactions are recovered from the values."""

    method: str = key(accepts="the name of a decoder", description="Decoder.", default_factory=default_method)
    max_order: Whole = key(
        3, accepts=_AT_LEAST_1, description="Largest number of groups in an interaction.", ge=1
    )
    fdr: Annotated[Real, Field(gt=0, lt=1)] | None = key(
        0.1,
        accepts="a number between 0 and 1, such as 0.1, or null",
        description="Share of the reported interactions that may be there by chance; null: none"
        " is singled out.",
    )


class VerifyConfig(Section):
    """Which interactions are retrained to see whether they are true."""

    enabled: bool = key(
        True, accepts="true or false", description="Retrain what decides the largest interactions."
    )
    top: Whole = key(3, accepts=_AT_LEAST_1, description="Interactions of a target that are retrained.", ge=1)
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
        accepts=f"auto, or {_AT_LEAST_1}",
        description="Chunks that run at once; auto: one a CUDA device, else one a processor.",
    )
    threads: Whole = key(
        1,
        accepts=_AT_LEAST_1,
        description="Processor threads of each worker; small models are slower with several.",
        ge=1,
    )
    chunk: Whole = key(
        32, accepts=_AT_LEAST_1, description="Fine-tunes of a chunk, the unit of work and of resuming.", ge=1
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

    top: Whole = key(20, accepts=_AT_LEAST_1, description="Interactions a target that are listed.", ge=1)
    text: Literal["full", "ids", "none"] = key(
        "full",
        accepts="full, ids or none",
        description="How much training text goes into reports and artifacts: data can be confidential.",
    )
