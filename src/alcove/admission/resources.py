"""What our containers ask for: the installation's defaults, and what a pod's annotation changes of them.

``azds.io/proxy-resources`` is JSON, ``{"Limits": {"cpu": ...}, "Requests": {...}}``, as in Azure Dev Spaces.
A mistake in it costs a warning and never a pod. Nor is a pod made invalid by what is added to it: requests
never exceed limits here, both keep to the namespace's bounds, and a pod whose own budget (``spec.resources``)
has no room for us is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from alcove.admission import markers
from alcove.admission.bounds import Bounds, amounts_of, fit
from alcove.admission.facts import SpaceFacts
from alcove.admission.quantities import parse_quantity
from alcove.admission.settings import InjectionSettings, Resources

_KNOWN = ("cpu", "memory", "ephemeral-storage")
_LARGEST = 1 << 60
_Amounts = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Shares:
    """What our two containers get in one pod."""

    init: Resources
    proxy: Resources
    warnings: tuple[str, ...] = ()
    """What is wrong with the pod's annotation."""


class _MalformedError(Exception):
    """The annotation cannot be used; the message says why. It never leaves this module."""


def share_resources(pod: Mapping[str, Any], facts: SpaceFacts, settings: InjectionSettings) -> Shares:
    """Give what our containers get in a pod of the space."""
    proxy, warnings = proxy_resources(pod, settings.proxy_resources)
    return Shares(fit(settings.init_resources, facts.bounds), fit(proxy, facts.bounds), warnings)


def share_build(pod: Mapping[str, Any], facts: SpaceFacts, settings: InjectionSettings) -> Resources:
    """Give what ``alcove-build`` gets in a pod of the space: it runs alone, so the pod's budget bounds it."""
    budget = amounts_of(markers.mapping(pod, "spec", "resources", "requests"))
    return fit(fit(settings.build_resources, facts.bounds), Bounds(most=budget))


def proxy_resources(pod: Mapping[str, Any], defaults: Resources) -> tuple[Resources, tuple[str, ...]]:
    """Give what the annotation of a pod makes of the defaults, and warnings about it."""
    text = markers.annotations_of(pod).get(markers.RESOURCES_ANNOTATION)
    if text is None:
        return defaults, ()
    told = f"annotation {markers.RESOURCES_ANNOTATION}"
    try:
        limits, requests, unknown = _parse(text)
        merged = _merge(defaults, limits, requests)
    except _MalformedError as error:
        return defaults, (f"{told}: {error}; the proxy gets the defaults",)
    return merged, (f"{told}: ignored {', '.join(unknown)}",) if unknown else ()


def exceeded_budget(pod: Mapping[str, Any], shares: Shares) -> str:
    """Give the resource of which a pod as a whole requests too little to hold us too, or nothing.

    Limits of a pod as a whole bound our containers without being exceeded by them.
    """
    spec = markers.mapping(pod, "spec")
    for name, allowed in amounts_of(markers.mapping(spec, "resources", "requests")).items():
        if _requested(spec, name, shares) > allowed:
            return name
    return ""


def _parse(text: object) -> tuple[_Amounts, _Amounts, list[str]]:
    """Give limits, requests and the keys that mean nothing here."""
    try:
        told = msgspec.json.decode(text if isinstance(text, str) else "")
    except (ValueError, RecursionError) as error:
        raise _MalformedError("it is not JSON") from error
    if not isinstance(told, dict):
        raise _MalformedError("it is not a JSON object")
    found: dict[str, _Amounts] = {"limits": {}, "requests": {}}
    unknown: list[str] = []
    for key, amounts in told.items():
        if key.lower() in found:
            found[key.lower()] = _amounts(key, amounts, unknown)
        else:
            unknown.append(key[:40])
    return found["limits"], found["requests"], unknown


def _amounts(section: str, amounts: object, unknown: list[str]) -> _Amounts:
    if not isinstance(amounts, dict):
        raise _MalformedError(f"its {section} is not a JSON object")
    found = {}
    for key, value in amounts.items():
        name = key.lower()
        if name not in _KNOWN:
            unknown.append(key[:40])
            continue
        quantity = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
        if not _is_countable(name, parse_quantity(quantity)):
            raise _MalformedError(f"its {section}.{name} is not a positive quantity")
        found[name] = quantity
    return found


def _merge(defaults: Resources, limits: _Amounts, requests: _Amounts) -> Resources:
    merged_limits = {**defaults.limits, **limits}
    merged_requests = {**defaults.requests, **requests}
    for name, request in merged_requests.items():
        limit = merged_limits.get(name)
        if limit is None or _amount(request) <= _amount(limit):
            continue
        if name in requests and name in limits:
            raise _MalformedError(f"it requests more {name} than its limit")
        if name in requests:
            merged_limits[name] = request
        else:
            merged_requests[name] = limit
    return Resources(merged_requests, merged_limits)


def _is_countable(name: str, amount: Decimal | None) -> bool:
    """Tell whether it is a number of thousandths of a CPU, or of bytes, that Kubernetes can count to."""
    if not amount or amount > _LARGEST:
        return False
    counted = amount * 1000 if name == "cpu" else amount
    return counted == counted.to_integral_value()


def _amount(quantity: object) -> Decimal:
    return parse_quantity(quantity) or Decimal(0)


def _requested(spec: Mapping[str, Any], name: str, shares: Shares) -> Decimal:
    """Give what a pod would request with us: the most of its start, step by step, and of its life."""
    most = _amount(shares.init.requests.get(name))
    beside = _amount(shares.proxy.requests.get(name))
    for container in markers.sequence(spec, "initContainers"):
        if container.get("name") in markers.CONTAINERS:
            continue
        own = _own_request(container, name)
        if container.get("restartPolicy") == "Always":
            beside += own
        else:
            most = max(most, beside + own)
    apps = (_own_request(container, name) for container in markers.sequence(spec, "containers"))
    return max(most, beside + sum(apps, Decimal(0)))


def _own_request(container: Mapping[str, Any], name: str) -> Decimal:
    return _amount(markers.mapping(container, "resources", "requests").get(name))
