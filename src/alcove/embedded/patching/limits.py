"""What bounds a patch (its nesting, and how far it makes an object grow) and how its errors are told."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import msgspec

from alcove.embedded import faults

MAX_DEPTH = 200
"""Levels of nesting of a patch; the largest Kubernetes schemas have about 20."""

MAX_OPERATIONS = 10_000
"""Operations of one JSON patch, as in Kubernetes."""

MAX_COPIED = 3 * 1024 * 1024
"""Bytes of JSON that the ``copy`` operations of one JSON patch may add up to, as in Kubernetes."""

_P = ParamSpec("_P")
_R = TypeVar("_R")


def decode(body: bytes) -> Any:
    """Give the JSON value of a patch; ApiError 400 when it is none or nested too deeply."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise faults.bad_request(f"error decoding patch: {error}") from error
    except RecursionError as error:
        raise too_deep() from error
    check_depth(value)
    return value


def decode_object(body: bytes) -> dict[str, Any]:
    """Give the JSON object of a patch; ApiError 400 when it is something else."""
    value = decode(body)
    if not isinstance(value, dict):
        raise faults.bad_request(f"error decoding patch: expected an object, got {type_name(value)}")
    return value


def check_depth(value: Any) -> None:
    """Raise ApiError 400 when the value is nested more than ``MAX_DEPTH`` levels."""
    level = [value]
    for _ in range(MAX_DEPTH):
        inner: list[Any] = []
        for part in level:
            if isinstance(part, dict):
                inner.extend(child for child in part.values() if isinstance(child, dict | list))
            elif isinstance(part, list):
                inner.extend(child for child in part if isinstance(child, dict | list))
        if not inner:
            return
        level = inner
    raise too_deep()


def too_deep() -> faults.ApiError:
    """400: nested deeper than anything of Kubernetes."""
    return faults.bad_request(f"the object or patch is nested more than {MAX_DEPTH} levels deep")


def rejected(why: str) -> faults.ApiError:
    """422: the patch is well-formed and cannot be done; ``why`` is told as the cause."""
    return faults.ApiError(
        422,
        "Invalid",
        "the server rejected our request due to an error in our request",
        details={"causes": [{"reason": "FieldValueInvalid", "message": why, "field": "patch"}]},
    )


def bounded(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Turn the stack's end, which an object nested too deeply reaches, into ApiError 400."""

    @functools.wraps(function)
    def within(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return function(*args, **kwargs)
        except RecursionError as error:
            raise too_deep() from error

    return within


def type_name(value: Any) -> str:
    """Name a JSON value's type for people."""
    names = {dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number")
