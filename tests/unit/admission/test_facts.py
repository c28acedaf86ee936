"""What namespaces say."""

from __future__ import annotations

import random
from typing import Any

import pytest
from tests.unit.admission.worlds import CHILD, app, pod

from alcove.admission.bounds import UNBOUNDED
from alcove.admission.facts import PodSecurity, SpaceFacts, observe_spaces, pod_mesh


def namespace(name: str, parent: str = "", **more: Any) -> dict[str, Any]:
    labels = {"azds.io/space": "true", **({"azds.io/parent-space": parent} if parent else {})}
    labels |= more.get("labels", {})
    return {"metadata": {"name": name, "labels": labels, "annotations": more.get("annotations")}}


def facts(**more: Any) -> SpaceFacts:
    return observe_spaces([namespace("dev", **more)])["dev"]


def test_spaces_know_their_ancestors_whatever_the_order() -> None:
    namespaces = [namespace("dev"), namespace("team", "dev"), namespace("alice", "team")]
    random.Random(1).shuffle(namespaces)
    found = observe_spaces([*namespaces, {"metadata": {"name": "other"}}])
    assert {name: one.ancestors for name, one in found.items()} == {
        "dev": (),
        "team": ("dev",),
        "alice": ("team", "dev"),
    }


def test_the_limit_ranges_of_its_own_namespace_bound_a_space() -> None:
    entry = {"type": "Container", "max": {"cpu": "1"}}
    ranges = [{"metadata": {"namespace": name}, "spec": {"limits": [entry]}} for name in ("dev", "other")]
    found = observe_spaces([namespace("dev"), namespace("alice", "dev")], ranges)
    assert found["dev"].bounds.most == {"cpu": 1}
    assert found["alice"].bounds == UNBOUNDED


def test_a_parent_that_is_no_space_does_not_count() -> None:
    assert observe_spaces([namespace("alice", "gone")])["alice"].ancestors == ()


@pytest.mark.parametrize(
    ("level", "wanted"),
    [
        ("privileged", PodSecurity.PRIVILEGED),
        ("baseline", PodSecurity.BASELINE),
        ("restricted", PodSecurity.RESTRICTED),
        ("typo", PodSecurity.RESTRICTED),
    ],
)
def test_the_enforced_level_is_read_as_kubernetes_reads_it(level: str, wanted: PodSecurity) -> None:
    assert facts(labels={"pod-security.kubernetes.io/enforce": level}).pod_security is wanted
    assert facts(labels={"pod-security.kubernetes.io/warn": level}).pod_security is PodSecurity.PRIVILEGED


@pytest.mark.parametrize(
    ("more", "mesh"),
    [
        ({}, ""),
        ({"labels": {"istio-injection": "enabled"}}, "Istio"),
        ({"labels": {"istio-injection": "disabled"}}, ""),
        ({"labels": {"istio-injection": "disabled", "istio.io/rev": "a"}}, ""),
        ({"labels": {"istio.io/rev": "canary"}}, "Istio"),
        ({"labels": {"istio.io/dataplane-mode": "ambient"}}, "Istio"),
        ({"labels": {"istio.io/dataplane-mode": "none"}}, ""),
        ({"annotations": {"linkerd.io/inject": "enabled"}}, "Linkerd"),
        ({"annotations": {"linkerd.io/inject": "disabled"}}, ""),
        ({"labels": {"kuma.io/sidecar-injection": "enabled"}}, "Kuma"),
    ],
)
def test_a_mesh_of_the_namespace_is_seen(more: dict[str, Any], mesh: str) -> None:
    assert facts(**more).mesh == mesh


@pytest.mark.parametrize(
    ("item", "namespace_mesh", "mesh"),
    [
        (pod(), "Istio", "Istio"),
        (pod(metadata={"labels": {"sidecar.istio.io/inject": "false"}}), "Istio", ""),
        (pod(metadata={"annotations": {"sidecar.istio.io/inject": "true"}}), "", "Istio"),
        (pod(metadata={"annotations": {"linkerd.io/inject": "ingress"}}), "", "Linkerd"),
        (pod(metadata={"annotations": {"consul.hashicorp.com/connect-inject": "true"}}), "", "Consul"),
        (pod(metadata={"labels": {"istio.io/dataplane-mode": "none"}}), "Istio", ""),
        (pod(metadata={"labels": {"istio.io/dataplane-mode": "ambient"}}), "", "Istio"),
        (pod(app(), app("linkerd-proxy")), "", "Linkerd"),
        (pod(initContainers=[app("istio-proxy")]), "", "Istio"),
        (pod(), "", ""),
    ],
)
def test_a_pod_counts_more_than_its_namespace(item: dict[str, Any], namespace_mesh: str, mesh: str) -> None:
    assert pod_mesh(item, SpaceFacts(CHILD.name, mesh=namespace_mesh)) == mesh
