"""Which pods are left alone, and why."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from tests.unit.admission.worlds import CHILD, SETTINGS, Object, app, injected, pod

from alcove.admission.facts import PodSecurity, SpaceFacts
from alcove.admission.inject import inject
from alcove.admission.verdicts import Skipped, Verdict, judge


def requires(key: str, *values: str) -> Object:
    """Give a required affinity with one alternative for each value."""
    terms = [{"matchExpressions": [{"key": key, "operator": "In", "values": [value]}]} for value in values]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    return {"nodeAffinity": required}


CASES: list[tuple[Object, SpaceFacts, str]] = [
    (pod(), CHILD, ""),
    (pod(metadata={"labels": {"azds.io/no-proxy": "true"}}), CHILD, "NO_PROXY"),
    (pod(metadata={"labels": {"azds.io/no-proxy": "false"}}), CHILD, ""),
    (pod(metadata={"annotations": {"kubernetes.io/config.mirror": "x"}}), CHILD, "MIRROR_POD"),
    (pod(hostNetwork=True), CHILD, "HOST_NETWORK"),
    (pod(hostNetwork=False), CHILD, ""),
    (pod(nodeSelector={"kubernetes.io/os": "windows"}), CHILD, "WINDOWS"),
    (pod(nodeSelector={"beta.kubernetes.io/os": "windows"}), CHILD, "WINDOWS"),
    (pod(nodeSelector={"kubernetes.io/os": "linux"}), CHILD, ""),
    (pod(os={"name": "windows"}), CHILD, "WINDOWS"),
    (pod(affinity=requires("kubernetes.io/os", "windows")), CHILD, "WINDOWS"),
    (pod(affinity=requires("kubernetes.io/os", "windows", "linux")), CHILD, ""),
    (pod(affinity=requires("zone", "windows")), CHILD, ""),
    (pod(), dataclasses.replace(CHILD, pod_security=PodSecurity.BASELINE), "POD_SECURITY baseline"),
    (pod(), dataclasses.replace(CHILD, pod_security=PodSecurity.RESTRICTED), "POD_SECURITY restricted"),
    (pod(), dataclasses.replace(CHILD, mesh="Istio"), "MESH Istio"),
    (pod(app("alcove-proxy")), CHILD, "NAME_TAKEN alcove-proxy"),
    (pod(initContainers=[app("alcove-init")]), CHILD, "NAME_TAKEN alcove-init"),
    (pod(volumes=[{"name": "alcove-run"}]), CHILD, "NAME_TAKEN alcove-run"),
    (pod(app(ports=[{"containerPort": 15001}])), CHILD, "PORT_TAKEN app: 15001"),
    (pod(app(ports=[{"containerPort": 15001, "protocol": "UDP"}])), CHILD, ""),
    (pod(resources={"requests": {"memory": "1Mi"}}), CHILD, "NO_BUDGET memory"),
]  # fmt: skip


@pytest.mark.parametrize(("item", "facts", "wanted"), CASES)
def test_the_first_reason_counts(item: Object, facts: SpaceFacts, wanted: str) -> None:
    name, _, detail = wanted.partition(" ")
    skipped = judge(item, facts, SETTINGS)
    assert (skipped.verdict.name if skipped else "") == name
    assert detail in (skipped.detail if skipped else "")
    if skipped:
        assert inject(item, facts, SETTINGS) == skipped


def test_names_of_ours_are_ours_in_a_pod_that_was_injected() -> None:
    assert judge(injected(pod()), CHILD, SETTINGS) is None
    assert inject(injected(pod()), CHILD, SETTINGS) == Skipped(Verdict.IN_ORDER)


def test_what_somebody_wanted_needs_no_telling() -> None:
    silent = {verdict for verdict in Verdict if verdict.is_silent}
    assert silent == {Verdict.IN_ORDER, Verdict.NO_PROXY, Verdict.MIRROR_POD}


@pytest.mark.parametrize("spec", [None, [], "x", {"containers": None}, {"containers": [None, 3]}])
def test_no_shape_of_a_pod_raises(spec: Any) -> None:
    judge({"metadata": spec, "spec": spec}, CHILD, SETTINGS)


def test_a_verdict_reads_as_a_sentence() -> None:
    assert str(Skipped(Verdict.MESH, "Istio")).endswith("exclude each other (Istio)")
    assert str(Skipped(Verdict.NO_PROXY)) == Verdict.NO_PROXY.value
