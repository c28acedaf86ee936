"""What a property may hold, as values: the same shapes check a file and make the schema for editors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alcove.config.azds.nodes import Items, Node, Scalar, Tree, describe
from alcove.config.azds.problems import Problems, known_are, quoted, suggestion

JsonSchema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Text:
    """One text; numbers and booleans count as they are written."""

    example: str = ""


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false; a text that the environment gives is one of these words."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few values."""

    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list, all items alike."""

    item: Shape
    example: str
    """How to write one, for people who wrote a single item."""


@dataclass(frozen=True, slots=True)
class MapOf:
    """A mapping with names of the user's."""

    value: Shape


@dataclass(frozen=True, slots=True)
class AnyTree:
    """A mapping with whatever the chart takes."""


@dataclass(frozen=True, slots=True)
class Field:
    """One property."""

    shape: Shape
    about: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """A mapping with known properties."""

    fields: Mapping[str, Field]


Shape = Text | Flag | Choice | ListOf | MapOf | AnyTree | Record


def check(node: Node, shape: Shape, where: str, problems: Problems) -> None:
    """Note whatever in ``node`` is not of its shape; ``where`` is its name in messages.

    A mapping or list without content is as good as none.
    """
    if (
        isinstance(node, Scalar)
        and node.value is None
        and isinstance(shape, ListOf | MapOf | AnyTree | Record)
    ):
        return
    match shape, node:
        case (Record(), Tree()):
            _check_record(node, shape, where, problems)
        case (MapOf(value=value), Tree()):
            for entry in node.entries.values():
                check(entry.node, value, _join(where, entry.key), problems)
        case (ListOf(item=item), Items()):
            for index, one in enumerate(node.nodes):
                check(one, item, f"{where}[{index}]", problems)
        case (Text() | Flag() | Choice(), Scalar()):
            _check_scalar(node, shape, where, problems)
        case (AnyTree(), Tree()):
            pass
        case _:
            hint = f"write it as a list: {shape.example}" if isinstance(shape, ListOf) else ""
            problems.add(node.line, f"{where} must be {_kind(shape)}, not {describe(node)}", hint)


def _check_record(tree: Tree, shape: Record, where: str, problems: Problems) -> None:
    for key, entry in tree.entries.items():
        if known := shape.fields.get(key):
            check(entry.node, known.shape, _join(where, key), problems)
        else:
            of = f" of {where}" if where else ""
            found = suggestion(key, shape.fields) or f": {known_are(shape.fields)}"
            problems.add(entry.line, f"unknown property {quoted(key)}{of}{found}")
    for key, known in shape.fields.items():
        if known.required and key not in tree.entries:
            problems.add(tree.line, f"{_join(where, key)} is missing", known.about)


def _check_scalar(node: Scalar, shape: Text | Flag | Choice, where: str, problems: Problems) -> None:
    match shape:
        case Flag():
            if not (isinstance(node.value, bool) or "$" in node.text):
                problems.add(node.line, f"{where} must be true or false, not {describe(node)}")
        case Text():
            if node.value is None:
                problems.add(
                    node.line, f"{where} has no value", 'give it one ("" is the empty text), or leave it out'
                )
            elif "\0" in node.text:
                problems.add(node.line, f"{where} holds a NUL character")
        case Choice(values=values):
            if isinstance(node.value, bool) or node.value not in values:
                known = [value for value in values if isinstance(value, str)]
                close = suggestion(node.text, known)
                problems.add(node.line, f"unknown {where} {quoted(node.text)}{close}", known_are(known))


def _join(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _kind(shape: Shape) -> str:
    match shape:
        case ListOf():
            return "a list"
        case Record() | MapOf() | AnyTree():
            return "a mapping"
        case Flag():
            return "true or false"
    return "one text"


def json_schema(shape: Shape) -> JsonSchema:
    """Give the shape as a JSON Schema (draft 7)."""
    match shape:
        case Flag():
            return {"anyOf": [{"type": "boolean"}, {"type": "string", "pattern": r"\$"}]}
        case Choice(values=values):
            return {"enum": list(values)}
        case ListOf(item=item):
            return {"type": ["array", "null"], "items": json_schema(item)}
        case MapOf(value=value):
            return {"type": ["object", "null"], "additionalProperties": json_schema(value)}
        case AnyTree():
            return {"type": ["object", "null"]}
        case Record(fields=fields):
            return _record_schema(fields)
    return {"type": ["string", "number", "boolean"]}


def _record_schema(fields: Mapping[str, Field]) -> JsonSchema:
    properties = {
        key: {"description": field.about, **json_schema(field.shape)} for key, field in fields.items()
    }
    required = [key for key, field in fields.items() if field.required]
    return {
        "type": ["object", "null"],
        "properties": properties,
        "additionalProperties": False,
        **({"required": required} if required else {}),
    }
