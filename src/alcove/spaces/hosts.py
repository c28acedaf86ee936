"""Names: of spaces, and of the hosts by which the outside enters one.

An entry host is ``[CHILD.s.]ROOT.SERVICE.SUFFIX``: the part before ``.s.`` names the space whose view is
wanted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from alcove.model import RouteKey, ServiceName, SpaceName

LONGEST_LABEL = 63
LONGEST_HOST = 253
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_MARK = "s"


@dataclass(frozen=True, slots=True)
class EntryHost:
    """A host as the outside asks for it."""

    key: RouteKey | None
    """The space whose view is wanted; None without a prefix."""
    host: str
    """The host without the prefix, lower case, without port and final dot."""


def is_label(text: str) -> bool:
    """Tell whether a text is a DNS label (RFC 1123, lower case), as names of namespaces must be."""
    return len(text) <= LONGEST_LABEL and _LABEL.fullmatch(text) is not None


def is_host(text: str) -> bool:
    """Tell whether a text is a DNS name in lower case, without a wildcard."""
    return len(text) <= LONGEST_HOST and all(map(is_label, text.split(".")))


def parse_host(authority: str) -> EntryHost:
    """Split a Host header or ``:authority``; whatever has no valid prefix is a host without one."""
    host = _without_port(authority.strip().lower()).rstrip(".")
    child, _, rest = host.partition(".")
    mark, _, inner = rest.partition(".")
    if mark == _MARK and inner and is_label(child):
        return EntryHost(RouteKey(child), inner)
    return EntryHost(None, host)


def render_host(host: str, key: RouteKey | None) -> str:
    """Give the host by which ``key``'s view of ``host`` is entered.

    Raises:
        ValueError: the name would be longer than DNS allows (253 characters).
    """
    name = f"{key}.{_MARK}.{host}" if key else host
    if len(name) > LONGEST_HOST:
        raise ValueError(f"{name!r} is longer than {LONGEST_HOST} characters")
    return name


def strip_prefix(host: str, key: RouteKey) -> str:
    """Give a host without the prefix of one space; a host that has another prefix, or none, as it is."""
    parsed = parse_host(host)
    return parsed.host if parsed.key == key else host


def render_service_hosts(
    service: ServiceName, space: SpaceName, *, domain: str = "cluster.local"
) -> tuple[str, ...]:
    """Give every host by which callers inside the cluster spell a Service, the shortest first."""
    return (f"{service}", f"{service}.{space}", f"{service}.{space}.svc", f"{service}.{space}.svc.{domain}")


def _without_port(authority: str) -> str:
    if authority.startswith("["):
        return authority.partition("]")[0][1:]
    host, colon, port = authority.rpartition(":")
    return host if colon and port.isdigit() and ":" not in host else authority
