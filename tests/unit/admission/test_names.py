"""The search list of pods of child spaces."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from tests.unit.admission.worlds import CHILD, ROOT, SETTINGS

from alcove.admission.facts import SpaceFacts
from alcove.admission.names import search_list, warn_of_length, with_search_list
from alcove.admission.settings import ClusterDns
from alcove.model import SpaceName

SEARCHES = [
    "alice.svc.cluster.local",
    "team.svc.cluster.local",
    "dev.svc.cluster.local",
    "svc.cluster.local",
    "cluster.local",
    "corp.example",
]
NDOTS = {"name": "ndots", "value": "5"}


def applied(**spec: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    return with_search_list(spec, CHILD, SETTINGS.dns)


@pytest.mark.parametrize("policy", [None, "", "ClusterFirst", "ClusterFirstWithHostNet"])
def test_pods_of_the_clusters_dns_get_the_whole_list(policy: str | None) -> None:
    spec, warnings = applied(dnsPolicy=policy)
    assert spec == {
        "dnsPolicy": "None",
        "dnsConfig": {"nameservers": ["10.96.0.10"], "searches": SEARCHES, "options": [NDOTS]},
    }
    assert warnings == ()


@pytest.mark.parametrize("policy", ["Default", "None"])
def test_other_pods_keep_what_they_chose(policy: str) -> None:
    assert applied(dnsPolicy=policy) == ({"dnsPolicy": policy}, ())


def test_pods_of_a_root_have_the_right_list_already() -> None:
    assert with_search_list({}, ROOT, SETTINGS.dns) == ({}, ())


def test_the_users_own_settings_come_after_the_clusters_as_the_kubelet_puts_them() -> None:
    own = {
        "nameservers": ["1.1.1.1", "10.96.0.10"],
        "searches": ["example.com", "corp.example"],
        "options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}],
    }
    spec, _ = applied(dnsConfig=own)
    assert spec["dnsConfig"]["nameservers"] == ["10.96.0.10", "1.1.1.1"]
    assert spec["dnsConfig"]["searches"] == [*SEARCHES, "example.com"]
    assert spec["dnsConfig"]["options"] == own["options"]


def test_the_limits_of_kubernetes_hold_whatever_comes_together() -> None:
    own = {"nameservers": [f"1.1.1.{n}" for n in range(3)], "searches": [f"n{n}.example" for n in range(32)]}
    spec, warnings = applied(dnsConfig=own)
    assert len(spec["dnsConfig"]["nameservers"]) == 3
    assert len(spec["dnsConfig"]["searches"]) == 32
    assert "its end was cut off" in warnings[-1]
    long, _ = applied(dnsConfig={"searches": ["x" * 200 + str(n) for n in range(20)]})
    assert len(" ".join(long["dnsConfig"]["searches"])) <= 2048


def test_a_list_that_musl_ignores_is_told() -> None:
    assert warn_of_length(["x" * 255]) == ()
    assert "256 bytes" in warn_of_length(["x" * 256])[0]
    deep = SpaceFacts(SpaceName("a" * 60), tuple(SpaceName(f"{n}" * 60) for n in range(4)))
    assert "musl" in with_search_list({}, deep, SETTINGS.dns)[1][0]


def test_without_the_clusters_dns_nothing_is_changed_and_that_is_told() -> None:
    unknown = dataclasses.replace(SETTINGS.dns, servers=())
    spec, warnings = with_search_list({}, CHILD, unknown)
    assert spec == {}
    assert "short names of parents do not resolve" in warnings[0]


def test_the_domain_of_the_cluster_is_a_fact() -> None:
    assert search_list(ROOT, ClusterDns(("1.1.1.1",), "k8s.corp")) == (
        "dev.svc.k8s.corp",
        "svc.k8s.corp",
        "k8s.corp",
    )
