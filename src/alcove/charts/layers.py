"""Values of several origins as one, by their precedence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alcove.charts.errors import ChartError
from alcove.charts.model import Release


def merge_values(release: Release) -> dict[str, Any]:
    """Give what Helm gets as the user's values: mappings merge, everything else replaces, lists too.

    A null stays: that is how Helm is told to forget a default of the chart.

    Raises:
        ChartError: something that should be values is no mapping.
    """
    merged: dict[str, Any] = {}
    for number, layer in enumerate(release.values, 1):
        merged = _merge(merged, _check(layer, f"values file {number} of the release {release.name}"))
    return _merge(merged, _check(release.set, "install.set"))


def _check(layer: object, title: str) -> Mapping[str, Any]:
    """Take nothing at all for no values: an empty file is one."""
    if layer is None:
        return {}
    if not isinstance(layer, Mapping):
        raise ChartError(
            f"{title} is not a mapping",
            cause=f"it holds {type(layer).__name__}",
            hint="values are written as 'name: value'",
        )
    return layer


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        both = isinstance(value, Mapping) and isinstance(under, Mapping)
        merged[key] = _merge(under, value) if both else value  # type: ignore[arg-type]  # `both` says so
    return merged
