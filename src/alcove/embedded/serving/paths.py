"""What a URL path asks for, by the API's path grammar.

::

    /api/v1/[namespaces/NS/]RESOURCE[/NAME[/SUBRESOURCE]]
    /apis/GROUP/VERSION/[namespaces/NS/]RESOURCE[/NAME[/SUBRESOURCE]]

Everything else is a *non-resource* path (``/version``, ``/apis/apps``), authorized by its text. The grammar
knows no resources: whether one exists is asked later, of the catalog, so that who may not ask learns nothing.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

_VERBS = {
    "GET": ("list", "get"),
    "HEAD": ("list", "get"),
    "POST": ("create", "create"),
    "PUT": ("update", "update"),
    "PATCH": ("patch", "patch"),
    "DELETE": ("deletecollection", "delete"),
}
_NAMESPACE_SUBRESOURCES = frozenset({"status", "finalize"})


@dataclass(frozen=True, slots=True)
class RequestInfo:
    """What is asked, before it is known whether it exists."""

    verb: str
    path: str
    group: str = ""
    version: str = ""
    resource: str = ""
    """Empty for non-resource paths."""
    namespace: str = ""
    """For an object of ``namespaces`` its own name, as authorizers expect it."""
    name: str = ""
    subresource: str = ""
    rest: str = ""
    """What follows the subresource: only ``proxy`` has it."""


@functools.lru_cache(maxsize=128)
def parse_request(method: str, path: str, *, watch: bool = False) -> RequestInfo:
    """Read a request line; ``watch`` is the query parameter of that name.

    Unknown methods become their lower-case name as the verb, which no resource has.
    """
    parts = path.strip("/").split("/")
    if parts[0] == "api" and len(parts) > 2:
        found = _parse_resource(method, parts[2:], RequestInfo("", path, "", parts[1]))
    elif parts[0] == "apis" and len(parts) > 3:
        found = _parse_resource(method, parts[3:], RequestInfo("", path, parts[1], parts[2]))
    else:
        return RequestInfo(method.lower(), path)
    return replace(found, verb="watch") if watch and found.verb == "list" else found


def _parse_resource(method: str, parts: list[str], about: RequestInfo) -> RequestInfo:
    watched = parts[0] == "watch" and len(parts) > 1
    if watched:
        parts = parts[1:]
    namespace = ""
    if parts[0] == "namespaces" and len(parts) > 1:
        namespace = parts[1]
        if len(parts) > 2 and parts[2] not in _NAMESPACE_SUBRESOURCES:
            parts = parts[2:]
    name = parts[1] if len(parts) > 1 else ""
    without_name, with_name = _VERBS.get(method, (method.lower(), method.lower()))
    return RequestInfo(
        verb="watch" if watched else with_name if name else without_name,
        path=about.path,
        group=about.group,
        version=about.version,
        resource=parts[0],
        namespace=namespace,
        name=name,
        subresource=parts[2] if len(parts) > 2 else "",
        rest="/".join(parts[3:]),
    )
