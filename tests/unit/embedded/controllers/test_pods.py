"""What controllers want to know of pods."""

from __future__ import annotations

from typing import Any

import pytest

from alcove.embedded.controllers.pods import count_available, is_active, pod_from_template
from alcove.embedded.controllers.times import seconds_of
from alcove.embedded.objects import Object

SINCE = "2024-01-01T00:00:00Z"
START = seconds_of(SINCE) or 0.0


def ready(since: str = SINCE) -> Object:
    conditions = [{"type": "Ready", "status": "True", "lastTransitionTime": since}]
    return {"metadata": {}, "status": {"phase": "Running", "conditions": conditions}}


@pytest.mark.parametrize(
    ("seconds", "now", "expected"),
    [(0, START, (1, None)), (10, START + 5, (0, START + 10)), (10, START + 10, (1, None))],
)
def test_a_pod_is_available_after_it_was_ready_long_enough(seconds: int, now: float, expected: Any) -> None:
    assert count_available([ready(), {"metadata": {}}], seconds, now) == expected


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        ({"metadata": {}}, True),
        ({"metadata": {"deletionTimestamp": SINCE}}, False),
        ({"metadata": {}, "status": {"phase": "Succeeded"}}, False),
        ({"metadata": {}, "status": {"phase": "Failed"}}, False),
    ],
)
def test_finished_and_ending_pods_do_not_count(pod: Object, expected: bool) -> None:
    assert is_active(pod) is expected


def test_a_template_may_be_changed_by_nobody() -> None:
    owner = {"apiVersion": "v1", "kind": "Owner", "metadata": {"name": "o", "namespace": "n", "uid": "u"}}
    template: Object = {"metadata": {"labels": {"a": "b"}, "finalizers": ["f"]}, "spec": {}}
    pod = pod_from_template(owner, template, name="p")
    pod["metadata"]["labels"]["c"] = "d"
    pod["metadata"]["finalizers"].append("g")
    assert template["metadata"] == {"labels": {"a": "b"}, "finalizers": ["f"]}
