"""The names a pod knows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.embedded.kubelet.worlds import pod

from alcove.embedded.kubelet.hosts import (
    Resolver,
    parse_resolver,
    pod_host_name,
    pod_resolver,
    render_hosts,
    render_resolver,
)

MACHINE = Resolver(("127.0.0.53",), ("corp.example",), ("edns0",))
SEARCH = ("default.svc.cluster.local", "svc.cluster.local", "cluster.local", "corp.example")
CLUSTER = Resolver(("10.96.0.10",), SEARCH, ("ndots:5",))


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, CLUSTER),
        ({"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"}, CLUSTER),
        ({"hostNetwork": True}, Resolver(("10.96.0.10",), ("corp.example",), ("edns0",))),
        ({"dnsPolicy": "Default"}, Resolver(("10.96.0.10",), ("corp.example",), ("edns0",))),
        (
            {"dnsPolicy": "None", "dnsConfig": {"nameservers": ["1.1.1.1"], "searches": ["x"]}},
            Resolver(("1.1.1.1",), ("x",)),
        ),
        (
            {"dnsConfig": {"options": [{"name": "ndots", "value": "2"}, {"name": "debug"}]}},
            Resolver(("10.96.0.10",), SEARCH, ("ndots:2", "debug")),
        ),
    ],
)
def test_the_policy_says_whom_to_ask(spec: dict[str, Any], expected: Resolver) -> None:
    assert pod_resolver(pod(**spec), MACHINE, "10.96.0.10") == expected


def test_a_resolver_survives_being_written() -> None:
    assert parse_resolver(render_resolver(CLUSTER)) == CLUSTER


@given(st.text())
def test_any_resolv_conf_can_be_read(text: str) -> None:
    parse_resolver(text)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, ("web", "")),
        ({"hostname": "other"}, ("other", "")),
        ({"subdomain": "sub"}, ("web", "web.sub.default.svc.cluster.local")),
        (
            {"subdomain": "sub", "setHostnameAsFQDN": True},
            ("web.sub.default.svc.cluster.local", "web.sub.default.svc.cluster.local"),
        ),
        ({"hostNetwork": True}, ("node-1", "")),
    ],
)
def test_host_names(spec: dict[str, Any], expected: tuple[str, str]) -> None:
    assert pod_host_name(pod(**spec), "node-1") == expected


def test_the_hosts_file_names_the_pod_and_its_aliases() -> None:
    item = pod(subdomain="sub", hostAliases=[{"ip": "1.2.3.4", "hostnames": ["a", "b"]}])
    text = render_hosts(item, "10.1.0.1", pod_host_name(item, "node-1"), "")
    assert "10.1.0.1\tweb.sub.default.svc.cluster.local\tweb\n" in text
    assert text.endswith("# Entries added by HostAliases.\n1.2.3.4\ta\tb\n")


def test_the_hosts_file_of_the_machine_is_kept_on_its_network() -> None:
    text = render_hosts(pod(hostNetwork=True), "10.0.0.1", ("node-1", ""), "10.9.9.9\tbox\n")
    assert text == "# Kubernetes-managed hosts file (host network).\n10.9.9.9\tbox\n"
