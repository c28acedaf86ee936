"""What resources consist of: their version, what they refer to, and the parts that they share.

A version is the hash of what it stands for: equal contents have equal versions, and nobody has to compare
them. The table of a large cluster is part of the routes of every space. So it is a ``Part``, as is each of
its entries: found, hashed and, by whoever sends it, encoded once, and kept as long as nothing in it changes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from alcove.routing.envoy.names import REROUTED, REROUTED_HTTP1

_VERSION_LENGTH = 16
_SECRETS = "tls_certificate_sds_secret_configs"


class Part(dict[str, Any]):
    """A piece of a resource, a message of its own, that is never changed once it is made."""

    @cached_property
    def version(self) -> str:
        """The hash of its content."""
        return hash_content(dict(self))

    @cached_property
    def refers(self) -> frozenset[tuple[str, str]]:
        """What it refers to."""
        return frozenset(find_references(dict(self)))


def hash_content(content: object) -> str:
    """Give the version of any JSON value; equal for equal values, whatever their order of keys."""
    text = json.dumps(_outline(content), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:_VERSION_LENGTH]


def find_references(content: object) -> Iterator[tuple[str, str]]:
    """Give what a resource refers to, with the field that does; the scripts that it brings among them."""
    if isinstance(content, Part):
        yield from content.refers
    elif isinstance(content, list):
        for value in content:
            yield from find_references(value)
    elif isinstance(content, dict):
        for field, value in content.items():
            yield from _references_of(field, value)


def has_parts(content: object) -> bool:
    """Tell whether a value holds a part."""
    if isinstance(content, Part):
        return True
    values = content.values() if isinstance(content, dict) else content if isinstance(content, list) else ()
    return any(has_parts(value) for value in values if isinstance(value, dict | list))


def _outline(content: object) -> object:
    """Give the content with each part as its version alone."""
    if isinstance(content, Part):
        return {"part": content.version}
    if isinstance(content, dict):
        return {
            key: _outline(value) if isinstance(value, dict | list) else value
            for key, value in content.items()
        }
    if isinstance(content, list):
        return [_outline(value) if isinstance(value, dict | list) else value for value in content]
    return content


def _references_of(field: str, value: Any) -> Iterator[tuple[str, str]]:
    if field in ("cluster", "route_config_name"):
        yield ("clusters" if field == "cluster" else field), value
    elif field in ("clusters", _SECRETS):
        for each in value:
            yield from ((field, each["name"]),) if "name" in each else find_references(each)
    elif field == "cluster_header":
        yield from (("clusters", name) for name in (REROUTED, REROUTED_HTTP1))
    elif field == "source_codes":
        yield from ((field, name) for name in value)
    elif field == "config" and "name" in value:
        yield field, value["name"]
    else:
        yield from find_references(value)
