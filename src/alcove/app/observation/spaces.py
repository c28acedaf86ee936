"""Namespaces that are spaces, and the addresses that stand for Services removed from them.

``alcove.dev/aliases`` is a JSON object by address::

    {"10.96.0.7": {"service": "web",
                   "ports": [{"number": 80, "target": 8080, "name": "http", "protocol": "http"}]}}

``ports`` may be missing: nobody wrote them down.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from alcove.admission.markers import PARENT_LABEL, SPACE_LABEL, Object, mapping
from alcove.app.observation.reports import (
    Complain,
    read_address,
    read_label,
    read_objects,
    read_port,
    text,
)
from alcove.model import Alias, Port, Protocol, ServiceName, Space, SpaceName

ALIASES_ANNOTATION = "alcove.dev/aliases"


def observe_space(item: Object, complain: Complain) -> Space | None:
    """Give the space that a namespace is, None when it is none."""
    labels = mapping(item, "metadata", "labels")
    if labels.get(SPACE_LABEL) != "true":
        return None
    name = read_label(mapping(item, "metadata").get("name"), "its name", complain)
    if not name:
        return None
    parent = labels.get(PARENT_LABEL)
    if parent is not None and not isinstance(parent, str):
        complain(f"{PARENT_LABEL} is no text")
    written = mapping(item, "metadata", "annotations").get(ALIASES_ANNOTATION)
    aliases = {} if written is None else parse_aliases(written, complain)
    # A parent that cannot exist stays: the tree tells whoever asks that it does not count.
    return Space(SpaceName(name), SpaceName(text(parent)) if text(parent) else None, aliases)


def parse_aliases(written: object, complain: Complain) -> Mapping[str, Alias]:
    """Read the annotation; an entry that has no meaning is left out and complained of."""
    document = _parse(written)
    if not isinstance(document, dict):
        complain(f"{ALIASES_ANNOTATION} is no JSON object")
        return {}

    def complain_there(why: str) -> None:
        complain(f"{ALIASES_ANNOTATION}: {why}")

    found: dict[str, Alias] = {}
    for key in sorted(document):
        address = read_address(key, "a key", complain_there)
        alias = _observe_alias(document[key], complain_there) if address else None
        if alias is not None:
            found.setdefault(address, alias)
    return found


def render_aliases(aliases: Mapping[str, Alias]) -> str:
    """Write the annotation; equal aliases give equal texts."""
    document = {
        address: {"service": alias.service} | ({"ports": [*map(_render, alias.ports)]} if alias.ports else {})
        for address, alias in aliases.items()
    }
    return json.dumps(document, sort_keys=True)


def _parse(written: object) -> Any:
    try:
        return json.loads(text(written))
    except (ValueError, RecursionError):
        return None


def _observe_alias(entry: object, complain: Complain) -> Alias | None:
    if not isinstance(entry, dict):
        complain("an entry is no object")
        return None
    service = read_label(entry.get("service"), "service", complain)
    read = [_observe_port(port, complain) for port in read_objects(entry, "ports", complain)]
    ports = tuple(port for port in read if port is not None)
    return Alias(ServiceName(service), ports) if service else None


def _observe_port(entry: Object, complain: Complain) -> Port | None:
    number = read_port(entry.get("number"), "number", complain)
    target = read_port(entry.get("target", number), "target", complain)
    try:
        protocol = Protocol(entry.get("protocol", "auto"))
    except ValueError:
        complain("protocol is not one of http, tcp, auto")
        protocol = Protocol.AUTO
    if number is None or target is None:
        return None
    return Port(number, target, text(entry.get("name")), protocol)


def _render(port: Port) -> dict[str, Any]:
    return {
        "number": port.number,
        "target": port.target,
        "name": port.name,
        "protocol": port.protocol.value,
    }
