"""What will not work, and whether installing is pointless because of it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.app.install.worlds import node
from tests.unit.app.spaces.worlds import namespace

from alcove.app.install.access import Right
from alcove.app.install.preflight import Surroundings, examine

RIGHTS = [
    Right("create", "rbac.authorization.k8s.io", "clusterroles"),
    Right("patch", "", "services", "azds"),
]
BALANCED = {"kube-proxy-replacement": "true"}


def seen(**changes: Any) -> Surroundings:
    return Surroundings(**{"nodes": [node("a")], **changes})


def test_an_ordinary_cluster_gives_nothing_to_say() -> None:
    assert examine(seen(cilium={"bpf-lb-sock": "false"}, felix={"bpfEnabled": False})) == ()


@pytest.mark.parametrize(
    ("changes", "refuses", "told"),
    [
        ({"nodes": None}, False, "may not list nodes"),
        ({"nodes": [node("a", version="v1.28.9-gke.1")]}, True, "older than Kubernetes 1.29"),
        ({"nodes": [node("a", version="v1.28.9"), node("b")]}, False, "some nodes are older"),
        ({"nodes": [node("a", version="v1.29.0+k3s1"), node("b", version="odd")]}, None, ""),
        ({"nodes": [node("a", arch="s390x")]}, True, "no images of Alcove for s390x"),
        ({"nodes": [node("a", arch="arm64"), node("b", arch="arm")]}, False, "keep them away"),
        ({"nodes": [node("a"), node("w", system="windows")]}, False, "on Windows are reached"),
        ({"nodes": [node("w", system="windows")]}, True, "no node runs Linux"),
        ({"unserved": ["IngressClass of networking.k8s.io/v1"]}, True, "does not serve IngressClass"),
        (
            {"missing_rights": RIGHTS},
            True,
            "create clusterroles.rbac.authorization.k8s.io, patch services in",
        ),
        ({"missing_rights": RIGHTS * 5}, True, "and 4 more"),
        ({"cilium": BALANCED}, False, "socketLB.hostNamespaceOnly"),
        ({"cilium": {"kube-proxy-replacement": "strict"}}, False, "will not work"),
        ({"cilium": {"bpf-lb-sock": "true"}}, False, "will not work"),
        ({"cilium": BALANCED | {"bpf-lb-sock-hostns-only": "true"}}, None, ""),
        ({"cilium": {"kube-proxy-replacement": "false"}}, None, ""),
        ({"felix": {"bpfEnabled": True}}, False, "bpfConnectTimeLoadBalancing"),
        ({"felix": {"bpfEnabled": True, "bpfConnectTimeLoadBalancing": "Disabled"}}, None, ""),
        ({"space": namespace("dev", space=False)}, None, ""),
        ({"space": namespace("dev", space=False, istio_injection="enabled")}, True, "Istio injects"),
        ({"space": {**namespace("dev"), "metadata": {"name": "dev"}}}, None, ""),
    ],
)
def test_what_stands_in_the_way_is_said(changes: dict[str, Any], refuses: bool | None, told: str) -> None:
    found = examine(seen(**changes))
    assert [one.refuses for one in found] == ([] if refuses is None else [refuses])
    assert not found or told in f"{found[0].what} {found[0].cause} {found[0].hint}"


def test_a_pod_security_level_that_forbids_the_redirect_is_warned_of() -> None:
    space = namespace("dev", space=False)
    space["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] = "restricted"
    (found,) = examine(seen(space=space))
    assert not found.refuses and "restricted" in found.cause and "NET_ADMIN" in found.cause


def test_what_makes_it_pointless_comes_first() -> None:
    found = examine(seen(nodes=None, cilium=BALANCED, missing_rights=RIGHTS))
    assert [one.refuses for one in found] == [True, False, False]
