"""The route key of a request: three carriers, the first that is present counts.

``azds-route-as`` (Azure Dev Spaces), ``kubernetes-route-as`` (Bridge to Kubernetes), and a member named
``azds-route-as`` of W3C ``baggage``, which OpenTelemetry passes on without code in the application.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from urllib.parse import quote, unquote

from alcove.model import RouteKey

ROUTE_AS = "azds-route-as"
KUBERNETES_ROUTE_AS = "kubernetes-route-as"
BAGGAGE = "baggage"


class Carrier(Enum):
    """Where a key was found."""

    AZDS = ROUTE_AS
    KUBERNETES = KUBERNETES_ROUTE_AS
    BAGGAGE = BAGGAGE


def parse_route_key(headers: Iterable[tuple[str, str]]) -> tuple[RouteKey, Carrier] | None:
    """Give the key and its carrier, None when the request names nobody.

    An empty value counts as absent. Of a header that is repeated the first value counts; lines of
    ``baggage`` are one list, as W3C has it.
    """
    found: dict[str, str] = {}
    for name, value in headers:
        if name.lower() == BAGGAGE and BAGGAGE in found:
            found[BAGGAGE] += f",{value}"
        found.setdefault(name.lower(), value.strip())
    for carrier in (Carrier.AZDS, Carrier.KUBERNETES):
        if found.get(carrier.value):
            return RouteKey(found[carrier.value]), carrier
    member = baggage_member(found.get(BAGGAGE, ""), ROUTE_AS)
    return (RouteKey(member), Carrier.BAGGAGE) if member else None


def baggage_member(baggage: str, name: str) -> str:
    """Give a member's value, percent-decoded; empty when there is none. Malformed members are skipped."""
    for member in baggage.split(","):
        key, sign, rest = member.partition("=")
        if sign and key.strip() == name:
            return unquote(rest.partition(";")[0].strip())
    return ""


def render_baggage(baggage: str, name: str, value: str) -> str:
    """Give the header with the member set to ``value``, all other members untouched and in order."""
    others = [
        member.strip()
        for member in baggage.split(",")
        if member.strip() and member.partition("=")[0].strip() != name
    ]
    return ",".join([*others, f"{name}={quote(value, safe='')}"])
