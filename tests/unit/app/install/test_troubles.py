"""What is wrong with pods, in the cluster's own words."""

from __future__ import annotations

from typing import Any

import pytest

from alcove.app.install.troubles import find_troubles
from alcove.kube.client import Object


def pod(**status: Any) -> Object:
    return {"metadata": {"name": "p"}, "status": status}


def container(state: Object, **more: Any) -> Object:
    return {"name": "c", "state": state, **more}


def event(name: str, message: str, moment: str, *, kind: str = "Warning") -> Object:
    about = {"involvedObject": {"name": name}, "reason": "Failed", "message": message}
    return {**about, "type": kind, "lastTimestamp": moment}


UNSCHEDULED = [{"type": "PodScheduled", "status": "False", "message": "no node fits"}]
RUNNING: Object = {"running": {}}
NO_IMAGE = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
STARTED_BADLY = {"terminated": {"exitCode": 128, "reason": "StartError", "message": "no such file"}}
BACK_OFF = {"waiting": {"reason": "CrashLoopBackOff"}}


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ({"containerStatuses": [container(RUNNING, ready=True)]}, []),
        ({"initContainerStatuses": [container({"waiting": {"reason": "PodInitializing"}})]}, []),
        ({"initContainerStatuses": [container({"terminated": {"exitCode": 0}})]}, []),
        ({"containerStatuses": [container(NO_IMAGE)]}, ["p/c: ImagePullBackOff: no such image"]),
        ({"containerStatuses": [container(RUNNING, ready=False)]}, ["p/c: it runs and is not ready"]),
        (
            {"containerStatuses": [container({"terminated": {"exitCode": 2}})]},
            ["p/c: it has ended, exit code 2"],
        ),
        (
            {"containerStatuses": [container(BACK_OFF, lastState=STARTED_BADLY)]},
            ["p/c: CrashLoopBackOff, exit code 128 (StartError: no such file)"],
        ),
        ({"conditions": UNSCHEDULED}, ["p: no node fits"]),
        ({"phase": "Failed", "reason": "Evicted"}, ["p: Evicted"]),
    ],
)
def test_a_pod_tells_what_is_wrong(status: dict[str, Any], told: list[str]) -> None:
    assert [str(one) for one in find_troubles([pod(**status)], [])] == told


def test_a_pod_that_is_ending_is_nobodys_trouble() -> None:
    ending = {"metadata": {"name": "p", "deletionTimestamp": "now"}, "status": {"phase": "Failed"}}
    assert find_troubles([ending], []) == ()


def test_warnings_speak_where_pods_do_not() -> None:
    events = [event("p", "second", "2"), event("p", "first", "1"), event("other", "else", "3")]
    found = find_troubles([pod()], [*events, event("p", "fine", "4", kind="Normal")])
    assert [str(one) for one in found] == ["p: Failed: first", "p: Failed: second"]
    assert [one.pod for one in find_troubles([], events)] == ["p", "p", "other"]
    broken = pod(containerStatuses=[container(NO_IMAGE)])
    assert len(find_troubles([broken], events)) == 1
