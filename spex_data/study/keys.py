"""What a key of the configuration is: its values in words, its description, and the tree of all keys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import NoneType
from typing import Annotated, Any, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined


class Section(BaseModel):
    """A mapping of the configuration: frozen, closed to unknown keys, dumped as it is read."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        serialize_by_alias=True,
        coerce_numbers_to_str=True,
        allow_inf_nan=False,
    )


@dataclass(frozen=True)
class StudyKey:
    """One key that a study may set.

    Args:
        path: Dotted path ("training.epochs").
        accepts: The values it takes, in words that can follow "write".
        description: What it decides.
        default: Its value when left out, as it would be written; None also for keys that must be given.
        required: Whether it must be given.
    """

    path: str
    accepts: str
    description: str
    default: Any
    required: bool


def key(default: Any = PydanticUndefined, *, accepts: str, description: str, **constraints: Any) -> Any:
    """A pydantic field that also says in words which values it takes.

    Args:
        default: The value when the key is left out; none given makes the key required.
        accepts: The values it takes, in words that can follow "write".
        description: What it decides, shown in forms and documentation.
        constraints: Further arguments of `pydantic.Field`.

    Returns:
        The field.
    """
    return Field(default, description=description, json_schema_extra={"accepts": accepts}, **constraints)


def accepts_of(field: FieldInfo) -> str:
    """The words that `key` was given for a field's values."""
    section = section_of(field)
    if section is not None:
        return f"a mapping of {', '.join(fields_of(section))}"
    extra = field.json_schema_extra
    return str(extra["accepts"]) if isinstance(extra, dict) else "another value"


def section_of(field: FieldInfo) -> type[Section] | None:
    """The model of a field that holds a section (or null); None for a plain value or a choice of forms."""
    kinds = [kind for kind in get_args(field.annotation) if kind is not NoneType] or [field.annotation]
    only = kinds[0] if len(kinds) == 1 else None
    return only if isinstance(only, type) and issubclass(only, Section) else None


def fields_of(section: type[Section]) -> dict[str, FieldInfo]:
    """The fields of a section by the names they have in the file."""
    return {field.alias or name: field for name, field in section.model_fields.items()}


def walk_keys(section: type[Section], prefix: str = "") -> Iterator[StudyKey]:
    """Every key below a section that takes a value, depth first in the order of declaration.

    Args:
        section: The model to start at.
        prefix: The dotted path of that section.

    Yields:
        One key at a time.
    """
    for name, field in fields_of(section).items():
        inner = section_of(field)
        if inner is not None:
            yield from walk_keys(inner, f"{prefix}{name}.")
        else:
            default = None if field.is_required() else field.get_default(call_default_factory=True)
            yield StudyKey(
                f"{prefix}{name}", accepts_of(field), field.description or "", default, field.is_required()
            )


def _refuse_bool(value: object) -> object:
    if isinstance(value, bool):
        # Without this, pydantic reads true as 1.
        raise ValueError("true and false are no numbers")
    return value


def _as_text(value: object) -> object:
    # A label that YAML reads as a boolean; the data's columns spell it in lower case.
    return str(value).lower() if isinstance(value, bool) else value


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str | int | float) else value


Whole = Annotated[int, BeforeValidator(_refuse_bool)]
Real = Annotated[float, BeforeValidator(_refuse_bool)]
Label = Annotated[str, BeforeValidator(_as_text)]
Labels = Annotated[tuple[Label, ...], BeforeValidator(_as_list)]
Positive = Annotated[Whole, Field(ge=1)]

AT_LEAST_1 = "a whole number of at least 1"
"""What a whole number that counts something accepts, in words."""
