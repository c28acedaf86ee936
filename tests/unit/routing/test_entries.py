"""How the outside gets in."""

from __future__ import annotations

import pytest
from tests.unit.routing.router import Request, route_entry

from alcove.model import ClusterState, Endpoint, Entry, Port, Service, ServiceName, Space, SpaceName
from alcove.routing.envoy.names import ProxySettings
from alcove.routing.plan import plan_routes
from alcove.routing.snapshot import GatewayNode, compile_snapshots

DEV, AMY, AMYX = SpaceName("dev"), SpaceName("amy"), SpaceName("amyx")
WEB, API = ServiceName("web"), ServiceName("api")
PROD, BOB = SpaceName("prod"), SpaceName("bob")
SPACES = {
    each.name: each for each in (Space(DEV), Space(AMY, DEV), Space(AMYX, AMY), Space(BOB, DEV), Space(PROD))
}
NO_PATH = "no Ingress of x.example has this path\nPaths that there are: /api"
INSTANCES = {
    (DEV, WEB): "10.1.0.1",
    (AMY, WEB): "10.1.0.2",
    (DEV, API): "10.1.0.3",
    (AMYX, API): "10.1.0.4",
    (PROD, WEB): "10.1.0.9",
}


def enter(host: str, path: str, *entries: Entry, key: str = "") -> str | None:
    services = {
        named: Service(*named, (f"10.0.0.{at}",), (Port(80, 8080, "http"),), (Endpoint(address),))
        for at, (named, address) in enumerate(INSTANCES.items())
    }
    state = ClusterState(SPACES, services, frozenset(entries))
    node = GatewayNode()
    snapshot = compile_snapshots(plan_routes(state), [node], ProxySettings())[node]
    headers = {"azds-route-as": key} if key else {}
    verdict = route_entry(snapshot, Request("", 0, host, headers, path))
    return None if verdict is None else ",".join(verdict.sockets) or verdict.refused


@pytest.mark.parametrize(
    ("host", "path", "answer"),
    [
        ("x.example", "/", "10.1.0.1:8080"),
        ("x.example:8080", "/", "10.1.0.1:8080"),
        ("amy.s.x.example", "/", "10.1.0.2:8080"),
        ("amyx.s.x.example", "/", "10.1.0.2:8080"),
        ("nobody.s.x.example", "/", None),
        ("dev.s.x.example", "/", None),
        ("y.example", "/", None),
        ("x.example", "/api", "10.1.0.3:8080"),
        ("x.example", "/api/deep", "10.1.0.3:8080"),
        ("x.example", "/apis", "10.1.0.1:8080"),
        ("amyx.s.x.example", "/api", "10.1.0.4:8080"),
        ("amy.s.x.example", "/api", "10.1.0.3:8080"),
    ],
)
def test_every_host_exists_with_the_prefix_of_every_space_below(
    host: str, path: str, answer: str | None
) -> None:
    rules = Entry(DEV, "X.example", WEB, "http"), Entry(DEV, "x.example", API, 80, "/api")
    assert enter(host, path, *rules) == answer


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        ("x.example", "10.1.0.1:8080"),
        ("amy.s.x.example", "10.1.0.3:8080"),
        ("amyx.s.x.example", "10.1.0.4:8080"),
    ],
)
def test_the_rules_of_a_nearer_space_count_below_it(host: str, answer: str) -> None:
    ours = (
        Entry(DEV, "x.example", WEB, 80),
        Entry(AMY, "x.example", API, 80),
        Entry(AMY, "amy.s.x.example", WEB, 80),
    )
    assert enter(host, "/", *ours) == answer


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        ("x.example", "10.1.0.1:8080"),  # dev and prod are roots both, so the name decides
        ("amy.s.x.example", "10.1.0.2:8080"),
        ("prod.s.x.example", "10.1.0.9:8080"),
        ("dev.s.x.example", None),
    ],
)
def test_of_two_families_one_has_the_host_and_the_other_its_prefix(host: str, answer: str | None) -> None:
    assert enter(host, "/", Entry(PROD, "x.example", WEB, 80), Entry(DEV, "x.example", WEB, 80)) == answer


