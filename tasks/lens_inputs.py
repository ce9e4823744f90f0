"""From a study of the other lenses to what it masks: units of a text, or heads and MLP blocks of a model."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spex_data.errors import ConfigError
from spex_data.evaluation import Targets, make_targets
from spex_data.groups import Grouping
from spex_data.groups.grouping import CORE, make_grouping
from spex_data.study import StudyConfig
from tasks.inputs import EMBEDDED, load_base_model, load_examples, load_targets, read_targets
from tasks.run_folder import RunFolder

if TYPE_CHECKING:
    from spex_data.models import BaseModel
    from spex_data.value_functions import Component, HeadSilencing, TextUnits, TokenMasking


@dataclass(frozen=True)
class LensInputs:
    """What is masked, and how a mask is measured.

    Attributes:
        function: The value function.
        grouping: What is masked as groups: of a text's tokens, or of components alone.
        hashes: Contents by what they are of.
        outputs: What each target measures.
        base_model: The model that is looked into.
        n_rows: Rows that a value is the mean over.
        spans: Characters of each unit of a text.
    """

    function: TokenMasking | HeadSilencing
    grouping: Grouping
    hashes: dict[str, str]
    outputs: tuple[str, ...]
    base_model: BaseModel
    n_rows: int
    spans: tuple[tuple[int, int], ...] = ()


def lens_inputs(study: StudyConfig, folder: RunFolder, device: str | None = None) -> LensInputs:
    """The inputs of a study of the lens features, with one text, or components.

    Args:
        study: Of one of these lenses.
        folder: Its run folder, where the fine-tuned adapter is kept.
        device: Another than the study's.

    Raises:
        DataError: A text that has no two units.
        ModelError: A component that does not exist, or a model that cannot be hooked.
        ConfigError: More components to keep than there are.
    """
    base = explained_model(study, folder, device)
    return _features(study, base) if study.lens == "features" else _components(study, base)


def explained_model(study: StudyConfig, folder: RunFolder, device: str | None = None) -> BaseModel:
    """The model that is looked into: fine-tuned on all of the data, or as its checkpoint has it.

    It is built once a thread for all texts of a study.
    """
    parts = study.as_mapping()
    wanted = {name: parts[name] for name in ("seed", "data", "model", "lora", "training")}
    stamp = json.dumps([wanted, device], sort_keys=True)
    if getattr(_built, "stamp", None) != stamp:
        with _one_loads_at_a_time:
            _built.model, _built.stamp = _build(study, folder, device), stamp
    return _built.model  # type: ignore[no-any-return]


_built = threading.local()
_one_loads_at_a_time = threading.Lock()


def _build(study: StudyConfig, folder: RunFolder, device: str | None) -> BaseModel:
    if not study.model.finetune:
        return _as_it_is(study, device)
    from spex_data.training.tuned import tuned_model

    examples = load_examples(study)
    base = load_base_model(study, examples, device)
    recipe = study.recipe(len(examples))
    return tuned_model(base, examples, recipe, seed=study.seed, cache=home(folder).adapters)


def _as_it_is(study: StudyConfig, device: str | None) -> BaseModel:
    from spex_data import models
    from spex_data.embedded import embedded_base_model

    device = device or study.model.device
    if study.model.source == EMBEDDED:
        return embedded_base_model(study.seed, device=device)
    return models.load_base_model(
        study.model.source, task=study.data.task, device=device, dtype=study.model.dtype, head_seed=None
    )


TEXTS = "texts"


def home(folder: RunFolder) -> RunFolder:
    """The folder of the study that a text's folder is of; the folder itself where it is of none."""
    above = folder.directory.resolve().parent
    return RunFolder(above.parent) if above.name == TEXTS else folder


