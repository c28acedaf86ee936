"""Pods as people speak of them."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.app.install.worlds import pod, ready

from alcove.app.install.pods import counted, describe_pod, is_connected, tell_age

NOW = 1_893_456_000.0  # 2030-01-01T00:00:00Z


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ({"conditions": ready()}, "Running"),
        ({}, "Starting"),
        ({"phase": "Pending"}, "Starting"),
        ({"phase": "Failed", "reason": "Evicted"}, "Evicted"),
        ({"containerStatuses": [{"state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}, "CrashLoopBackOff"),
        ({"initContainerStatuses": [{"state": {"waiting": {"reason": "PodInitializing"}}}]}, "Starting"),
    ],
)
def test_what_a_pod_is_doing(status: dict[str, Any], told: str) -> None:
    assert describe_pod(pod("dev", "p", proxied=False, **status)) == told


def test_a_pod_that_is_being_deleted_is_ending() -> None:
    item = pod("dev", "p")
    item["metadata"]["deletionTimestamp"] = "now"
    assert describe_pod(item) == "Terminating"


def test_a_proxy_counts_once_it_has_started() -> None:
    assert is_connected(pod("dev", "p")) and not is_connected(pod("dev", "p", started=False))
    assert not is_connected(pod("dev", "p", proxied=False))


@pytest.mark.parametrize(
    ("moment", "told"),
    [
        ("2029-12-31T23:59:58Z", "2s ago"),
        ("2029-12-31T23:57:30Z", "2m ago"),
        ("2029-12-31T21:00:00Z", "3h ago"),
        ("2029-12-25T00:00:00Z", "7d ago"),
        ("2030-01-01T00:00:09Z", "0s ago"),
        ("", ""),
    ],
)
def test_how_long_ago(moment: str, told: str) -> None:
    assert tell_age(moment, NOW) == told


def test_one_is_not_many() -> None:
    assert counted(1, "pod") == "1 pod" and counted(2, "proxy", "proxies") == "2 proxies"
