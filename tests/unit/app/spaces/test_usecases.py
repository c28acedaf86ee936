"""Commands on a cluster: making, selecting, showing and removing, with all rights and with few."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.app.spaces.worlds import FAMILY, BoundedClient, namespace, put, request, silent, use_cases_of

from alcove.app.spaces.creation import RESTARTED_AT
from alcove.app.spaces.observing import DAEMON_SETS, ROLE_BINDINGS
from alcove.app.spaces.paths import parse_path
from alcove.app.spaces.usecases import SpaceUseCases
from alcove.config.selection import SelectionStore
from alcove.errors import AlcoveError, ConflictError
from alcove.kube import resources
from alcove.kube.client import EVERYTHING, Listing, Object, Selection
from alcove.kube.errors import ForbiddenError, KubeError, NotFoundError, UnreachableError
from alcove.kube.resources import Resource
from alcove.model import SpaceName


@pytest.fixture
def client() -> BoundedClient:
    return BoundedClient()


@pytest.fixture
def use_cases(client: BoundedClient, tmp_path: Path) -> SpaceUseCases:
    return use_cases_of(client, tmp_path)


@pytest.fixture
def said() -> list[str]:
    return []


async def make(use_cases: SpaceUseCases, path: str, said: list[str] | None = None) -> None:
    plan = await use_cases.plan_creation(request(path))
    await use_cases.apply(plan, (said if said is not None else []).append)


async def test_making_a_space_twice_changes_nothing(
    client: BoundedClient, use_cases: SpaceUseCases, said: list[str]
) -> None:
    await make(use_cases, "dev", said)
    assert len(said) == 2
    binding = await client.get(ROLE_BINDINGS, "alcove-space", namespace="dev")
    revision = (await client.list(resources.NAMESPACES)).resource_version
    plan = await use_cases.plan_creation(request("dev"))
    assert not plan.actions and binding["roleRef"]["name"] == "admin"
    assert (await client.list(resources.NAMESPACES)).resource_version == revision


async def test_a_namespace_becomes_a_space_and_its_workloads_restart(
    client: BoundedClient, use_cases: SpaceUseCases
) -> None:
    meta = {"name": "web", "namespace": "default"}
    await client.create(resources.DEPLOYMENTS, {"metadata": meta, "spec": {"replicas": 2}})
    plan = await use_cases.plan_creation(request("default", restart="now"))
    await use_cases.apply(plan, silent)
    stored = await client.get(resources.DEPLOYMENTS, "web", namespace="default")
    assert stored["spec"]["template"]["metadata"]["annotations"] == {RESTARTED_AT: "now"}
    assert stored["spec"]["replicas"] == 2


async def test_a_cluster_without_daemon_sets_has_none(tmp_path: Path) -> None:
    class Without(BoundedClient):
        async def list(self, resource: Resource, selection: Selection = EVERYTHING) -> Listing:
            if resource == DAEMON_SETS:
                raise KubeError("not here", code=501)
            return await super().list(resource, selection)

    assert (await use_cases_of(Without(), tmp_path).plan_creation(request("default"))).question


async def test_selecting_is_remembered_and_said_again(use_cases: SpaceUseCases) -> None:
    await make(use_cases, "dev")
    assert await use_cases.select(parse_path("dev")) == "Space 'dev' is selected"
    assert await use_cases.select(parse_path("dev")) == "Space 'dev' is selected already"
    with pytest.raises(ConflictError):
        await use_cases.select(parse_path("gone"))
    assert await use_cases.selected() == "dev"


async def test_a_cluster_is_known_by_what_it_is(
    client: BoundedClient, use_cases: SpaceUseCases, tmp_path: Path
) -> None:
    await put(client, namespace("kube-system", space=False), namespace("dev"))
    await use_cases.select(parse_path("dev"))
    uid = (await client.get(resources.NAMESPACES, "kube-system"))["metadata"]["uid"]
    assert SelectionStore(tmp_path).read(uid) == "dev"
    assert await use_cases_of(BoundedClient(), tmp_path).selected() is None


async def test_removing_forgets_the_selection_and_a_second_time_does_nothing(
    client: BoundedClient, use_cases: SpaceUseCases, said: list[str]
) -> None:
    await make(use_cases, "dev")
    await use_cases.select(parse_path("dev"))
    await use_cases.apply(await use_cases.plan_removal(parse_path("dev")), said.append, seconds=10)
    assert said == ["Namespace 'dev' is being deleted", "No space is selected now"]
    with pytest.raises(NotFoundError):
        await client.get(resources.NAMESPACES, "dev")
    assert not (await use_cases.plan_removal(parse_path("dev"))).actions


async def test_keeping_the_namespace_leaves_what_was_there(
    client: BoundedClient, use_cases: SpaceUseCases
) -> None:
    before = await client.get(resources.NAMESPACES, "default")
    await make(use_cases, "default")
    await use_cases.apply(await use_cases.plan_removal(parse_path("default"), keep=True), silent)
    after = await client.get(resources.NAMESPACES, "default")
    assert after["metadata"].get("labels", {}) == before["metadata"].get("labels", {})
    assert not (await client.list(resources.SERVICE_ACCOUNTS)).items
    assert not (await client.list(ROLE_BINDINGS)).items


def service(space: str, name: str, **spec: str) -> Object:
    return {"metadata": {"name": name, "namespace": space}, "spec": {"clusterIP": "10.0.0.1", **spec}}


async def put_services(client: BoundedClient) -> None:
    await put(client, *FAMILY)
    for item in (
        service("dev", "web"),
        service("dev", "db"),
        service("team", "db", clusterIP="None"),
        service("alice", "web"),
        service("alice", "extra"),
        service("alice", "db", type="ExternalName", externalName="db.example.com", clusterIP=""),
    ):
        await client.create(resources.SERVICES, item)


async def test_a_space_is_shown_with_the_services_that_its_users_see(
    client: BoundedClient, use_cases: SpaceUseCases
) -> None:
    await put_services(client)
    details = await use_cases.show(parse_path("alice"))
    assert details.chain == ("alice", "team", "dev") and details.own == ("extra",)
    assert details.overrides == {"web": "dev"} and details.inherits == {"db": "team"}
    assert (await use_cases.show(parse_path("dev"))).children == ("dev/team",)
    assert details.lines()["overrides"] == "web (of dev)" and "not visible" not in details.lines()


async def test_nothing_is_shown_when_nothing_is_named_or_selected(use_cases: SpaceUseCases) -> None:
    with pytest.raises(ConflictError, match="no space is selected"):
        await use_cases.show(None)
    await make(use_cases, "dev")
    await use_cases.select(parse_path("dev"))
    assert (await use_cases.show(None)).row.selected


async def test_the_context_tells_where_commands_go(client: BoundedClient, use_cases: SpaceUseCases) -> None:
    view = await use_cases.show_context()
    assert view.document() == {"name": "ctx", "server": "https://cluster", "space": None, "hostSuffix": None}
    await put(client, *FAMILY, namespace("azds", space=False))
    config = {"metadata": {"name": "alcove", "namespace": "azds"}, "data": {"hostSuffix": "example.com"}}
    await client.create(resources.CONFIG_MAPS, config)
    await use_cases.select(parse_path("alice"))
    view = await use_cases.show_context()
    assert (view.space, view.host_suffix, view.missing) == ("dev/team/alice", "example.com", False)
    await client.delete(resources.NAMESPACES, "alice")
    assert (await use_cases.show_context()).missing


# ------------------------------------------------------------------------ who may see one namespace only


@pytest.fixture
async def bounded(client: BoundedClient, tmp_path: Path) -> SpaceUseCases:
    """Give the use cases of a user with all rights in 'alice', and none elsewhere."""
    await put_services(client)
    await put(client, namespace("kube-system", space=False))
    client.allowed = {"alice"}
    return use_cases_of(client, tmp_path, home="alice")


async def test_a_bounded_user_sees_their_space_below_what_is_hidden(bounded: SpaceUseCases) -> None:
    world = await bounded.observe()
    assert world.spaces == ("alice",) and world.hidden == {"team"} and not world.complete
    assert await bounded.select(parse_path("team/alice")) == "Space 'team/alice' is selected"
    details = await bounded.show(None)
    assert details.unseen == ("team",) and details.row.fault is None
    assert details.lines()["not visible"] == "team"


async def test_a_bounded_user_who_may_read_the_parent_sees_what_is_inherited(
    client: BoundedClient, bounded: SpaceUseCases
) -> None:
    client.allowed = {"alice", "team"}
    details = await bounded.show(parse_path("alice"))
    assert details.inherits == {"db": "team"} and details.unseen == ("dev",)


@pytest.mark.parametrize("path", ["team", "dev", "bob"])
async def test_another_space_is_neither_selected_nor_shown_nor_removed(
    bounded: SpaceUseCases, path: str
) -> None:
    for work in (bounded.select, bounded.show, bounded.plan_removal):
        with pytest.raises(ConflictError, match="may not see"):
            await work(parse_path(path))


async def test_a_missing_right_is_named_with_the_way_to_get_it(bounded: SpaceUseCases) -> None:
    with pytest.raises(AlcoveError, match="may not create namespaces") as caught:
        await make(bounded, "bob")
    assert "kubectl create clusterrole alcove-create-namespaces --verb=create" in caught.value.hint
    assert "--user=dev@example.com" in caught.value.hint and "cannot create" in caught.value.cause


async def test_a_failed_removal_has_lost_nothing(
    client: BoundedClient, bounded: SpaceUseCases, said: list[str]
) -> None:
    client.allowed = None
    await make(bounded, "alice")
    client.allowed = {"alice"}
    with pytest.raises(AlcoveError, match="may not patch namespaces"):
        await bounded.apply(await bounded.plan_removal(parse_path("alice"), keep=True), said.append)
    assert await client.get(resources.SERVICE_ACCOUNTS, "alcove-space", namespace="alice")
    with pytest.raises(AlcoveError, match="may not delete namespaces"):
        await bounded.apply(await bounded.plan_removal(parse_path("alice")), said.append)
    assert not said


async def test_a_space_that_lacks_its_account_gets_it_from_whoever_may(
    client: BoundedClient, bounded: SpaceUseCases, said: list[str]
) -> None:
    client.denied = {("create", "serviceaccounts")}
    with pytest.raises(
        AlcoveError, match="may not create serviceaccounts in the namespace 'alice'"
    ) as caught:
        await make(bounded, "alice", said)
    assert "--clusterrole=admin --user=dev@example.com -n alice" in caught.value.hint
    client.denied = set()
    await make(bounded, "alice", said)
    assert len(said) == 1


async def test_what_may_not_be_read_is_written_and_found_there(
    client: BoundedClient, bounded: SpaceUseCases
) -> None:
    await make(bounded, "alice")
    client.denied = {("get", "serviceaccounts"), ("get", "rolebindings.rbac.authorization.k8s.io")}
    said: list[str] = []
    await make(bounded, "alice", said)
    assert not said


async def test_a_name_that_is_taken_out_of_sight_is_told(
    client: BoundedClient, bounded: SpaceUseCases
) -> None:
    plan = await bounded.plan_creation(request("team"))
    client.allowed = None
    with pytest.raises(ConflictError, match="exists already"):
        await bounded.apply(plan, silent)


async def test_who_is_not_known_to_the_cluster_is_told_so_at_once(tmp_path: Path) -> None:
    class Stranger(BoundedClient):
        def _check(self, *_asked: object) -> None:
            raise ForbiddenError("Unauthorized", code=401)

    with pytest.raises(ForbiddenError, match="Unauthorized"):
        await use_cases_of(Stranger(), tmp_path).observe("dev")


async def test_an_unreachable_cluster_is_told_as_such(
    client: BoundedClient, use_cases: SpaceUseCases
) -> None:
    client.unreachable = True
    with pytest.raises(UnreachableError):
        await use_cases.observe(SpaceName("dev"))
