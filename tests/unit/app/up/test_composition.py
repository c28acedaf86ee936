from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml
from tests.unit.app.hub.workstations import Hub
from tests.unit.app.hub.workstations import serving as serving_hub
from tests.unit.app.hub.worlds import Space
from tests.unit.app.spaces.worlds import namespace
from tests.unit.app.up.test_hubs import DATA, INSTALLATION
from tests.unit.app.up.worlds import UserClient, open_user
from tests.unit.kube.api_server import ApiServer, serving

from alcove.app.spaces.composition import ClusterChoice
from alcove.app.up import hubs
from alcove.app.up.composition import SpaceHub, SpacePlace, open_space
from alcove.errors import ConflictError, UnavailableError
from alcove.kube import resources
from alcove.kube.fake import FakeKubeClient
from alcove.model import SpaceName

Cluster = tuple[FakeKubeClient, dict[str, str]]
CHILD = SpacePlace(SpaceName("amy"), "dev/amy", SpaceName("dev"), "here")


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    async with serving_hub(Space(tmp_path)) as hub:
        yield hub


async def open_dev(hub: Hub) -> tuple[UserClient, SpaceHub]:
    client = await open_user(hub)
    place = SpacePlace(SpaceName("dev"), "dev", SpaceName("dev"), "here")
    return client, SpaceHub(client, place, INSTALLATION)


def test_tokens_of_a_child() -> None:
    tokens = SpaceHub(UserClient(), CHILD, INSTALLATION).tokens
    assert (tokens.tag, tokens.space_prefix) == ("", "amy.s.")
    assert (tokens.root_space_prefix, tokens.host_suffix) == ("dev.", ".apps.example")


async def test_a_hub_is_made_and_removed(hub: Hub) -> None:
    client, space = await open_dev(hub)
    said: list[str] = []
    for _ in range(2):
        await space.ensure(said.append)
    assert len(said) == 1 and said[0].startswith("The cluster has no default storage class")
    assert await space.exists()
    assert not (await client.list(hubs._CLAIMS)).items
    await space.remove()
    assert not await space.exists()


async def test_where_there_is_storage_sources_are_kept(hub: Hub) -> None:
    client, space = await open_dev(hub)
    mark = {"storageclass.kubernetes.io/is-default-class": "true"}
    await client.create(hubs._CLASSES, {"metadata": {"name": "fast", "annotations": mark}})
    said: list[str] = []
    await space.ensure(said.append)
    (claim,) = (await client.list(hubs._CLAIMS)).items
    assert not said and claim["spec"]["resources"]["requests"] == {"storage": "10Gi"}


async def test_urls_that_the_gateway_does_not_serve_stay_as_they_are(hub: Hub) -> None:
    client, space = await open_dev(hub)
    urls = ("http://dev.web.apps.example/", "https://else.where/x")
    assert await space.locate(urls) == urls
    client.unreachable = True
    assert await space.locate(urls) == urls


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    """Give a cluster with a space, and the environment of a user of it."""
    client = FakeKubeClient()
    for item in (namespace("kube-system", space=False), namespace("dev"), namespace("azds", space=False)):
        await client.create(resources.NAMESPACES, item)
    async with serving(ApiServer(client)) as url:
        config = {
            "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "c"}}],
            "clusters": [{"name": "c", "cluster": {"server": str(url)}}],
        }
        (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
        paths = {"KUBECONFIG": str(tmp_path / "kubeconfig"), "XDG_CONFIG_HOME": str(tmp_path / "config")}
        yield client, paths


async def test_a_space_that_can_be_used(cluster: Cluster, tmp_path: Path) -> None:
    client, environment = cluster
    item = {"metadata": {"name": "alcove", "namespace": "azds"}, "data": DATA}
    await client.create(resources.CONFIG_MAPS, item)
    async with open_space(ClusterChoice(), environment, home=tmp_path, space="dev") as space:
        assert space.place == SpacePlace(SpaceName("dev"), "dev", SpaceName("dev"), "here")


@pytest.mark.parametrize(
    ("space", "error", "told"),
    [
        ("", ConflictError, "no space is selected"),
        ("gone", ConflictError, "the space 'gone' cannot be used"),
        ("kube-system", ConflictError, "cannot be used"),
        ("dev", ConflictError, "not enabled"),
    ],
)
async def test_spaces_that_cannot_be_used(
    cluster: Cluster,
    tmp_path: Path,
    space: str,
    error: type[Exception],
    told: str,
) -> None:
    _, environment = cluster
    with pytest.raises(error, match=told):
        async with open_space(ClusterChoice(), environment, home=tmp_path, space=space):
            raise AssertionError


async def test_a_cluster_whose_control_plane_is_not_ready(cluster: Cluster, tmp_path: Path) -> None:
    client, environment = cluster
    await client.create(
        resources.CONFIG_MAPS, {"metadata": {"name": "alcove", "namespace": "azds"}, "data": {}}
    )
    with pytest.raises(UnavailableError, match="does not say how it is reached"):
        async with open_space(ClusterChoice(), environment, home=tmp_path, space="dev"):
            raise AssertionError