def rows_to_explain(study: StudyConfig, labels: Sequence[str]) -> Targets:
    """The rows of a study: its texts with their answers, or those that a component's value is a mean over.

    Args:
        study: Of the lens features or components.
        labels: Those that the model can give, of a classifier.
    """
    features = study.features
    if features.text is not None:
        return make_targets(
            study.data.task,
            [features.text],
            [features.answer or ""],
            foils=[features.foil],
            outputs=_one_output(study),
        )
    if study.targets_source == EMBEDDED:
        if study.lens == "features":
            asked = load_targets(study, load_examples(study))
            return asked if study.targets.rows is None else asked.select(study.targets.rows)
        # Means over rows need many of one output; the demo's questions are five of three.
        examples = load_examples(study)
        return make_targets(study.data.task, examples.inputs, examples.outputs, outputs=_one_output(study))
    chosen = study.targets
    targets = read_targets(
        study,
        labels,
        study.targets_source,
        split=chosen.split,
        name=study.targets_subset,
        where=chosen.where,
        limit=chosen.limit.model_dump(exclude_none=True) if chosen.limit else None,
        rows=chosen.rows,
    )
    for file in chosen.more:
        targets = targets.joined(read_targets(study, labels, file))
    return targets


def _one_output(study: StudyConfig) -> str:
    output = study.targets.output
    if isinstance(output, str):
        return output
    raise ConfigError(
        "names a column, and there are no rows to read it from",
        where="targets.output",
        instead="write one output, such as log-odds",
    )


def _features(study: StudyConfig, base: BaseModel) -> LensInputs:
    from spex_data.value_functions import TokenMasking, cut_into_units

    features, targets = study.features, rows_to_explain(study, base.labels)
    _require_answers(base, targets)
    units = cut_into_units(base.tokenizer, targets.inputs[0], features.units)
    function = TokenMasking(base, units, targets, features.masking, features.replacement)
    # What cannot be measured is said before anything is drawn.
    function.require_measurable()
    hashes = {"groups": _units_grouping(units).content_hash, **_hashes(base, targets)}
    return LensInputs(function, _units_grouping(units), hashes, targets.outputs, base, 1, units.spans)


def _units_grouping(units: TextUnits) -> Grouping:
    ids = [f"token {place}: {token}" for place, token in enumerate(units.tokens)]
    owners = [CORE if unit < 0 else int(unit) for unit in units.unit_of]
    return make_grouping(ids, owners, units.names)


def _components(study: StudyConfig, base: BaseModel) -> LensInputs:
    from spex_data.value_functions import HeadSilencing, find_components

    chosen = study.components
    components = find_components(
        base,
        layers=chosen.layers,
        heads=True if chosen.heads is None else chosen.heads,
        mlps=chosen.mlps,
    )
    _require_sizes(study, components)
    targets = rows_to_explain(study, base.labels)
    _require_answers(base, targets)
    function = HeadSilencing(base, components, targets, chosen.ablation, chosen.rescaled)
    names = [component.name for component in components]
    grouping = make_grouping(names, range(len(names)), names)
    hashes = {"groups": grouping.content_hash, **_hashes(base, targets)}
    return LensInputs(function, grouping, hashes, function.target_names, base, len(targets))


def _require_sizes(study: StudyConfig, components: Sequence[Component]) -> None:
    too_many = [size for size in study.components.prune or () if size > len(components)]
    if too_many:
        raise ConfigError(
            f"asks for {too_many[0]} of {len(components)} components",
            where="components.prune",
            instead=f"write numbers from 1 to {len(components)}",
        )


def _require_answers(base: BaseModel, targets: Targets) -> None:
    unknown = sorted(set(targets.answers) - set(base.labels)) if base.labels else []
    if unknown:
        some = ", ".join(base.labels[:6]) + (", ..." if len(base.labels) > 6 else "")
        raise ConfigError(
            f"{unknown[0]!r} is no label of the model",
            where="targets",
            instead=f"name answers among its labels: {some}",
        )


def _hashes(base: BaseModel, targets: Targets) -> dict[str, str]:
    return {"targets": targets.content_hash, "model": base.fingerprint}
