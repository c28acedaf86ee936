"""Values that a Go server reads into something else than text, and so writes in one form only.

Those are amounts (``format: quantity``) and bytes (``format: byte``, base64). Most kinds have none: a node
knows which of its fields lead to any, so that objects are walked only where there are some.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from alcove.embedded.schema import quantities
from alcove.embedded.schema.nodes import Node

_FORMATS = frozenset({"quantity", "byte"})


class FormError(ValueError):
    """A value cannot be read; the text is what the server says."""


class WireForms:
    """Rewrites objects of built-in kinds."""

    def __init__(self) -> None:
        """Know of no node yet."""
        self._leading: dict[Node, bool] = {}

    def normal(self, node: Node, value: Any) -> Any:
        """Give the value with every amount and all bytes in their one form; itself when they are.

        Raises:
            FormError: one of them cannot be read.
        """
        if value is None or not self._leads(node):
            return value
        if node.source.get("format") in _FORMATS:
            return _normal_text(node.source["format"], value)
        if isinstance(value, list):
            items = node.items()
            changed = [self.normal(items, entry) for entry in value] if items is not None else value
            return value if all(new is old for new, old in zip(changed, value, strict=True)) else changed
        if not isinstance(value, dict):
            return value
        result = value
        for name, entry in value.items():
            child = node.field(name)
            kept = entry if child is None else self.normal(child, entry)
            if kept is not entry:
                result = dict(value) if result is value else result
                result[name] = kept
        return result

    def _leads(self, node: Node) -> bool:
        known = self._leading.get(node)
        if known is None:
            self._leading[node] = False  # for recursive definitions
            known = self._leading[node] = node.source.get("format") in _FORMATS or any(
                child is not None and self._leads(child) for child in _children(node)
            )
        return known


def _children(node: Node) -> list[Node | None]:
    named = [node.field(name) for name in node.properties]
    if isinstance(node.source.get("additionalProperties"), dict):
        named.append(node.field(""))
    return [*named, node.items() if node.type == "array" else None]


def _normal_text(form: str, value: Any) -> Any:
    if form == "byte":
        return _normal_bytes(value) if isinstance(value, str) else value
    text = quantities.canonical(str(value)) if not isinstance(value, bool) else None
    if text is None:
        raise FormError(quantities.COMPLAINT)
    return value if text == value else text


def _normal_bytes(text: str) -> str:
    plain = text.replace("\n", "").replace("\r", "")
    try:
        base64.b64decode(plain, validate=True)
    except (binascii.Error, ValueError):
        raise FormError("illegal base64 data at input byte 0") from None
    return text if plain == text else plain
