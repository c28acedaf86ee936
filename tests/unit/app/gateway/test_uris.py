"""By which URIs a space is entered, and whether they work."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.app.observation.objects import FAMILY, ingress, namespace, rule
from tests.unit.spaces.worlds import make_tree

from alcove.app.gateway.applying import apply_copies
from alcove.app.gateway.copies import plan_copies
from alcove.app.gateway.uris import Uris, list_uris
from alcove.app.observation.fetching import SERVICE_CIDRS
from alcove.errors import ConflictError
from alcove.kube import errors, resources
from alcove.kube.client import Object
from alcove.kube.fake import FakeKubeClient
from alcove.model import SpaceName

PUBLIC = {"ip": "203.0.113.7"}
PENDING = "the gateway has no address yet: kubectl get service alcove-gateway -n azds"


class Names:
    """DNS that knows some hosts."""

    def __init__(self, *known: str) -> None:
        self.known = known
        self.asked: list[str] = []

    async def resolves(self, host: str) -> bool:
        self.asked.append(host)
        return host in self.known


def gateway(*places: Object) -> Object:
    ports = [
        {"name": "http", "port": 80, "nodePort": 31080, "targetPort": 8080},
        {"name": "https", "port": 443, "nodePort": 31443, "targetPort": 8443},
    ]
    return {
        "metadata": {"name": "alcove-gateway", "namespace": "azds"},
        "spec": {
            "type": "LoadBalancer",
            "clusterIP": "10.96.0.77",
            "clusterIPs": ["10.96.0.77"],
            "ports": ports,
        },
        "status": {"loadBalancer": {"ingress": list(places)}},
    }


async def make_cluster(
    *more: Object,
    at: Object | None = PUBLIC,
    ingresses: Any = FAMILY.ingresses,
    client: FakeKubeClient | None = None,
) -> FakeKubeClient:
    client = client or FakeKubeClient()
    client.kinds.append(SERVICE_CIDRS)
    listed: tuple[Any, ...] = (
        (resources.NAMESPACES, [*FAMILY.namespaces, namespace("azds", space=False)]),
        (resources.SERVICES, [*FAMILY.services, *([gateway(*([at] if at else []))] if at != {} else [])]),
        (resources.ENDPOINT_SLICES, FAMILY.endpoint_slices),
        (resources.INGRESSES, [*ingresses, *more]),
    )
    for resource, items in listed:
        for item in items:
            await client.create(resource, item)
    return client


async def rows(client: FakeKubeClient, space: str, *known: str, everything: bool = False) -> list[str]:
    found = await list_uris(client, Names(*known), SpaceName(space), inherited=everything)
    return [f"{row.uri} {row.service}.{row.space} {row.status.value}" for row in found.rows]


@pytest.mark.parametrize(
    ("space", "everything", "expected"),
    [
        ("dev", False, ["https://dev.web.test/ web.dev", "https://dev.web.test/api api.dev"]),
        ("amy", False, ["https://amy.s.dev.web.test/api api.amy"]),
        ("bob", False, []),
        ("bob", True, ["https://bob.s.dev.web.test/ web.dev", "https://bob.s.dev.web.test/api api.dev"]),
        ("prod", True, []),
    ],
)
async def test_a_space_is_entered_by_its_prefix(space: str, everything: bool, expected: list[str]) -> None:
    found = await rows(await make_cluster(), space, everything=everything)
    assert found == [f"{each} Available" for each in expected]


async def test_where_a_space_has_its_own_version_that_is_its_own() -> None:
    client = await make_cluster(ingresses=[ingress("dev", rule("api.test", ("/", "api", 8000)))])
    assert await rows(client, "amy") == ["http://amy.s.api.test/ api.amy Available"]
    assert await rows(client, "dev", everything=True) == [], "dev's own version has no such port"


async def test_what_has_no_ready_instance_yet_is_entered_all_the_same() -> None:
    client = await make_cluster()
    for name in ("api-s", "api-six"):
        nobody: Object = {"endpoints": []}
        await client.patch(resources.ENDPOINT_SLICES, name, nobody, namespace="amy")
    assert await rows(client, "amy") == ["https://amy.s.dev.web.test/api api.amy Available"]


@pytest.mark.parametrize(
    ("place", "uri", "known", "status"),
    [
        (PUBLIC, "https://dev.web.test/", "", "Available"),
        ({"ip": "127.0.0.1", "ipMode": "VIP"}, "https://dev.web.test:31443/", "", "Available"),
        ({"ip": "::1"}, "https://dev.web.test:31443/", "", "Available"),
        ({"hostname": "localhost"}, "https://dev.web.test/", "", "Available"),
        ({"hostname": "lb.example"}, "https://dev.web.test/", "", "Pending"),
        ({"hostname": "lb.example"}, "https://dev.web.test/", "dev.web.test", "Available"),
        (None, "https://dev.web.test/", "dev.web.test", "Pending"),
        ({}, "https://dev.web.test/", "dev.web.test", "Pending"),
    ],
)
async def test_whether_it_works_depends_on_the_gateways_address(
    place: Object | None, uri: str, known: str, status: str
) -> None:
    found = await rows(await make_cluster(at=place), "dev", known)
    assert found[0] == f"{uri} web.dev {status}"


@pytest.mark.parametrize(
    ("place", "note"),
    [
        (PUBLIC, ()),
        (None, (PENDING,)),
        ({}, ("the cluster has no gateway: alcove enable --endpoint public makes one",)),
        ({"hostname": "lb.example"}, ("hosts need an entry in DNS of the type CNAME to lb.example",)),
    ],
)
async def test_what_is_missing_is_told(place: Object | None, note: tuple[str, ...]) -> None:
    client = await make_cluster(at=place)
    assert (await list_uris(client, Names(), SpaceName("dev"))).notes == note
    assert (await list_uris(client, Names(), SpaceName("prod"))).notes == (), "nothing is entered there"


async def test_names_are_looked_up_only_where_there_is_no_address_and_each_once() -> None:
    names = Names()
    await list_uris(await make_cluster(), names, SpaceName("dev"))
    assert names.asked == []
    await list_uris(await make_cluster(at={"hostname": "lb.example"}), names, SpaceName("dev"))
    assert names.asked == ["dev.web.test"]


async def test_what_does_not_count_of_the_spaces_concerned_is_told() -> None:
    broken = ingress("dev", rule("*.test", ("/", "web", 80)))
    broken["metadata"]["name"] = "broken"
    found: Uris = await list_uris(await make_cluster(broken), Names(), SpaceName("amy"))
    assert found.notes == (
        "Ingress dev/broken: a rule without a host, or with one that is no DNS name, leads nowhere",
    )


def foreign(space: str, *rules: Object, **status: Any) -> Object:
    made = ingress(space, *rules, cls="nginx", tls=[{"hosts": ["web.test"]}])
    made["metadata"]["name"] = "foreign"
    return {**made, "status": {"loadBalancer": {"ingress": [status] if status else []}}}


async def test_ingresses_of_foreign_classes_and_their_copies_have_their_controllers_address() -> None:
    rules = (
        rule("web.test", ("/", "web", "http")),
        rule("api.test", ("/", "api", 80)),
        rule("", ("/x", "web", 80)),
    )
    original = foreign("dev", *rules[:2], ip="203.0.113.9")
    client = await make_cluster(ingresses=[original])
    plan = plan_copies(
        [(await client.list(resources.INGRESSES)).items[0]], make_tree(dev="", amy="dev", bob="dev")
    )
    await apply_copies(client, plan.actions)
    assert await rows(client, "dev") == [
        "http://api.test/ api.dev Available",
        "https://web.test/ web.dev Available",
    ]
    assert await rows(client, "amy") == ["http://amy.s.api.test/ api.amy Pending"]
    assert await rows(client, "amy", everything=True) == [
        "http://amy.s.api.test/ api.amy Pending",
        "https://amy.s.web.test/ web.dev Pending",
    ]
    status = {"status": {"loadBalancer": {"ingress": [{"hostname": "lb.example"}]}}}
    await client.patch(resources.INGRESSES, "foreign-amy", status, namespace="dev", subresource="status")
    assert await rows(client, "amy", "amy.s.api.test") == ["http://amy.s.api.test/ api.amy Available"]


@pytest.mark.parametrize(
    ("ip", "uri"), [("203.0.113.9", "http://203.0.113.9/x"), ("fd00::9", "http://[fd00::9]/x")]
)
async def test_without_a_host_the_controllers_address_is_meant(ip: str, uri: str) -> None:
    items = [
        foreign("dev", rule("", ("/x", "web", 80)), ip=ip),
        foreign("dev", rule("*.y", ("/", "web", 80))),
    ]
    items[1]["metadata"]["name"] = "wild"
    client = await make_cluster(ingresses=items)
    assert await rows(client, "dev") == [f"{uri} web.dev Available"]


async def test_a_space_that_is_none_is_an_error() -> None:
    with pytest.raises(ConflictError, match="is no space"):
        await list_uris(await make_cluster(), Names(), SpaceName("plain"))


class Blind(FakeKubeClient):
    """A cluster whose gateway may not be seen."""

    async def get(self, resource: Any, name: str, *, namespace: str = "") -> Object:
        raise errors.ForbiddenError("no", code=403)


async def test_a_gateway_that_may_not_be_seen_is_told() -> None:
    client = await make_cluster(client=Blind())
    found = await list_uris(client, Names(), SpaceName("dev"))
    assert {row.status.value for row in found.rows} == {"Pending"}
    assert "you may not see the Service alcove-gateway" in found.notes[0]
