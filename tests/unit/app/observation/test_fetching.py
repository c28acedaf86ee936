"""Reading a cluster, with all rights and with few."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from tests.unit.app.observation.objects import FAMILY, namespace

from alcove.app.observation.fetching import SERVICE_CIDRS, fetch_state
from alcove.app.observation.state import observe_state
from alcove.app.observation.usecases import Asked, explain
from alcove.errors import ConflictError
from alcove.kube import resources
from alcove.kube.client import EVERYTHING, Listing, Selection
from alcove.kube.errors import ForbiddenError, KubeError, NotFoundError, UnreachableError
from alcove.kube.fake import FakeKubeClient
from alcove.kube.resources import Resource
from alcove.model import SpaceName

DEV = SpaceName("dev")


class RefusingClient(FakeKubeClient):
    """A cluster that does not list everything."""

    def __init__(self) -> None:
        super().__init__()
        self.refusals: Mapping[Resource, KubeError] = {}

    async def list(self, resource: Resource, selection: Selection = EVERYTHING) -> Listing:
        if resource in self.refusals:
            raise self.refusals[resource]
        return await super().list(resource, selection)


@pytest.fixture
async def client() -> RefusingClient:
    client = RefusingClient()
    for resource, items in (
        (resources.NAMESPACES, FAMILY.namespaces),
        (resources.SERVICES, FAMILY.services),
        (resources.ENDPOINT_SLICES, FAMILY.endpoint_slices),
        (resources.INGRESSES, FAMILY.ingresses),
        (resources.NODES, FAMILY.nodes),
        (SERVICE_CIDRS, FAMILY.service_cidrs),
        (resources.PODS, FAMILY.session_pods),
    ):
        for item in items:
            assert isinstance(item, dict)
            await client.create(resource, item)
    for place, labels in (("amy/web-1", {"alcove.dev/injected": "true"}), ("amy/bare-2", {})):
        space, _, name = place.partition("/")
        meta = {"namespace": space, "name": name, "labels": labels}
        await client.create(resources.PODS, {"metadata": meta})
    return client


async def test_a_cluster_is_read_as_its_objects_are(client: RefusingClient) -> None:
    assert await fetch_state(client) == observe_state(FAMILY)


async def test_what_is_hidden_is_reported_and_what_is_not_served_is_nothing(client: RefusingClient) -> None:
    client.refusals = {
        resources.NODES: ForbiddenError("no", code=403),
        SERVICE_CIDRS: NotFoundError("no", code=404),
    }
    state, reports = await fetch_state(client)
    assert not state.ranges and state.entries
    assert [str(each) for each in reports] == ["Node: you may not list them: nothing is known of them"]


async def test_a_cluster_may_refuse_what_it_does_not_serve(client: RefusingClient) -> None:
    client.refusals = {SERVICE_CIDRS: KubeError("not implemented", code=501)}
    _, reports = await fetch_state(client)
    assert not reports


@pytest.mark.parametrize(
    ("resource", "error"),
    [
        (resources.SERVICES, ForbiddenError("no", code=403)),
        (resources.NAMESPACES, ForbiddenError("no", code=403)),
        (resources.NODES, ForbiddenError("who", code=401)),
        (resources.NODES, UnreachableError("gone")),
    ],
)
async def test_what_cannot_be_done_without_is_an_error(
    client: RefusingClient, resource: Resource, error: KubeError
) -> None:
    client.refusals = {resource: error}
    with pytest.raises(type(error)):
        await fetch_state(client)


@pytest.mark.parametrize(
    ("source", "home", "carrier", "notes"),
    [
        ("amy/web-1", "dev", "caller's space", 0),
        ("web-1", "amy", "caller's space", 0),
        ("dev/amy/web-1", "dev", "caller's space", 0),
        ("amy/bare-2", "dev", "caller's space", 1),
        ("", "amy", "", 0),
    ],
)
async def test_the_caller_is_a_pod_of_a_space(
    client: RefusingClient, source: str, home: str, carrier: str, notes: int
) -> None:
    found, reports = await explain(client, Asked("http://web.dev", (), source), SpaceName(home))
    assert (found.answer, found.carrier, len(found.notes), reports) == ("dev", carrier, notes, ())


@pytest.mark.parametrize(
    ("source", "message", "hint"),
    [
        ("amy/web", "there is no pod 'web' in amy", "did you mean amy/web-1?"),
        ("amy/zzz", "there is no pod 'zzz' in amy", "kubectl get pods -n amy"),
        ("web-1", "there is no pod 'web-1' in dev", "kubectl get pods -n dev"),
        ("plain/web-1", "'plain' is no space", "alcove space create plain"),
    ],
)
async def test_a_caller_that_is_none_is_told(
    client: RefusingClient, source: str, message: str, hint: str
) -> None:
    with pytest.raises(ConflictError) as caught:
        await explain(client, Asked("http://web.dev", (), source), DEV)
    assert caught.value.message == message and hint in caught.value.hint


async def test_only_reports_that_concern_the_request_are_told(client: RefusingClient) -> None:
    await client.create(resources.NAMESPACES, namespace("far", aliases="x"))
    await client.create(resources.NAMESPACES, namespace("cat", "dev", aliases="x"))
    asked = Asked("http://web.dev", (("azds-route-as", "cat"),))
    _, reports = await explain(client, asked, DEV)
    assert [each.name for each in reports] == ["cat"]
