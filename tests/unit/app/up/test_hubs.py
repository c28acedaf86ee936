from __future__ import annotations

from typing import Any

import kubernetes_validate
import pytest

from alcove.app.up import hubs
from alcove.app.up.hubs import HubSettings, Installation
from alcove.embedded.schema import Catalog
from alcove.errors import ConflictError, UnavailableError
from alcove.kube import resources
from alcove.kube.client import Object, PatchKind
from alcove.kube.errors import ForbiddenError
from alcove.kube.fake import FakeKubeClient
from alcove.kube.resources import Resource

INSTALLATION = Installation("registry.example/alcove", "1.2.3+dev", "apps.example", "10.96.0.20:443", "PEM")
SETTINGS = [HubSettings("dev", INSTALLATION), HubSettings("dev", INSTALLATION, "10Gi")]
DATA = {"controlPlane": "10.96.0.20:443", "trust": "PEM"}


def placed(item: Object) -> Object:
    return {**item, "metadata": {**item["metadata"], "namespace": "dev"}}


@pytest.mark.parametrize("settings", SETTINGS, ids=["emptyDir", "claim"])
def test_what_is_made_is_valid(settings: HubSettings) -> None:
    catalog = Catalog.load()
    for _, item in hubs.render_hub(settings):
        kubernetes_validate.validate(placed(item), "1.29", strict=True)
        group, _, version = item["apiVersion"].rpartition("/")
        kind = catalog.for_kind(group, version, item["kind"])
        assert kind is not None
        assert not list(catalog.validate(kind, catalog.default(kind, placed(item)), None))


@pytest.mark.parametrize("settings", SETTINGS, ids=["emptyDir", "claim"])
def test_the_hub_is_restricted_and_where_its_sources_are(settings: HubSettings) -> None:
    (deployment,) = [item for _, item in hubs.render_hub(settings) if item["kind"] == "Deployment"]
    pod = deployment["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    assert container["image"] == "registry.example/alcove/alcove:1.2.3-dev"
    assert pod["metadata"]["labels"]["azds.io/no-proxy"] == "true"
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    environment = {one["name"]: one.get("value") for one in container["env"]}
    assert environment["ALCOVE_STORE_PERSISTENT"] == ("true" if settings.storage else "")
    volumes = {one["name"]: one for one in pod["spec"]["volumes"]}
    assert ("persistentVolumeClaim" in volumes["store"]) == bool(settings.storage)
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}


def objects_of(client: FakeKubeClient) -> dict[tuple[str, str, str], Any]:
    return {key: item for key, item in client._objects.items() if key[1] == "dev"}


@pytest.fixture
async def client() -> FakeKubeClient:
    client = FakeKubeClient()
    await client.create(resources.NAMESPACES, {"metadata": {"name": "dev"}})
    return client


@pytest.mark.parametrize("settings", SETTINGS, ids=["emptyDir", "claim"])
async def test_it_is_made_once_and_removed_whole(client: FakeKubeClient, settings: HubSettings) -> None:
    assert not await hubs.has_hub(client, "dev")
    await hubs.ensure_hub(client, settings)
    once = objects_of(client)
    await hubs.ensure_hub(client, settings)
    assert objects_of(client) == once and len(once) == len(hubs.render_hub(settings))
    assert await hubs.has_hub(client, "dev")
    for _ in range(2):
        await hubs.remove_hub(client, "dev")
    assert not objects_of(client)


class Bounded(FakeKubeClient):
    """A user who may not apply objects, nor see storage classes."""

    async def patch(
        self,
        resource: Resource,
        name: str,
        patch: object,
        *,
        kind: PatchKind = PatchKind.MERGE,
        namespace: str = "",
        subresource: str = "",
        field_manager: str = "alcove",
        force: bool = False,
    ) -> Object:
        raise ForbiddenError("serviceaccounts is forbidden", code=403)

    async def list(self, resource: Resource, selection: Any = None) -> Any:
        raise ForbiddenError("storageclasses is forbidden", code=403)


async def test_who_may_not_make_it_is_told_which_right_is_needed() -> None:
    with pytest.raises(ConflictError, match="you may not make the hub") as caught:
        await hubs.ensure_hub(Bounded(), SETTINGS[0])
    assert "--clusterrole=admin" in caught.value.hint and caught.value.hint.endswith("-n dev")


@pytest.mark.parametrize(
    ("annotations", "found"),
    [
        ({"storageclass.kubernetes.io/is-default-class": "true"}, True),
        ({"storageclass.kubernetes.io/is-default-class": "false"}, False),
        (None, False),
    ],
)
async def test_whether_there_is_a_default_storage(
    client: FakeKubeClient, annotations: dict[str, str] | None, found: bool
) -> None:
    assert not await hubs.find_storage(client) and not await hubs.find_storage(Bounded())
    await client.create(hubs._CLASSES, {"metadata": {"name": "standard", "annotations": annotations}})
    assert await hubs.find_storage(client) is found


@pytest.mark.parametrize(
    ("data", "missing"),
    [(None, "no controlPlane and no trust"), ({}, "no controlPlane"), ({"controlPlane": "x"}, "no trust")],
)
def test_an_installation_that_does_not_say_enough(data: Any, missing: str) -> None:
    with pytest.raises(UnavailableError) as caught:
        hubs.parse_installation({"data": data})
    assert missing in caught.value.cause


async def test_an_installation_is_read_and_has_defaults(client: FakeKubeClient) -> None:
    found = hubs.parse_installation({"data": DATA})
    assert (found.registry, found.host_suffix) == ("alcove", "") and found.version
    with pytest.raises(ConflictError, match="not enabled"):
        await hubs.fetch_installation(client)
    await client.create(resources.NAMESPACES, {"metadata": {"name": "azds"}})
    more = {"imageRegistry": "r", "version": "1", "hostSuffix": "s"}
    item = {"metadata": {"name": "alcove", "namespace": "azds"}, "data": {**DATA, **more}}
    await client.create(resources.CONFIG_MAPS, item)
    assert await hubs.fetch_installation(client) == Installation("r", "1", "s", "10.96.0.20:443", "PEM")


async def test_the_newest_pod_is_the_last_and_those_that_go_do_not_count(client: FakeKubeClient) -> None:
    from tests.unit.app.up.worlds import hub_pod

    for name in ("old", "new", "going"):
        pod = hub_pod(name)
        if name == "going":
            pod["metadata"]["deletionTimestamp"] = "2030-01-01T00:00:00Z"
        await client.create(resources.PODS, pod)
    assert [pod["metadata"]["name"] for pod in await hubs.hub_pods(client, "dev")] == ["old", "new"]
