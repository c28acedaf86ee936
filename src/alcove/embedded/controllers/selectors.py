"""Whether labels match a selector, and Kubernetes' numbers that may be percentages."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def matches_map(selector: Mapping[str, str] | None, labels: Mapping[str, str]) -> bool:
    """Whether a plain selector (Service, ReplicationController) matches; an empty one matches nothing."""
    return bool(selector) and all(labels.get(key) == value for key, value in (selector or {}).items())


def matches(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether a LabelSelector matches; an empty one matches everything, None nothing."""
    if selector is None:
        return False
    wanted: Mapping[str, str] = selector.get("matchLabels") or {}
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    return all(_meets(rule, labels) for rule in selector.get("matchExpressions") or ())


def _meets(rule: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = rule.get("key", ""), rule.get("values") or ()
    match rule.get("operator"):
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
    return False


def resolve_count(value: Any, total: int, *, round_up: bool) -> int:
    """Give the number that an IntOrString means: itself, or that percentage of ``total``."""
    if isinstance(value, str):
        share = float(value.removesuffix("%") or 0) * total / 100
        return math.ceil(share) if round_up else math.floor(share)
    return int(value or 0)
