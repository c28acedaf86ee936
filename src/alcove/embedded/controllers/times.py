"""Kubernetes' times as seconds since the epoch, and conditions that remember when they changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from alcove.embedded.events import timestamp
from alcove.embedded.objects import Object, metadata

Condition = dict[str, Any]


def seconds_of(text: Any) -> float | None:
    """Read an RFC 3339 time; None when it is none."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


def created_at(item: Object) -> float:
    """Give the time at which the object was created; 0 when it does not tell."""
    return seconds_of(metadata(item).get("creationTimestamp")) or 0.0


def earliest(*times: float | None) -> float | None:
    """Give the first of the times there are."""
    return min((at for at in times if at is not None), default=None)


def find_condition(conditions: Iterable[Condition] | None, kind: str) -> Condition | None:
    """Give the condition of this type."""
    return next((one for one in conditions or () if one.get("type") == kind), None)


def is_true(conditions: Iterable[Condition] | None, kind: str) -> bool:
    """Whether there is such a condition with status ``True``."""
    return (find_condition(conditions, kind) or {}).get("status") == "True"


def with_condition(conditions: Sequence[Condition] | None, new: Condition, now: float) -> list[Condition]:
    """Give the conditions with ``new`` (type, status, reason, message) in its place.

    ``lastTransitionTime`` moves only when the status does; nothing moves when nothing differs.
    """
    kept = list(conditions or ())
    old = find_condition(kept, new["type"])
    moved = old is None or old.get("status") != new["status"]
    since = timestamp(now) if old is None or moved else old.get("lastTransitionTime", timestamp(now))
    new = {**(old or {}), **new, "lastTransitionTime": since}
    if old is None:
        return [*kept, new]
    return [new if one is old else one for one in kept]


def without_condition(conditions: Sequence[Condition] | None, kind: str) -> list[Condition]:
    """Give the conditions without those of this type."""
    return [one for one in conditions or () if one.get("type") != kind]
