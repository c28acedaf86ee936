"""Fields, resources and quantities."""

from __future__ import annotations

import contextlib
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.embedded.kubelet.downward import PodFacts, field_value, parse_quantity, resource_value
from alcove.embedded.objects import Object

MAIN: Object = {"name": "main", "resources": {"limits": {"cpu": "1500m", "memory": "64Mi"}}}
POD: Object = {
    "metadata": {"name": "web", "namespace": "space", "uid": "u", "labels": {"b": 'x"y', "a": "1"}},
    "spec": {"containers": [MAIN, {"name": "bare"}], "serviceAccountName": "robot"},
}
FACTS = PodFacts(POD, "node-1", "10.0.0.1", "10.1.0.1", {"cpu": "4", "memory": "8Gi"})


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("metadata.name", "web"),
        ("metadata.namespace", "space"),
        ("metadata.uid", "u"),
        ("metadata.labels['a']", "1"),
        ("metadata.annotations['none']", ""),
        ("metadata.labels", 'a="1"\nb="x\\"y"'),
        ("spec.nodeName", "node-1"),
        ("spec.serviceAccountName", "robot"),
        ("status.hostIP", "10.0.0.1"),
        ("status.podIPs", "10.1.0.1"),
    ],
)
def test_fields_of_the_pod(path: str, expected: str) -> None:
    assert field_value(path, FACTS) == expected


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(ValueError, match="unsupported fieldPath"):
        field_value("spec.x", FACTS)


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ({"containerName": "main", "resource": "limits.cpu"}, "2"),
        ({"containerName": "main", "resource": "limits.cpu", "divisor": "1m"}, "1500"),
        ({"containerName": "main", "resource": "limits.memory", "divisor": "1Mi"}, "64"),
        ({"containerName": "main", "resource": "limits.memory", "divisor": "0"}, "67108864"),
        ({"containerName": "bare", "resource": "limits.cpu"}, "4"),
        ({"containerName": "bare", "resource": "requests.cpu"}, "0"),
    ],
)
def test_resources_in_units_of_the_divisor(reference: Object, expected: str) -> None:
    assert resource_value(reference, FACTS) == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1), ("250m", Fraction(1, 4)), ("1Ki", 1024), ("1.5Gi", 1610612736), ("1e3", 1000), ("2k", 2000)],
)
def test_quantities(text: str, value: Any) -> None:
    assert parse_quantity(text) == value


@given(st.text())
def test_what_is_no_quantity_is_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        parse_quantity(text)
