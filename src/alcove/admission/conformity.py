"""Whether what stands in a pod under our names is what we would put there.

Between two calls of the webhook the API server fills in defaults, and other webhooks change what they like.
Our own containers, once injected, are kept as they are while they differ from ours by defaults alone;
anything else is put back, so that nobody adds a command, a mount or a capability to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alcove.admission import markers
from alcove.admission.bounds import amounts_of
from alcove.admission.markers import Object

_DEFAULTED = frozenset(("terminationMessagePath", "terminationMessagePolicy", "resources"))


def settle_container(existing: Mapping[str, Any] | None, wanted: Object) -> Object:
    """Give the container as it should be, in the words of ``existing`` where these mean the same."""
    if existing is None or existing.keys() - wanted.keys() - _DEFAULTED:
        return wanted
    plain = {key: value for key, value in wanted.items() if key != "resources"}
    same = _covers(existing, plain) and _same_amounts(existing, wanted)
    return dict(existing) if same else wanted


def settle_volume(existing: Mapping[str, Any] | None, wanted: Object) -> Object:
    """Give the volume as it should be, in the words of ``existing`` where these mean the same."""
    if existing is None or existing.keys() != wanted.keys() or not _covers(existing, wanted):
        return wanted
    return dict(existing)


def _covers(existing: object, wanted: object) -> bool:
    """Tell whether ``existing`` is ``wanted`` with nothing but more keys in its objects."""
    if isinstance(wanted, dict):
        return isinstance(existing, dict) and all(
            key in existing and _covers(existing[key], value) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(existing, list)
            and len(existing) == len(wanted)
            and all(map(_covers, existing, wanted))
        )
    return type(existing) is type(wanted) and existing == wanted


def _same_amounts(existing: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Compare resources by amount: the API server writes 1000m as 1, and adds what a LimitRange demands."""
    found, ours = (markers.mapping(one, "resources") for one in (existing, wanted))
    return not found.get("claims") and all(
        amounts_of(ours[section]).items() <= amounts_of(markers.mapping(found, section)).items()
        for section in ("requests", "limits")
    )
