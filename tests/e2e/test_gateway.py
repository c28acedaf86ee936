"""The way in: hosts and their prefixes, certificates, copies for other controllers; and what is told."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from alcove.app.gateway.prefixing import COPY_LABEL
from tests.e2e.conftest import Entrance
from tests.e2e.kubectl import Kubectl
from tests.e2e.spaces import HTTP, Object, Spaces, until
from tests.e2e.test_spaces import Alcove
from tests.unit.app.gateway.pems import make_pair, secret

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]

TLS = 443
FOREIGN_CLASS = "e2e-other-controller"
INGRESSES = "/apis/networking.k8s.io/v1/namespaces/{}/ingresses"


@dataclass(frozen=True)
class Response:
    """What came through the gateway."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def route(self) -> str:
        """Which version of which service answered, as the header says it; what was said when none did."""
        answered = self.status == http.client.OK
        return self.headers.get("x-alcove-route", "") if answered else f"{self.status} {self.text}"

    def seen(self, name: str) -> str:
        """Give a header of the request as the canary saw it."""
        return next((value for key, value in json.loads(self.text)["headers"] if key.lower() == name), "")


@dataclass(frozen=True)
class World:
    """A parent with ``web``, ``api`` and ``yet``; a child with ``web``."""

    spaces: Spaces
    entrance: Entrance
    suffix: str
    alcove: Alcove

    def host(self, service: str, prefix: str = "") -> str:
        """Give an entry host of the parent's service, with the prefix of a space."""
        plain = f"{self.spaces.namespace('dev')}.{service}{self.suffix}"
        return f"{self.spaces.namespace(prefix)}.s.{plain}" if prefix else plain

    def get(self, host: str, path: str = "/", **headers: str) -> Response:
        """Ask the gateway."""
        connection = http.client.HTTPConnection(*self.entrance[HTTP], timeout=10)
        return exchange(connection, host, path, headers)

    def get_by_tls(self, host: str, trusted: bytes) -> Response:
        """Ask with TLS, trusting one certificate only."""
        context = ssl.create_default_context(cadata=trusted.decode())
        with socket.create_connection(self.entrance[TLS], timeout=10) as plain:
            connection = http.client.HTTPSConnection(host, timeout=10)
            connection.sock = context.wrap_socket(plain, server_hostname=host)
            return exchange(connection, host, "/", {})

    def route(self, space: str, service: str) -> str:
        """Give what the route header says of a version."""
        return f"{service}.{self.spaces.namespace(space)}"

    def expect(self, host: str, space: str, service: str, path: str = "/") -> None:
        """Wait until a host is answered by a version."""

        def check() -> bool:
            assert self.get(host, path).route == self.route(space, service)
            return True

        until(check)

    def ingresses(self, name: str = "dev") -> str:
        return INGRESSES.format(self.spaces.namespace(name))

    def add_ingress(self, name: str, host: str, *paths: tuple[str, str], **spec: Any) -> None:
        """Add an Ingress to the parent that leads paths to Services."""
        rules = [
            {
                "path": path,
                "pathType": "Prefix",
                "backend": {"service": {"name": service, "port": {"name": "http"}}},
            }
            for path, service in paths
        ]
        wanted = {"ingressClassName": "alcove", "rules": [{"host": host, "http": {"paths": rules}}], **spec}
        self.spaces.do("POST", self.ingresses(), {"metadata": {"name": name}, "spec": wanted})

    def copies(self) -> list[Object]:
        """Give the parent's Ingresses that are copies."""
        return list(self.spaces.do("GET", f"{self.ingresses()}?labelSelector={COPY_LABEL}").body["items"])

    def ask(self, *arguments: str) -> Any:
        """Give what a command prints as JSON."""
        return json.loads(self.alcove(*arguments, "-o", "json").stdout)


