"""Ways in which a field can be wrong, in the words that Kubernetes has for them.

Clients compare the reasons and people search for the texts, so both are part of the API.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from alcove.embedded.faults import Cause


def shown(value: Any) -> str:
    """Give a value as Kubernetes prints it in messages: JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def required(field: str, why: str = "") -> Cause:
    """It is missing."""
    return Cause("FieldValueRequired", f"Required value: {why}" if why else "Required value", field)


def invalid(field: str, value: Any, why: str) -> Cause:
    """It breaks a rule."""
    return Cause("FieldValueInvalid", f"Invalid value: {shown(value)}: {why}", field)


def wrong_type(field: str, value: Any, why: str) -> Cause:
    """It is of another type than the schema says."""
    return Cause("FieldValueTypeInvalid", f"Invalid value: {shown(value)}: {why}", field)


def not_supported(field: str, value: Any, known: Iterable[Any]) -> Cause:
    """It is none of the values that there are."""
    names = ", ".join(shown(each) for each in known)
    return Cause(
        "FieldValueNotSupported", f"Unsupported value: {shown(value)}: supported values: {names}", field
    )


def duplicate(field: str, value: Any) -> Cause:
    """It stands there twice."""
    return Cause("FieldValueDuplicate", f"Duplicate value: {shown(value)}", field)


def not_found(field: str, value: Any) -> Cause:
    """It refers to something that is not there."""
    return Cause("FieldValueNotFound", f"Not found: {shown(value)}", field)


def forbidden(field: str, why: str) -> Cause:
    """It may not be set, or not be changed."""
    return Cause("FieldValueForbidden", f"Forbidden: {why}", field)


def too_long(field: str, limit: int) -> Cause:
    """It has more than ``limit`` bytes."""
    return Cause("FieldValueTooLong", f"Too long: may not be more than {limit} bytes", field)


def too_many(field: str, count: int, limit: int) -> Cause:
    """It has more than ``limit`` entries."""
    items = "item" if limit == 1 else "items"
    return Cause("FieldValueTooMany", f"Too many: {count}: must have at most {limit} {items}", field)


def immutable(field: str, value: Any) -> Cause:
    """It was changed and must not be."""
    return invalid(field, value, "field is immutable")


def join(path: str, name: str) -> str:
    """Give the path of a property."""
    return f"{path}.{name}" if path else name
