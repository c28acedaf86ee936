"""What doctor says of sessions."""

from __future__ import annotations

from typing import Any

import pytest

from alcove.app.install.checks import Outcome
from alcove.app.install.sessionchecks import check_builders, check_kind, check_session_images
from alcove.app.install.statuses import Installation
from alcove.kube.client import Object

NAMESPACES = [{"metadata": {"name": name}} for name in ("azds", "azds-build")]
BUILT = [{"name": "alcove-build", "state": {"terminated": {"exitCode": 0}}}]


def seen(*pods: Object, namespaces: list[Object] = NAMESPACES, hidden: bool = False) -> Installation:
    return Installation({}, {}, None, None, namespaces, None if hidden else pods)


def builder(**state: Any) -> Object:
    meta = {"name": "builder-a", "namespace": "azds-build"}
    return {"metadata": meta, "status": {"containerStatuses": [{"name": "builder", "state": state}]}}


def session_pod(reason: str, message: str = "", inits: list[Object] = BUILT) -> Object:
    waiting = {"name": "app", "state": {"waiting": {"reason": reason, "message": message}}}
    return {
        "metadata": {"name": "web", "namespace": "dev", "labels": {"alcove.dev/session": "s"}},
        "spec": {"nodeName": "n1"},
        "status": {"initContainerStatuses": inits, "containerStatuses": [waiting]},
    }


def test_a_cluster_that_does_not_know_sessions_is_told_of() -> None:
    assert check_kind(served=True).outcome is Outcome.OK
    assert "alcove up" in check_kind(served=False).told


@pytest.mark.parametrize(
    ("installation", "outcome", "told"),
    [
        (seen(), Outcome.OK, "none is needed now"),
        (seen(builder(running={})), Outcome.WARN, "runs and is not ready"),
        (seen(builder(waiting={"reason": "ErrImagePull", "message": "no such"})), Outcome.WARN, "no such"),
        (seen(hidden=True), Outcome.SKIP, "may not list"),
        (seen(namespaces=NAMESPACES[:1]), Outcome.FAIL, "no namespace 'azds-build'"),
    ],
)
def test_builders_that_fail_are_named(installation: Installation, outcome: Outcome, told: str) -> None:
    check = check_builders(installation, ())
    assert check.outcome is outcome and told in check.told


def test_what_warned_of_a_builder_that_is_ready_is_over() -> None:
    well = builder(running={})
    well["status"] |= {"conditions": [{"type": "Ready", "status": "True"}], "phase": "Running"}
    event = {
        "type": "Warning",
        "reason": "Unhealthy",
        "message": "x",
        "involvedObject": {"name": "builder-a"},
    }
    assert check_builders(seen(well), [event]).told == "1 builder"


def test_a_builder_that_cannot_even_be_made_is_found_in_the_events() -> None:
    event = {"type": "Warning", "reason": "Failed", "message": "quota", "involvedObject": {"name": "x"}}
    assert "quota" in check_builders(seen(), [event]).told


@pytest.mark.parametrize(
    ("pod", "told"),
    [
        (session_pod("ErrImageNeverPull", "does not have the proper credentials"), "who pulled it"),
        (session_pod("ErrImageNeverPull", "is not present"), "it is not there"),
        (session_pod("ErrImageNeverPull", inits=[]), ""),
        (session_pod("CrashLoopBackOff"), ""),
    ],
)
def test_a_kubelet_that_refuses_what_was_built_is_told_of(pod: Object, told: str) -> None:
    check = check_session_images(seen(pod))
    assert told in check.told and (check.outcome is Outcome.FAIL) == bool(told)
    assert check_session_images(seen(hidden=True)).outcome is Outcome.SKIP
