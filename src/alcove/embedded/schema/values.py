"""Checks the values of custom resources against their structural schemas.

Not evaluated: CEL rules (``x-kubernetes-validations``), and patterns in Go's syntax that Python does not
know.
"""

from __future__ import annotations

import datetime
import ipaddress
import re
import uuid
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from alcove.embedded.faults import Cause
from alcove.embedded.schema import causes, syntax
from alcove.embedded.schema.nodes import Node

_JSON_NAMES = {str: "string", bool: "boolean", int: "integer", float: "number", dict: "object", list: "array"}


def check_value(node: Node, value: Any, path: str = "") -> Iterator[Cause]:
    """Yield what is wrong with a value; parts that structural schemas do not describe are right."""
    if not node.structural or (value is None and (node.nullable or not node.type)):
        return
    if not fits_type(node, value):
        kind = "integer,string" if node.int_or_string else node.type
        got = _JSON_NAMES.get(type(value), "null")
        yield causes.wrong_type(path, got, f'{_body(path)} must be of type {kind}: "{got}"')
        return
    source = node.source
    if "enum" in source and value not in source["enum"]:
        yield causes.not_supported(path, value, source["enum"])
    if isinstance(value, str):
        yield from _check_text(source, value, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _check_number(source, value, path)
    elif isinstance(value, list):
        yield from _check_list(node, value, path)
    elif isinstance(value, dict):
        yield from _check_object(node, value, path)
    yield from _check_branches(node, value, path)


def fits_type(node: Node, value: Any) -> bool:
    """Tell whether the value is of the schema's type; a number without fraction is an integer."""
    if node.int_or_string:
        return isinstance(value, int | str) and not isinstance(value, bool)
    if not node.type:
        return True
    if node.type == "integer" and isinstance(value, float):
        return value.is_integer()
    return type(value) in node.python_types


def _body(path: str) -> str:
    return f"{path} in body" if path else "in body"


def _invalid(path: str, value: Any, why: str) -> Cause:
    return causes.invalid(path, value, f"{_body(path)} {why}")


# --------------------------------------------------------------------------------------------- scalars


def _check_text(source: dict[str, Any], value: str, path: str) -> Iterator[Cause]:
    if "maxLength" in source and len(value) > source["maxLength"]:
        yield causes.too_long(path, source["maxLength"])
    if "minLength" in source and len(value) < source["minLength"]:
        yield _invalid(path, value, f"should be at least {source['minLength']} chars long")
    pattern = _compiled(source["pattern"]) if isinstance(source.get("pattern"), str) else None
    if pattern is not None and not pattern.search(value):
        yield _invalid(path, value, f"should match '{source['pattern']}'")
    name = source.get("format")
    check = _FORMATS.get(name) if isinstance(name, str) else None
    if check is not None and not check(value):
        yield _invalid(path, value, f"must be of type {name}: {causes.shown(value)}")


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    # Go's $ is the end of the text, Python's also stands before a last newline.
    if pattern.endswith("$") and not pattern.endswith("\\$"):
        pattern = f"{pattern[:-1]}\\Z"
    try:
        return re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return None


def _check_number(source: dict[str, Any], value: float, path: str) -> Iterator[Cause]:
    low, high, step = (source.get(name) for name in ("minimum", "maximum", "multipleOf"))
    if low is not None:
        if source.get("exclusiveMinimum") and value <= low:
            yield _invalid(path, value, f"should be greater than {low}")
        elif value < low:
            yield _invalid(path, value, f"should be greater than or equal to {low}")
    if high is not None:
        if source.get("exclusiveMaximum") and value >= high:
            yield _invalid(path, value, f"should be less than {high}")
        elif value > high:
            yield _invalid(path, value, f"should be less than or equal to {high}")
    if step and abs(value / step - round(value / step)) > 1e-9:
        yield _invalid(path, value, f"should be a multiple of {step}")
    bits = {"int32": 31, "int64": 63}.get(str(source.get("format")))
    if bits is not None and not -(2**bits) <= value < 2**bits:
        yield _invalid(path, value, f"must be of type {source['format']}: {causes.shown(str(value))}")


# ----------------------------------------------------------------------------------------- structures


def _check_list(node: Node, value: list[Any], path: str) -> Iterator[Cause]:
    source = node.source
    if "maxItems" in source and len(value) > source["maxItems"]:
        yield causes.too_many(path, len(value), source["maxItems"])
    if "minItems" in source and len(value) < source["minItems"]:
        yield _invalid(path, len(value), f"should have at least {source['minItems']} items")
    if node.list_type in ("set", "map"):
        yield from _check_unique(node, value, path)
    items = node.items()
    if items is not None:
        for index, entry in enumerate(value):
            yield from check_value(items, entry, f"{path}[{index}]")


def _check_unique(node: Node, value: list[Any], path: str) -> Iterator[Cause]:
    seen: set[str] = set()
    for index, entry in enumerate(value):
        key = entry
        if node.list_type == "map":
            if not isinstance(entry, dict):
                continue
            key = {name: entry[name] for name in node.list_map_keys if name in entry}
        mark = causes.shown(key)
        if mark in seen:
            yield causes.duplicate(f"{path}[{index}]", key)
        seen.add(mark)


def _check_object(node: Node, value: dict[str, Any], path: str) -> Iterator[Cause]:
    source = node.source
    if "maxProperties" in source and len(value) > source["maxProperties"]:
        yield causes.too_many(path, len(value), source["maxProperties"])
    if "minProperties" in source and len(value) < source["minProperties"]:
        yield _invalid(path, len(value), f"should have at least {source['minProperties']} properties")
    for name in node.required:
        if name not in value:
            yield causes.required(causes.join(path, name))
    for name, entry in value.items():
        child = node.field(name)
        if child is not None:
            yield from check_value(child, entry, causes.join(path, name))


def _check_branches(node: Node, value: Any, path: str) -> Iterator[Cause]:
    source, quoted = node.source, causes.shown(path)
    for branch in node.branches("allOf") if "allOf" in source else ():
        yield from check_value(branch, value, path)
    if "anyOf" in source and not any(_holds(each, value) for each in node.branches("anyOf")):
        yield causes.invalid(path, "", f"{quoted} must validate at least one schema (anyOf)")
    if "oneOf" in source:
        count = sum(_holds(each, value) for each in node.branches("oneOf"))
        if count != 1:
            found = "none valid" if count == 0 else f"{count} valid alternatives"
            why = f"{quoted} must validate one and only one schema (oneOf). Found {found}"
            yield causes.invalid(path, "", why)
    if "not" in source and any(_holds(each, value) for each in node.branches("not")):
        yield causes.invalid(path, "", f"{quoted} must not validate the schema (not)")


def _holds(node: Node, value: Any) -> bool:
    return next(check_value(node, value), None) is None


# --------------------------------------------------------------------------------------------- formats


def _parses(parse: Callable[[str], Any]) -> Callable[[str], bool]:
    def check(value: str) -> bool:
        try:
            parse(value)
        except ValueError:
            return False
        return True

    return check


def _is_uri(value: str) -> bool:
    return bool(value) and _parses(urlsplit)(value) and bool(urlsplit(value).scheme or value.startswith("/"))


_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:?\d\d)")
_DURATION = re.compile(r"[+-]?((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h|d|w))+|0")
_EMAIL = re.compile(r"[^@\s<>]+@[^@\s<>]+")
_HOSTNAME = re.compile(
    r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)
_MAC = re.compile(r"[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5,7}")

_FORMATS: dict[str, Callable[[str], bool]] = {
    "byte": lambda value: not syntax.base64_text(value),
    "cidr": lambda value: (
        "/" in value and _parses(lambda text: ipaddress.ip_network(text, strict=False))(value)
    ),
    "date": _parses(datetime.date.fromisoformat),
    "date-time": lambda value: (
        bool(_DATE_TIME.fullmatch(value)) and _parses(datetime.datetime.fromisoformat)(value)
    ),
    "duration": lambda value: bool(_DURATION.fullmatch(value)),
    "email": lambda value: bool(_EMAIL.fullmatch(value)),
    "hostname": lambda value: bool(_HOSTNAME.fullmatch(value)),
    "ipv4": _parses(ipaddress.IPv4Address),
    "ipv6": _parses(ipaddress.IPv6Address),
    "mac": lambda value: bool(_MAC.fullmatch(value)),
    "uri": _is_uri,
    "uuid": _parses(uuid.UUID),
}
"""Formats that are checked; others mean nothing, as in Kubernetes."""
