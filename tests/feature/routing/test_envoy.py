"""The same decisions by real Envoys, between pods in network namespaces."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from tests.feature.routing import states
from tests.feature.routing.conftest import GATEWAY, Cluster
from tests.feature.routing.states import Case
from tests.feature.routing.walks import dialled

from alcove.model import Alias, ClusterState, Endpoint, Entry, ServiceName, SpaceName
from alcove.routing.envoy.names import ProxySettings
from alcove.routing.plan import plan_routes
from alcove.routing.snapshot import GatewayNode, compile_snapshots
from alcove.spaces.headers import parse_route_key
from alcove.spaces.resolve import Reason

pytestmark = [pytest.mark.root, pytest.mark.timeout(60)]

STATES, _ALL = states.load()
# A state's cases stand together, so that every state is published once.
CASES = sorted(_ALL, key=lambda case: case.state)
WEB = states.cluster_address("dev", "web")
ONE_SERVICE = states.make_state({"dev": "", "amy": "dev"}, {"dev": "web", "amy": "web"})


def call(cluster: Cluster, case: Case) -> Any:
    address, port = dialled(STATES[case.state], case.to, case.protocol)
    if case.protocol == "tcp":
        return cluster.lab.ask(case.caller, do="tcp", address=address, port=port, say="well")
    if case.protocol == "grpc":
        metadata = [[name, value] for name, value in case.headers.items()]
        return cluster.lab.ask(
            case.caller, do="grpc", address=address, port=port, host=case.host, metadata=metadata
        )
    return cluster.lab.ask(
        case.caller, do="http", address=address, port=port, head=head(case.host, **case.headers)
    )


def head(host: str, path: str = "/", version: str = "1.1", **headers: str) -> str:
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"GET {path} HTTP/{version}\r\nHost: {host}\r\n{fields}\r\n"


def seen(answer: Any) -> Any:
    """Give what the application that answered saw."""
    return json.loads(answer["body"]) if "body" in answer else answer


def get(cluster: Cluster, pod: str, address: str, port: int, text: str, keep: str = "") -> Any:
    return cluster.lab.ask(pod, do="http", address=address, port=port, head=text, keep=keep)


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join([case.state, case.caller, case.to]))
def test_envoys_decide_as_the_table_says(cluster: Cluster, case: Case) -> None:
    cluster.publish(STATES[case.state])
    answer = call(cluster, case)
    if case.answer == "-":
        said = answer.get("body") or answer.get("error")
        assert Reason[case.reason].value in said
    elif case.protocol == "tcp":
        assert answer == {"first": case.answer, "second": "well"}
    else:
        assert seen(answer)["pod"] == case.answer, answer
        found = parse_route_key((name, value) for name, value in seen(answer)["headers"])
        assert (found[0] if found else "") == case.key


@pytest.mark.parametrize("key", ["", "amy"])
def test_an_application_sees_what_was_sent_and_nothing_else(cluster: Cluster, key: str) -> None:
    cluster.publish(STATES["pair"])
    sent = {"X-CamelCase": "Kept", "x-forwarded-proto": "https", "X-Envoy-Like": "no", "azds-route-as": key}
    spoofed = {
        "x-alcove-to": "10.1.0.9:8080",
        "X-Alcove-Key": ".bob",
        "x-alcove-once": "1",
        "x-alcove-at": "x",
    }
    answer = get(cluster, "dev", WEB, states.HTTP, head("web", "//a/../b%2F?c", **sent, **spoofed))
    assert dict(seen(answer)["headers"]) == {"Host": "web", **sent}
    assert seen(answer)["line"] == "GET //a/../b%2F?c HTTP/1.1"
    assert answer["status"] == "200 Fine"
    assert ["X-Case", "Kept"] in answer["headers"]
    assert ["x-alcove-route", f"web.{key or 'dev'}"] in answer["headers"]


def test_a_request_without_forwarded_headers_gets_none(cluster: Cluster) -> None:
    cluster.publish(STATES["pair"])
    assert seen(get(cluster, "dev", WEB, states.HTTP, head("web")))["headers"] == [["Host", "web"]]


def test_a_key_of_its_own_is_added_to_baggage_and_damages_nothing(cluster: Cluster) -> None:
    cluster.publish(STATES["pair"])
    headers = seen(get(cluster, "amy", WEB, states.HTTP, head("web", Baggage="user=7;p=1,x=y")))["headers"]
    baggage = ",".join(value for name, value in headers if name.lower() == "baggage")
    assert baggage == "user=7;p=1,x=y,azds-route-as=amy"


def test_no_key_leaves_the_cluster(cluster: Cluster) -> None:
    cluster.publish(STATES["pair"])
    elsewhere = get(cluster, "amy", GATEWAY.address, 8080, head("x"))
    assert ["azds-route-as", "amy"] in seen(elsewhere)["headers"], "pods are in the ranges of the cluster"
    state = STATES["pair"]
    cluster.publish(ClusterState(state.spaces, state.services, ranges=frozenset({"10.96.0.0/16"})))
    assert seen(get(cluster, "amy", GATEWAY.address, 8080, head("x")))["headers"] == [["Host", "x"]]


def test_a_request_is_corrected_once(cluster: Cluster) -> None:
    cluster.publish(STATES["pair"])
    guarded = head("web", **{"azds-route-as": "amy", "x-alcove-once": "1"})
    answer = seen(get(cluster, "outside", WEB, states.HTTP, guarded))
    assert answer["pod"] == "dev"
    assert ["x-alcove-once", "1"] not in answer["headers"]


def test_the_destination_reads_the_key_of_a_prefixed_host(cluster: Cluster) -> None:
    cluster.publish(ONE_SERVICE)
    answer = seen(get(cluster, "outside", WEB, states.HTTP, head("AMY.s.dev.web.example.com:80")))
    assert answer["pod"] == "amy"
    assert ["azds-route-as", "amy"] in answer["headers"]
    assert ["baggage", "azds-route-as=amy"] in answer["headers"]


FORGOTTEN = "10.96.9.9"
"""An address that the cluster does not translate: nobody reaches anything there."""


def with_instances(*pods: str, address: str = FORGOTTEN, ready: bool = True) -> ClusterState:
    """Give dev and amy with a web each; that of amy has these pods behind it."""
    key = SpaceName("amy"), ServiceName("web")
    instances = tuple(Endpoint(states.pod_address(pod), ready) for pod in pods)
    version = dataclasses.replace(ONE_SERVICE.services[key], addresses=(address,), endpoints=instances)
    return dataclasses.replace(ONE_SERVICE, services={**ONE_SERVICE.services, key: version})


@pytest.mark.parametrize(("caller", "address"), [("dev", WEB), ("amy", WEB), ("amy", FORGOTTEN)])
def test_all_instances_of_a_version_answer_although_its_address_is_forgotten(
    cluster: Cluster, caller: str, address: str
) -> None:
    cluster.publish(with_instances("amy", "bob"))
    text = head("web", **{"azds-route-as": "amy"} if caller == "dev" else {})
    answers = [get(cluster, caller, address, states.HTTP, text) for _ in range(40)]
    assert {seen(answer)["pod"] for answer in answers} == {"amy", "bob"}
    assert all(["azds-route-as", "amy"] in seen(answer)["headers"] for answer in answers)
    assert all(["x-alcove-route", "web.amy"] in answer["headers"] for answer in answers)


def test_the_destination_corrects_to_instances_too(cluster: Cluster) -> None:
    cluster.publish(with_instances("amy", "bob"))
    text = head("web", **{"azds-route-as": "amy"})
    assert {seen(get(cluster, "outside", WEB, states.HTTP, text))["pod"] for _ in range(40)} == {"amy", "bob"}


def test_a_version_without_a_ready_instance_says_so(cluster: Cluster) -> None:
    cluster.publish(with_instances("amy", ready=False))
    answer = get(cluster, "amy", WEB, states.HTTP, head("web"))
    assert answer["status"].startswith("503") and Reason.NO_INSTANCE.value in answer["body"]
    assert seen(get(cluster, "dev", WEB, states.HTTP, head("web")))["pod"] == "dev"


def test_a_childs_address_leads_to_its_parent_once_it_is_removed(cluster: Cluster) -> None:
    cluster.publish(with_instances("amy", address=FORGOTTEN))
    assert seen(get(cluster, "amy", FORGOTTEN, states.HTTP, head("web"), keep="own"))["pod"] == "amy"
    own = SpaceName("amy"), ServiceName("web")
    alias = {FORGOTTEN: Alias(own[1], states.PORTS_OF_ALL)}
    spaces = {
        **ONE_SERVICE.spaces,
        own[0]: dataclasses.replace(ONE_SERVICE.spaces[own[0]], aliases=alias),
    }
    services = {key: each for key, each in ONE_SERVICE.services.items() if key != own}
    cluster.publish(dataclasses.replace(ONE_SERVICE, spaces=spaces, services=services))
    assert seen(get(cluster, "amy", FORGOTTEN, states.HTTP, head("web"), keep="own"))["pod"] == "dev"


def test_live_connections_follow_and_survive_every_change(cluster: Cluster) -> None:
    both = STATES["pair"]
    cluster.publish(both)
    own, key = states.cluster_address("amy", "web"), head("web", **{"azds-route-as": "amy"})
    silent = states.cluster_address("dev", "api"), states.TCP
    assert seen(get(cluster, "dev", own, states.HTTP, key, keep="one"))["pod"] == "amy"
    cluster.lab.ask("dev", do="tcp", address=silent[0], port=silent[1], say="before", keep="two")
    without = states.make_state({"dev": "", "amy": "dev"}, {"dev": "web api"}, removed={"amy": "web"})
    cluster.publish(without)
    assert seen(get(cluster, "dev", own, states.HTTP, key, keep="one"))["pod"] == "dev"
    cluster.publish(both)
    assert seen(get(cluster, "dev", own, states.HTTP, key, keep="one"))["pod"] == "amy"
    after = cluster.lab.ask("dev", do="tcp", address=silent[0], port=silent[1], say="after", keep="two")
    assert after == {"first": "", "second": "after"}


def test_http_1_0_is_routed(cluster: Cluster) -> None:
    cluster.publish(STATES["pair"])
    text = head("web", version="1.0", **{"azds-route-as": "amy"})
    assert seen(get(cluster, "dev", WEB, states.HTTP, text))["pod"] == "amy"


def test_connect_reaches_the_proxy_that_is_dialled(cluster: Cluster) -> None:
    cluster.publish(STATES["pair"])
    text = "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n"
    answer = get(cluster, "dev", states.cluster_address("dev", "api"), states.HTTP, text)
    assert answer.get("status") == "200 Fine", answer


def test_the_gateway_serves_every_host_with_every_prefix(cluster: Cluster) -> None:
    state = ClusterState(
        ONE_SERVICE.spaces,
        ONE_SERVICE.services,
        entries=frozenset({Entry(SpaceName("dev"), "dev.web.example.com", ServiceName("web"), "http")}),
        ranges=ONE_SERVICE.ranges,
    )
    cluster.publish(state)
    settings = ProxySettings(addresses=("0.0.0.0",), gateway_port=8000)
    node = GatewayNode()
    snapshot = compile_snapshots(plan_routes(state), [node], settings)[node]
    cluster.lab.discovery.offer(GATEWAY.name, snapshot)
    cluster.lab.start_envoy(GATEWAY)

    def enter(host: str, **headers: str) -> Any:
        return get(cluster, "outside", GATEWAY.address, 8000, head(host, **headers))

    plain = seen(enter("dev.web.example.com"))
    assert plain["pod"] == "dev" and not parse_route_key(map(tuple, plain["headers"]))
    prefixed = seen(enter("Amy.s.dev.web.example.com:80", Baggage="a=b,azds-route-as=dev;x=1,c=d"))
    assert prefixed["pod"] == "dev", "a carrier that is there counts before the host"
    assert ["Baggage", "a=b,c=d,azds-route-as=dev"] in prefixed["headers"]
    prefixed = seen(enter("amy.s.dev.web.example.com"))
    assert prefixed["pod"] == "amy"
    assert ["azds-route-as", "amy"] in prefixed["headers"]
    assert ["baggage", "azds-route-as=amy"] in prefixed["headers"]
    assert enter("nobody.s.dev.web.example.com")["status"].startswith("404")
