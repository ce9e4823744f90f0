"""From a mapping to a study, or to every error in it at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pydantic import ValidationError

from spex_data.errors import ConfigError, SeveralErrors
from spex_data.study.checks import find_conflicts
from spex_data.study.config import StudyConfig, sections
from spex_data.study.keys import fields_of
from spex_data.study.lenses import lens_defaults
from spex_data.study.messages import explain


def parse_study(mapping: Mapping[str, Any]) -> StudyConfig:
    """The study that a mapping describes.

    Args:
        mapping: Keys and values as in the YAML file.

    Returns:
        The study, with defaults filled in.

    Raises:
        SeveralErrors: With one ConfigError for each key that is wrong, missing or unknown, and for each
            conflict between keys.
    """
    if not isinstance(mapping, Mapping) or not mapping:
        found = "is empty" if not mapping else f"is {type(mapping).__name__}, not a mapping"
        raise SeveralErrors(
            [ConfigError(f"the study {found}", instead=f"write the keys {', '.join(fields_of(StudyConfig))}")]
        )
    mapping = lens_defaults(mapping)
    try:
        return StudyConfig.model_validate(mapping)
    except ValidationError as error:
        errors, broken = explain(error, mapping)
        if broken:
            # Pydantic looks at a study as a whole only if every key is right; the user wants to hear it all.
            errors.extend(find_conflicts(_repaired(mapping, broken), broken))
        raise SeveralErrors(errors) from error


def _repaired(mapping: Mapping[str, Any], broken: Collection[str]) -> dict[str, Any]:
    """The sections with what is wrong left out, and an example in place of what must be there."""
    repaired: dict[str, Any] = {"lens": mapping.get("lens", "data")}
    for name, model in sections().items():
        written = mapping.get(name)
        values = {} if name in broken or not isinstance(written, Mapping) else dict(written)
        kept = {key: value for key, value in values.items() if f"{name}.{key}" not in broken}
        for key, field in fields_of(model).items():
            if key not in kept and field.is_required():
                kept[key] = (field.examples or [None])[0]
        repaired[name] = model.model_validate(kept)
    return repaired