@pytest.mark.parametrize(
    ("host", "path", "answer"),
    [
        ("amy.s.x.example", "/new", "10.1.0.2:8080"),
        ("amyx.s.x.example", "/new", "10.1.0.2:8080"),
        ("x.example", "/", "10.1.0.1:8080"),
        ("x.example", "/new", "10.1.0.1:8080"),
    ],
)
def test_a_childs_rules_may_have_its_prefix_and_paths_of_their_own(host: str, path: str, answer: str) -> None:
    own = Entry(AMY, "amy.s.x.example", WEB, 80, "/new")
    assert enter(host, path, own, Entry(DEV, "x.example", WEB, 80)) == answer


@pytest.mark.parametrize(
    ("host", "answer"),
    [("amy.s.x.example", "10.1.0.2:8080"), ("amyx.s.x.example", "10.1.0.2:8080"), ("x.example", None)],
)
def test_a_host_that_only_a_child_has_exists_with_its_prefix_and_below(host: str, answer: str | None) -> None:
    assert enter(host, "/", Entry(AMY, "amy.s.x.example", WEB, 80)) == answer


def test_siblings_that_have_a_host_each_keep_theirs() -> None:
    both = Entry(AMY, "amy.s.x.example", WEB, 80), Entry(BOB, "x.example", WEB, 80)
    assert enter("amy.s.x.example", "/", *both) == "10.1.0.2:8080"
    assert enter("x.example", "/", *both) == "10.1.0.1:8080"  # bob has no version of its own
    assert enter("bob.s.x.example", "/", *both) is None


def test_a_name_that_stands_for_a_view_is_no_host_of_its_own() -> None:
    stray = Entry(PROD, "amy.s.x.example", WEB, 80)
    assert enter("amy.s.x.example", "/", stray, Entry(DEV, "x.example", WEB, 80)) == "10.1.0.2:8080"


def test_of_two_rules_for_one_path_the_first_service_counts() -> None:
    both = Entry(DEV, "x.example", WEB, 80, ingress="a"), Entry(DEV, "x.example", API, 80, ingress="b")
    assert enter("x.example", "/", *both) == "10.1.0.3:8080"


@pytest.mark.parametrize("port", ["https", 81])
def test_a_port_that_no_version_has_is_told(port: str | int) -> None:
    told = "web of space dev cannot answer: the version that answers has no such port"
    assert enter("x.example", "/", Entry(DEV, "x.example", WEB, port)) == told


def test_a_service_that_no_version_has_is_told() -> None:
    told = "db of space dev cannot answer: no space of the chain has the service"
    assert enter("x.example", "/", Entry(DEV, "x.example", ServiceName("db"), 80)) == told


def test_a_header_counts_before_the_host() -> None:
    assert enter("amy.s.x.example", "/", Entry(DEV, "x.example", WEB, 80), key="dev") == "10.1.0.1:8080"


@pytest.mark.parametrize(
    ("path", "answer"), [("/api", "10.1.0.3:8080"), ("/api/deep", NO_PATH), ("/api/", NO_PATH)]
)
def test_an_exact_path_is_equal(path: str, answer: str) -> None:
    assert enter("x.example", path, Entry(DEV, "x.example", API, 80, "/api", exact=True)) == answer


@pytest.mark.parametrize(
    ("path", "answer"), [("/api", "10.1.0.3:8080"), ("/api/x", "10.1.0.3:8080"), ("/", NO_PATH)]
)
@pytest.mark.parametrize("written", ["/api", "/api/"])
def test_a_prefix_ends_at_a_slash(written: str, path: str, answer: str) -> None:
    assert enter("x.example", path, Entry(DEV, "x.example", API, 80, written)) == answer.replace(
        "/api", written
    )


def test_a_prefixed_name_that_dns_does_not_allow_is_left_out() -> None:
    long = ".".join(["a" * 60] * 4)
    assert enter(long, "/", Entry(DEV, long, WEB, 80)) == "10.1.0.1:8080"
    assert enter(f"amyx.s.{long}", "/", Entry(DEV, long, WEB, 80)) == "10.1.0.2:8080"
    assert enter(f"amyx.s.aaaa{long}", "/", Entry(DEV, f"aaaa{long}", WEB, 80)) is None
