from __future__ import annotations

from typing import Any

import pytest

from alcove.builds.client import find_builder


def pod(
    node: str = "node-1", *, ready: str = "True", address: str = "10.0.0.5", **meta: Any
) -> dict[str, Any]:
    return {
        "metadata": {"labels": {"app.kubernetes.io/component": "builder"}, **meta},
        "spec": {"nodeName": node},
        "status": {"podIP": address, "conditions": [{"type": "Ready", "status": ready}]},
    }


def test_the_builder_of_a_node_is_found_once_it_is_ready() -> None:
    assert find_builder([pod("node-2"), pod("node-1", address="10.0.0.6")], "node-1") == "10.0.0.6"
    assert find_builder([pod(address="fd00::6")], "node-1") == "[fd00::6]"


@pytest.mark.parametrize(
    "other",
    [
        pod("node-2"),
        pod(ready="False"),
        pod(address=""),
        pod(deletionTimestamp="2026-01-01T00:00:00Z"),
        pod(labels={}),
        {"metadata": {}},
    ],
)
def test_others_do_not_count(other: dict[str, Any]) -> None:
    assert find_builder([other], "node-1") is None
