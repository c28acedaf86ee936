"""Kubernetes' numbers that may be percentages."""

from __future__ import annotations

import math
from typing import Any


def resolve_count(value: Any, total: int, *, round_up: bool) -> int:
    """Give the number that an IntOrString means: itself, or that percentage of ``total``."""
    if isinstance(value, str):
        share = float(value.removesuffix("%") or 0) * total / 100
        return math.ceil(share) if round_up else math.floor(share)
    return int(value or 0)
