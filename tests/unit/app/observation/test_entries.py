"""Ingresses as entries, and the cluster's networks."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.app.observation.objects import Complaints, ingress, rule

from alcove.app.observation.entries import observe_entries, observe_tls
from alcove.app.observation.ranges import observe_node_ranges, observe_service_ranges
from alcove.model import Entry, SecretName, ServiceName, SpaceName, TlsHost

DEV, WEB = SpaceName("dev"), ServiceName("web")


def entry(host: str, port: int | str = 80, path: str = "/", *, exact: bool = False) -> Entry:
    return Entry(DEV, host, WEB, port, path, exact, ingress="entry")


def observe(item: dict[str, Any]) -> tuple[set[Entry], list[str]]:
    heard = Complaints()
    return set(observe_entries(item, heard)), heard


@pytest.mark.parametrize("cls", ["traefik-azds", "alcove"])
def test_hosts_and_paths_of_our_classes_are_entries(cls: str) -> None:
    found, heard = observe(
        ingress("dev", rule("Dev.Web.test", ("/", "web", 80), ("/a", "web", "http")), cls=cls)
    )
    assert found == {entry("dev.web.test"), entry("dev.web.test", "http", "/a")}
    assert not heard


def test_the_class_may_stand_in_the_annotation() -> None:
    item = ingress("dev", rule("a.test", ("", "web", 80), kind="Exact"), cls="")
    item["metadata"]["annotations"] = {"kubernetes.io/ingress.class": "traefik-azds"}
    assert observe(item) == ({entry("a.test", exact=True)}, [])


@pytest.mark.parametrize(
    ("kind", "exact"), [("Exact", True), ("Prefix", False), ("ImplementationSpecific", False)]
)
def test_a_path_is_exact_or_the_beginning_of_one(kind: str, exact: bool) -> None:
    assert observe(ingress("dev", rule("a.test", ("/a", "web", 80), kind=kind))) == (
        {entry("a.test", path="/a", exact=exact)},
        [],
    )


TWO = (rule("a.test", ("/", "web", 80)), rule("b.test", ("/", "web", 80)))


@pytest.mark.parametrize(
    ("blocks", "hosts", "told"),
    [
        ([{"hosts": ["A.test"], "secretName": "tls"}], {"a.test": "tls"}, []),
        ([{"hosts": ["a.test", "b.test"], "secretName": "tls"}], {"a.test": "tls", "b.test": "tls"}, []),
        ([{"secretName": "tls"}], {"a.test": "tls", "b.test": "tls"}, []),
        ([{"hosts": ["*.test"], "secretName": "tls"}], {"a.test": "tls", "b.test": "tls"}, []),
        (
            [{"hosts": ["*.example"], "secretName": "tls"}],
            {},
            ["names the host '*.example', of which there is no rule"],
        ),
        (
            [{"hosts": ["c.test"], "secretName": "tls"}],
            {},
            ["names the host 'c.test', of which there is no rule"],
        ),
        ([{"hosts": ["a.test"]}], {}, ["names no Secret"]),
        ([{"hosts": ["a.test"], "secretName": "Not valid"}], {}, ["names no Secret"]),
        ([{"hosts": 7, "secretName": "tls"}], {"a.test": "tls", "b.test": "tls"}, ["hosts is no list"]),
        (7, {}, ["tls is no list"]),
    ],
)
def test_hosts_with_tls_have_a_secret(blocks: Any, hosts: dict[str, str], told: list[str]) -> None:
    heard = Complaints()
    found = set(observe_tls(ingress("dev", *TWO, tls=blocks), heard))
    assert found == {TlsHost(DEV, host, SecretName(f"dev/{name}")) for host, name in hosts.items()}
    assert len(heard) == len(told) and all(why in each for why, each in zip(told, heard, strict=True))
    assert not set(observe_tls(ingress("dev", *TWO, tls=blocks, cls="nginx"), heard))


def test_ingresses_of_others_are_not_ours_to_judge() -> None:
    assert observe(ingress("dev", {"host": 7}, cls="nginx")) == (set(), [])


def test_a_host_without_paths_goes_to_the_default() -> None:
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    assert observe(ingress("dev", {"host": "a.test"}, defaultBackend=backend))[0] == {entry("a.test")}


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (rule("*.test", ("/", "web", 80)), "no DNS name"),
        (rule("", ("/", "web", 80)), "no DNS name"),
        (rule(f"{'a.' * 130}test", ("/", "web", 80)), "no DNS name"),
        (rule("b.test", ("x", "web", 80)), "does not begin with /"),
        (rule("b.test", ("/a?b", "web", 80)), "no request has the path '/a?b'"),
        (rule("b.test", ("/a#b", "web", 80)), "no request has the path '/a#b'"),
        (rule("b.test", ("/a b", "web", 80)), "no request has the path '/a b'"),
        (rule("b.test", ("/\ud800", "web", 80)), "no request has the path"),
        (rule("b.test", ("/", "No", 80)), "no valid name"),
        (rule("b.test", ("/", "web", 0)), "no port number"),
        ({"host": "b.test", "http": {"paths": [{"backend": {"resource": {}}}]}}, "no valid name"),
        ({"host": "b.test", "http": {"paths": 7}}, "paths is no list"),
        (7, "rules holds what is no object"),
    ],
)
def test_a_rule_that_leads_nowhere_is_left_out_alone(broken: Any, why: str) -> None:
    found, heard = observe(ingress("dev", broken, rule("a.test", ("/", "web", 80))))
    assert found == {entry("a.test")} and len(heard) == 1 and why in heard[0]


def test_a_default_without_a_host_is_told() -> None:
    assert observe(ingress("dev", defaultBackend={})) == (
        set(),
        ["a defaultBackend without a rule has no host"],
    )


def test_networks_are_those_of_nodes_and_services() -> None:
    heard = Complaints()
    assert list(observe_node_ranges({"spec": {"podCIDR": "10.1.0.0/24"}}, heard)) == ["10.1.0.0/24"]
    assert list(observe_node_ranges({"spec": {"podCIDRs": ["10.1.0.5/24", "fd00::/64"]}}, heard)) == [
        "10.1.0.0/24",
        "fd00::/64",
    ]
    assert not list(observe_node_ranges({}, heard)) and not heard
    assert list(
        observe_service_ranges({"spec": {"cidrs": ["x", 7, "fe80::%a/64", "10.0.0.0/8"]}}, heard)
    ) == ["10.0.0.0/8"]
    assert heard == ["holds what is no network"] * 3
