"""What a namespace demands of each container (LimitRange), and how ours keep to it.

A container outside of these bounds is refused, and the user's pod with it; its controller would fail in
silence. So what we ask for gives way, however little is left.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from alcove.admission import markers
from alcove.admission.quantities import parse_quantity
from alcove.admission.settings import Resources

Amounts = Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Amounts by resource name; a name that is not there is not bounded."""

    least: Amounts = field(default_factory=dict)
    most: Amounts = field(default_factory=dict)
    ratio: Amounts = field(default_factory=dict)
    """How many times its request a limit may be."""


UNBOUNDED = Bounds()


def observe_bounds(limit_ranges: Iterable[Mapping[str, Any]]) -> Bounds:
    """Give the tightest bounds that the LimitRanges of one namespace set for its containers."""
    least: dict[str, Decimal] = {}
    most: dict[str, Decimal] = {}
    ratio: dict[str, Decimal] = {}
    for limit_range in limit_ranges:
        for entry in markers.sequence(markers.mapping(limit_range, "spec"), "limits"):
            if entry.get("type") == "Container":
                _tighten(least, entry, "min", max)
                _tighten(most, entry, "max", min)
                _tighten(ratio, entry, "maxLimitRequestRatio", min)
    return Bounds(least, most, ratio)


def amounts_of(section: Mapping[str, Any]) -> dict[str, Decimal]:
    """Give quantities as numbers; what is none is left out."""
    parsed = {name: parse_quantity(quantity) for name, quantity in section.items()}
    return {name: amount for name, amount in parsed.items() if amount is not None}


def fit(resources: Resources, bounds: Bounds) -> Resources:
    """Give the resources within the bounds; amounts that fit keep their spelling."""
    requests, limits = dict(resources.requests), dict(resources.limits)
    for name in resources.limits.keys() | resources.requests.keys():
        least = bounds.least.get(name, Decimal(0))
        most = bounds.most.get(name)
        limit = parse_quantity(limits.get(name))
        if limit is not None:
            limit = max(limit if most is None else min(limit, most), least)
            limits[name] = _spelled(name, limit, limits[name])
        request = parse_quantity(requests.get(name))
        if request is not None:
            wanted = _fitting_request(request, limit, least=least, ratio=bounds.ratio.get(name))
            requests[name] = _spelled(name, wanted, requests[name])
    return Resources(requests, limits)


def _fitting_request(
    request: Decimal, limit: Decimal | None, *, least: Decimal, ratio: Decimal | None
) -> Decimal:
    if limit is None:
        return max(request, least)
    if ratio:
        least = max(least, limit / ratio)
    return min(max(request, least), limit)


def _tighten(
    found: dict[str, Decimal],
    entry: Mapping[str, Any],
    key: str,
    choose: Callable[[Decimal, Decimal], Decimal],
) -> None:
    for name, amount in amounts_of(markers.mapping(entry, key)).items():
        found[name] = choose(found[name], amount) if name in found else amount


def _spelled(name: str, amount: Decimal, spelling: str) -> str:
    """Write an amount, rounded up to what the resource is counted in."""
    if parse_quantity(spelling) == amount:
        return spelling
    return f"{math.ceil(amount * 1000)}m" if name == "cpu" else str(math.ceil(amount))