def exchange(
    connection: http.client.HTTPConnection, host: str, path: str, headers: dict[str, str]
) -> Response:
    sent = {"Host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
    try:
        connection.request("GET", path, headers=sent)
        response = connection.getresponse()
        found = {name.lower(): value for name, value in response.headers.items()}
        return Response(response.status, found, response.read().decode())
    finally:
        connection.close()


@pytest.fixture(scope="module")
def world(
    spaces: Spaces,
    gateway: Entrance,
    kubeconfig: Path,
    enabled: Kubectl,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[World]:
    suffix = enabled.within("azds").read("configmap/alcove")["data"].get("hostSuffix") or ".e2e.example.com"
    alcove = Alcove(kubeconfig, tmp_path_factory.mktemp("gateway"))
    world = World(spaces, gateway, suffix, alcove)
    spaces.make({"dev": "", "amy": "dev", "bob": "dev"})
    for service in ("web", "api", "yet"):
        spaces.add_service("dev", service)
    spaces.add_service("amy", "web")
    world.add_ingress("web", world.host("web"), ("/", "web"))
    world.add_ingress("api", world.host("api"), ("/", "api"), ingressClassName="traefik-azds")
    spaces.deploy("dev", "amy")
    world.expect(world.host("api", "bob"), "dev", "api")
    world.expect(world.host("web", "amy"), "amy", "web")
    yield world


def test_a_host_is_served_plainly_and_with_the_prefix_of_each_space_below(world: World) -> None:
    answered = {prefix: world.get(world.host("web", prefix)).route for prefix in ("", "amy", "bob")}
    assert answered == {
        "": world.route("dev", "web"),
        "amy": world.route("amy", "web"),
        "bob": world.route("dev", "web"),
    }


def test_a_prefixed_host_of_a_service_of_the_parent_carries_the_key_on(world: World) -> None:
    response = world.get(world.host("api", "amy"))
    assert response.route == world.route("dev", "api")
    key = world.spaces.namespace("amy")
    assert response.seen("azds-route-as") == key
    assert response.seen("baggage") == f"azds-route-as={key}"
    assert not world.get(world.host("api")).seen("azds-route-as")


def test_a_key_that_is_there_counts_before_the_host(world: World) -> None:
    amy, bob = (world.spaces.namespace(name) for name in ("amy", "bob"))
    kept = world.get(world.host("web", "amy"), azds_route_as=bob)
    assert (kept.route, kept.seen("azds-route-as")) == (world.route("dev", "web"), bob)
    added = world.get(world.host("web"), azds_route_as=amy)
    assert (added.route, added.seen("azds-route-as")) == (world.route("amy", "web"), amy)
    in_baggage = world.get(world.host("web"), baggage=f"a=b,azds-route-as={amy}")
    assert in_baggage.route == world.route("amy", "web")


def test_hosts_that_nobody_has_are_not_found(world: World) -> None:
    for host in ("nobody.example.com", f"nobody.s.{world.host('web')}", f"x{world.host('web')}", "localhost"):
        assert world.get(host).status == http.client.NOT_FOUND, host


def test_two_ingresses_with_one_host_share_its_paths_and_doctor_tells_which_rule_counts(
    world: World,
) -> None:
    world.add_ingress("twin", world.host("web"), ("/", "yet"), ("/yet", "yet"))
    world.expect(world.host("web"), "dev", "yet", "/yet")
    assert world.get(world.host("web")).route == world.route("dev", "web")
    told = world.alcove.try_run("doctor", "--no-canary", "-o", "json")
    (objects,) = [row for row in json.loads(told.stdout) if row["check"] == "objects"]
    assert objects["result"] != "ok" and "does not count" in json.dumps(objects)
    world.spaces.do("DELETE", f"{world.ingresses()}/twin")
    world.expect(world.host("web"), "dev", "web", "/yet")


def test_tls_needs_a_secret_and_the_right_to_read_it(world: World) -> None:
    host, inside = world.host("tls"), world.spaces.kubectl("dev")
    pair = make_pair(host, f"*.s.{host}")
    made = secret(f"{world.spaces.namespace('dev')}/shop-tls", pair)
    world.spaces.do("POST", world.spaces.path("dev", "secrets"), made)
    reader = "--serviceaccount=azds:alcove-controlplane"
    inside("create", "rolebinding", "alcove-tls", "--clusterrole=alcove-tls", reader)
    world.add_ingress("tls", host, ("/", "web"), tls=[{"hosts": [host], "secretName": "shop-tls"}])

    def route(name: str) -> str:
        try:
            return world.get_by_tls(name, pair.certificate).route
        except (ssl.SSLError, OSError):
            return ""

    until(lambda: route(host) == world.route("dev", "web"), seconds=40)
    until(lambda: route(world.host("tls", "amy")) == world.route("amy", "web"))
    assert world.get(host).route == world.route("dev", "web")
    # Whoever looks at the cluster must not call missing what works.
    told = world.alcove.try_run("doctor", "--no-canary", "-o", "json").stdout
    assert "shop-tls" not in told


def test_ingresses_of_other_controllers_have_a_copy_for_each_space_below(world: World) -> None:
    shop = "shop.example.com"
    world.add_ingress("shop", shop, ("/", "web"), ingressClassName=FOREIGN_CLASS)

    def hosts() -> set[str]:
        return {copy["spec"]["rules"][0]["host"] for copy in world.copies()}

    wanted = {name: f"{world.spaces.namespace(name)}.s.{shop}" for name in ("amy", "bob")}
    until(lambda: hosts() == set(wanted.values()))
    uid = world.spaces.do("GET", f"{world.ingresses()}/shop").body["metadata"]["uid"]
    for copy in world.copies():
        assert copy["spec"]["ingressClassName"] == FOREIGN_CLASS
        assert [owner["uid"] for owner in copy["metadata"]["ownerReferences"]] == [uid]
    world.spaces.set_parent("bob", "")
    until(lambda: hosts() == {wanted["amy"]})
    world.spaces.set_parent("bob", "dev")
    until(lambda: hosts() == set(wanted.values()))
    world.spaces.do("DELETE", f"{world.ingresses()}/shop")
    until(lambda: not world.copies())


def test_the_uris_of_a_space_are_told(world: World) -> None:
    amy = f"{world.spaces.namespace('dev')}/{world.spaces.namespace('amy')}"
    world.alcove("space", "select", amy)
    everything = [row for row in world.ask("list-uris", "--all") if row["status"] == "Available"]
    rows = {row["uri"].split("/")[2].partition(":")[0]: row for row in everything}
    web, api = (rows[world.host(service, "amy")] for service in ("web", "api"))
    assert (web["service"], web["space"]) == ("web", world.spaces.namespace("amy"))
    assert (api["service"], api["space"]) == ("api", world.spaces.namespace("dev"))
    own = {row["service"] for row in world.ask("list-uris")}
    assert "web" in own and "api" not in own


def test_status_counts_what_runs_and_which_pods_have_proxies(world: World) -> None:
    found = until(lambda: connected(world))
    assert found["endpoint"] == "public"
    assert found["clientVersion"] == found["version"]
    assert {one["name"]: one["status"] for one in found["components"]} == {
        "alcove-controlplane": "Ready",
        "alcove-gateway": "Ready",
    }


def connected(world: World) -> Object:
    """Give the status once both pods of the test are in it, else nothing."""
    found: Object = world.ask("status")
    rows = {row["space"]: row for row in found["spaces"]}
    both = [rows.get(world.spaces.namespace(name), {}) for name in ("dev", "amy")]
    return found if all(row.get("connected") == 1 and not row["missed"] for row in both) else {}


def test_the_doctor_finds_nothing_wrong_with_a_cluster_that_works(world: World) -> None:
    told = world.alcove.try_run("doctor", "-o", "json")
    rows = {row["check"]: row for row in json.loads(told.stdout)}
    assert told.code == 0, [row for row in rows.values() if row["result"] != "ok"]
    for check in ("installation", "control plane", "gateway", "certificates", "webhook", "gateway answers"):
        assert rows[check]["result"] == "ok", rows[check]
    sent = [row for check, row in rows.items() if check.startswith("canary")]
    assert len(sent) >= 4 and {row["result"] for row in sent} == {"ok"}, sent
