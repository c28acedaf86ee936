"""The pods that were missed."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from tests.unit.admission.worlds import CHILD, SETTINGS, Object, app, injected, pod

from alcove.admission.facts import PodSecurity
from alcove.admission.sweep import Cause, Finding, plan_sweep
from alcove.sessions.ids import Tag, new_session_id

IMAGE = f"shop:{Tag(new_session_id('alice', '0badcafe'), 1)}"
SPACES = {"alice": CHILD}


def living(item: Object, name: str = "p", **meta: Any) -> Object:
    """Give the pod as it is stored."""
    told = {**item["metadata"], "name": name, "namespace": "alice", **meta}
    return {**item, "metadata": told, "status": {"phase": "Running"}}


def old() -> Object:
    return injected_with(version="1.0.0")


def injected_with(version: str) -> Object:
    item = injected(pod())
    item["metadata"]["annotations"]["alcove.dev/injected-version"] = version
    return item


def disordered() -> Object:
    item = injected(pod())
    item["spec"]["initContainers"].insert(0, app("first"))
    return item


@pytest.mark.parametrize(
    ("item", "cause"),
    [
        (living(pod()), Cause.NOT_ASKED),
        (living(pod(hostNetwork=True)), Cause.EXCLUDED),
        (living(disordered()), Cause.OUT_OF_ORDER),
        (living(old()), Cause.OUTDATED),
    ],
)
def test_a_missed_pod_is_found_with_its_cause(item: Object, cause: Cause) -> None:
    (finding,) = plan_sweep([item], SPACES, SETTINGS)
    assert finding.cause is cause
    assert finding.is_mended_by_recreation == (cause in (Cause.NOT_ASKED, Cause.OUTDATED))


@pytest.mark.parametrize(
    "item",
    [
        living(injected(pod())),
        living(pod(metadata={"labels": {"azds.io/no-proxy": "true"}})),
        living(pod(), namespace="elsewhere"),
        living(pod(), deletionTimestamp="2026-01-01T00:00:00Z"),
        living(pod()) | {"status": {"phase": "Succeeded"}},
        {},
    ],
)
def test_other_pods_are_left_out(item: Object) -> None:
    assert plan_sweep([item], SPACES, SETTINGS) == ()


def test_a_pod_of_a_session_that_was_missed_is_never_built() -> None:
    for meta in ({}, {"labels": {"azds.io/no-proxy": "true"}}):
        missed = living(pod(app(image=IMAGE), metadata=meta))
        (finding,) = plan_sweep([missed], SPACES, SETTINGS)
        assert finding.cause is Cause.NOT_ASKED and "nobody builds its image" in finding.detail
        assert plan_sweep([living(injected(missed))], SPACES, SETTINGS) == ()


def test_the_build_of_a_session_has_its_place_too() -> None:
    item = living(injected(pod(app(image=IMAGE))))
    item["spec"]["initContainers"].insert(2, app("first"))
    (finding,) = plan_sweep([item], SPACES, SETTINGS)
    assert finding.cause is Cause.OUT_OF_ORDER


def test_a_finding_says_what_excludes_the_pod_and_who_makes_it() -> None:
    strict = dataclasses.replace(CHILD, pod_security=PodSecurity.BASELINE)
    owner = {"kind": "ReplicaSet", "name": "shop-1", "controller": True}
    pods = [living(pod(), "b"), living(pod(), "a", ownerReferences=[{"kind": "X"}, owner])]
    first, second = plan_sweep(pods, {"alice": strict}, SETTINGS)
    assert first == Finding("alice", "a", Cause.EXCLUDED, first.detail, "ReplicaSet/shop-1")
    assert "it is baseline" in first.detail
    assert (second.name, second.owner) == ("b", "")
