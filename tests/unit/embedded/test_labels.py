"""Selectors of API objects."""

from __future__ import annotations

from typing import Any

import pytest

from alcove.embedded.labels import selects, selects_map

LABELS = {"app": "web", "tier": "front"}


def expression(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        (None, False),
        ({}, True),
        ({"matchLabels": {"app": "web"}}, True),
        ({"matchLabels": {"app": "db"}}, False),
        (expression("app", "In", "web", "db"), True),
        (expression("app", "In", "db"), False),
        (expression("app", "NotIn", "db"), True),
        (expression("none", "NotIn", "db"), True),
        (expression("app", "NotIn", "web"), False),
        (expression("app", "Exists"), True),
        (expression("none", "Exists"), False),
        (expression("none", "DoesNotExist"), True),
        (expression("app", "DoesNotExist"), False),
        (expression("app", "Unheard"), False),
        ({"matchLabels": {"app": "web"}, **expression("tier", "In", "back")}, False),
    ],
)
def test_a_label_selector_matches_what_kubernetes_says(selector: Any, expected: bool) -> None:
    assert selects(selector, LABELS) is expected


@pytest.mark.parametrize(
    ("selector", "expected"),
    [(None, False), ({}, False), ({"app": "web"}, True), ({"app": "web", "x": "y"}, False)],
)
def test_a_plain_selector_matches_nothing_when_empty(selector: Any, expected: bool) -> None:
    assert selects_map(selector, LABELS) is expected
