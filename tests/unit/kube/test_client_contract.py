"""What every client of a cluster does, whatever is behind it (see ``conftest.CLIENTS``)."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

import pytest

from alcove.kube import errors
from alcove.kube.client import ExecOptions, KubeClient, LogOptions, Object, PatchKind, Selection
from alcove.kube.fake import FakeExec, FakeKubeClient
from alcove.kube.resources import CONFIG_MAPS, DEPLOYMENTS, NAMESPACES, PODS

DEFAULT = Selection("default")


def config_map(name: str, *, content: str = "", labels: dict[str, str] | None = None) -> Object:
    meta = {"name": name, "namespace": "default", "labels": labels or {}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"a": content}}


async def names(client: KubeClient, selection: Selection) -> list[str]:
    listing = await client.list(CONFIG_MAPS, selection)
    return [item["metadata"]["name"] for item in listing.items]


async def test_what_is_created_can_be_read(client: KubeClient) -> None:
    created = await client.create(CONFIG_MAPS, config_map("one", content="x"))
    assert created["metadata"]["uid"]
    assert await client.get(CONFIG_MAPS, "one", namespace="default") == created


async def test_names_are_generated(client: KubeClient) -> None:
    item = config_map("")
    item["metadata"] = {"generateName": "one-", "namespace": "default"}
    created = [await client.create(CONFIG_MAPS, item) for _ in range(2)]
    assert len({one["metadata"]["name"] for one in created}) == 2


async def test_a_dry_run_leaves_nothing(client: KubeClient) -> None:
    await client.create(CONFIG_MAPS, config_map("one"), dry_run=True)
    with pytest.raises(errors.NotFoundError):
        await client.get(CONFIG_MAPS, "one", namespace="default")


async def test_a_name_is_taken_once(client: KubeClient) -> None:
    await client.create(CONFIG_MAPS, config_map("one"))
    with pytest.raises(errors.AlreadyExistsError) as raised:
        await client.create(CONFIG_MAPS, config_map("one"))
    assert (raised.value.code, raised.value.reason) == (409, "AlreadyExists")


async def test_a_namespace_must_exist(client: KubeClient) -> None:
    item = config_map("one")
    item["metadata"]["namespace"] = "missing"
    with pytest.raises(errors.NotFoundError, match="missing"):
        await client.create(CONFIG_MAPS, item)


async def test_the_last_writer_does_not_win(client: KubeClient) -> None:
    stale = await client.create(CONFIG_MAPS, config_map("one"))
    current = await client.replace(CONFIG_MAPS, {**stale, "data": {"a": "first"}})
    with pytest.raises(errors.ConflictError):
        await client.replace(CONFIG_MAPS, {**stale, "data": {"a": "second"}})
    assert (await client.get(CONFIG_MAPS, "one", namespace="default")) == current


@pytest.mark.parametrize(
    ("kind", "patch"),
    [
        (PatchKind.MERGE, {"data": {"b": "new", "a": None}}),
        (PatchKind.STRATEGIC, {"data": {"b": "new", "a": None}}),
        (
            PatchKind.JSON,
            [{"op": "remove", "path": "/data/a"}, {"op": "add", "path": "/data/b", "value": "new"}],
        ),
    ],
)
async def test_the_kinds_of_patches(client: KubeClient, kind: PatchKind, patch: Any) -> None:
    await client.create(CONFIG_MAPS, config_map("one", content="old"))
    changed = await client.patch(CONFIG_MAPS, "one", patch, kind=kind, namespace="default")
    assert changed["data"] == {"b": "new"}


async def test_applying_creates_and_then_changes(client: KubeClient) -> None:
    for content in ("old", "new"):
        item = config_map("one", content=content)
        await client.patch(CONFIG_MAPS, "one", item, kind=PatchKind.APPLY, namespace="default", force=True)
    assert (await client.get(CONFIG_MAPS, "one", namespace="default"))["data"] == {"a": "new"}


async def test_a_patch_that_does_not_fit_is_invalid(client: KubeClient) -> None:
    await client.create(CONFIG_MAPS, config_map("one"))
    patch = [{"op": "test", "path": "/data/a", "value": "other"}]
    with pytest.raises(errors.InvalidError):
        await client.patch(CONFIG_MAPS, "one", patch, kind=PatchKind.JSON, namespace="default")


async def test_a_patch_of_an_old_revision_conflicts(client: KubeClient) -> None:
    stale = await client.create(CONFIG_MAPS, config_map("one"))
    await client.patch(CONFIG_MAPS, "one", {"data": {"b": "x"}}, namespace="default")
    version = stale["metadata"]["resourceVersion"]
    with pytest.raises(errors.ConflictError):
        await client.patch(
            CONFIG_MAPS, "one", {"metadata": {"resourceVersion": version}, "data": {}}, namespace="default"
        )


async def test_status_is_written_apart(client: KubeClient) -> None:
    meta = {"name": "web", "namespace": "default"}
    await client.create(PODS, {"metadata": meta, "spec": {"containers": [{"name": "a", "image": "a"}]}})
    patch = {"status": {"message": "fine"}, "metadata": {}}
    changed = await client.patch(PODS, "web", patch, namespace="default", subresource="status")
    assert changed["status"]["message"] == "fine"
    changed = await client.patch(PODS, "web", {"status": {"message": "no"}}, namespace="default")
    assert changed["status"]["message"] == "fine"


async def test_what_is_deleted_is_gone(client: KubeClient) -> None:
    await client.create(CONFIG_MAPS, config_map("one"))
    await client.delete(CONFIG_MAPS, "one", namespace="default", grace_seconds=0)
    with pytest.raises(errors.NotFoundError):
        await client.delete(CONFIG_MAPS, "one", namespace="default")


async def test_only_the_very_object_is_deleted(client: KubeClient) -> None:
    await client.create(CONFIG_MAPS, config_map("one"))
    with pytest.raises(errors.ConflictError):
        await client.delete(CONFIG_MAPS, "one", namespace="default", uid="another")


async def test_finalizers_keep_an_object_until_they_are_gone(client: KubeClient) -> None:
    item = config_map("one")
    item["metadata"]["finalizers"] = ["alcove.dev/test"]
    await client.create(CONFIG_MAPS, item)
    await client.delete(CONFIG_MAPS, "one", namespace="default")
    kept = await client.get(CONFIG_MAPS, "one", namespace="default")
    assert kept["metadata"]["deletionTimestamp"]
    await client.patch(CONFIG_MAPS, "one", {"metadata": {"finalizers": None}}, namespace="default")
    assert "one" not in await names(client, DEFAULT)


async def test_lists_come_whole_and_with_kinds(client: KubeClient) -> None:
    for name in "edcba":
        await client.create(CONFIG_MAPS, config_map(name))
    listing = await client.list(CONFIG_MAPS, DEFAULT)
    listed = [item["metadata"]["name"] for item in listing.items]
    assert [name for name in listed if len(name) == 1] == [*"abcde"]
    assert {item["kind"] for item in listing.items} == {"ConfigMap"}
    assert listing.resource_version


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        ("app=web", ["web"]),
        ("app!=web,app", ["db"]),
        ("app in (web, db),tier", ["db"]),
        ("app notin (web)", ["bare", "db"]),
        ("!app", ["bare"]),
    ],
)
async def test_objects_are_selected_by_labels(client: KubeClient, labels: str, found: list[str]) -> None:
    kinds = {"web": {"app": "web"}, "db": {"app": "db", "tier": "back"}, "bare": dict[str, str]()}
    for name, own in kinds.items():
        await client.create(CONFIG_MAPS, config_map(name, labels=own))
    listed = await names(client, Selection("default", labels))
    assert [name for name in listed if name in kinds] == found


async def test_objects_are_selected_by_fields(client: KubeClient) -> None:
    for name in ("one", "two"):
        await client.create(CONFIG_MAPS, config_map(name))
    assert await names(client, Selection("default", fields="metadata.name=two")) == ["two"]


async def test_a_watch_tells_what_is_there_and_then_what_happens(client: KubeClient) -> None:
    await client.create(CONFIG_MAPS, config_map("one"))
    selection = Selection("default", fields="metadata.name=one")
    async with aclosing(client.watch(CONFIG_MAPS, selection)) as watch:
        told = [(await anext(watch)).type, (await anext(watch)).type]
        await client.patch(CONFIG_MAPS, "one", {"data": {"b": "x"}}, namespace="default")
        changed = await anext(watch)
        await client.delete(CONFIG_MAPS, "one", namespace="default")
        told += [changed.type, (await anext(watch)).type]
    assert told == ["ADDED", "SYNCED", "MODIFIED", "DELETED"]
    assert changed.object["data"]["b"] == "x"


async def test_objects_enter_and_leave_a_selection(client: KubeClient) -> None:
    await client.create(CONFIG_MAPS, config_map("one"))
    async with aclosing(client.watch(CONFIG_MAPS, Selection("default", "picked"))) as watch:
        assert (await anext(watch)).type == "SYNCED"
        told = []
        for value in ("yes", None):
            patch = {"metadata": {"labels": {"picked": value}}}
            await client.patch(CONFIG_MAPS, "one", patch, namespace="default")
            told.append((await anext(watch)).type)
    assert told == ["ADDED", "DELETED"]


async def test_a_resource_is_found_by_its_kind(client: KubeClient) -> None:
    assert await client.find_resource("apps/v1", "Deployment") == DEPLOYMENTS
    assert await client.find_resource("v1", "Namespace") == NAMESPACES


@pytest.mark.parametrize(("api_version", "kind"), [("apps/v1", "Nonsense"), ("nonsense.io/v1", "Deployment")])
async def test_unknown_kinds_are_not_found(client: KubeClient, api_version: str, kind: str) -> None:
    with pytest.raises(errors.NotFoundError):
        await client.find_resource(api_version, kind)


# ------------------------------------------------------------- what only a cluster of fakes can bring about


async def test_a_watch_survives_a_lost_connection(client: KubeClient, cluster: FakeKubeClient) -> None:
    async with aclosing(client.watch(CONFIG_MAPS, DEFAULT)) as watch:
        assert (await anext(watch)).type == "SYNCED"
        await client.create(CONFIG_MAPS, config_map("one"))
        assert (await anext(watch)).type == "ADDED"
        cluster.break_watches()
        await client.create(CONFIG_MAPS, config_map("two"))
        event = await anext(watch)
    assert (event.type, event.object["metadata"]["name"]) == ("ADDED", "two")


async def test_a_watch_survives_a_forgotten_history(client: KubeClient, cluster: FakeKubeClient) -> None:
    for name in ("gone", "kept"):
        await client.create(CONFIG_MAPS, config_map(name))
    async with aclosing(client.watch(CONFIG_MAPS, DEFAULT)) as watch:
        assert [(await anext(watch)).type for _ in range(3)] == ["ADDED", "ADDED", "SYNCED"]
        await cluster.delete(CONFIG_MAPS, "gone", namespace="default")
        await cluster.patch(CONFIG_MAPS, "kept", {"data": {"b": "x"}}, namespace="default")
        await cluster.create(CONFIG_MAPS, config_map("new"))
        cluster.forget_history()
        cluster.break_watches()
        events = [await anext(watch) for _ in range(3)]
    told = {(event.type, event.object["metadata"]["name"]) for event in events}
    assert told == {("DELETED", "gone"), ("MODIFIED", "kept"), ("ADDED", "new")}


@pytest.fixture
async def pod(cluster: FakeKubeClient) -> FakeKubeClient:
    await cluster.create(PODS, {"metadata": {"name": "web", "namespace": "default"}})
    return cluster


async def test_logs_are_read(client: KubeClient, pod: FakeKubeClient) -> None:
    pod.logs["default", "web"] = b"one\ntwo\n"
    parts = [part async for part in client.read_log("default", "web", LogOptions(tail_lines=1))]
    assert b"".join(parts) == b"two\n"


async def test_logs_of_a_missing_pod_are_not_found(client: KubeClient) -> None:
    with pytest.raises(errors.NotFoundError):
        await anext(aiter(client.read_log("default", "missing")))


@pytest.mark.parametrize("code", [0, 3])
async def test_a_command_is_run(client: KubeClient, pod: FakeKubeClient, code: int) -> None:
    asked: list[ExecOptions] = []

    def run(_namespace: str, _pod: str, options: ExecOptions) -> FakeExec:
        asked.append(options)
        return FakeExec(b"out", stderr=b"err", code=code)

    pod.run = run
    options = ExecOptions(("ls", "-l"), container="main")
    async with client.exec("default", "web", options) as command:
        output = [part async for part in command.output()]
        assert await command.wait() == code
    assert output == [(1, b"out"), (2, b"err")]
    assert asked == [options]


async def test_a_command_reads_its_input_and_size(client: KubeClient, pod: FakeKubeClient) -> None:
    running = FakeExec(b"done")
    pod.run = lambda _namespace, _pod, _options: running
    async with client.exec("default", "web", ExecOptions(("cat",), stdin=True, tty=True)) as command:
        await command.resize(80, 24)
        await command.write(b"hello ")
        await command.write(b"world")
        await command.close_stdin()
        assert await command.wait() == 0
    assert (running.stdin, running.size) == (b"hello world", (80, 24))


async def test_a_command_needs_a_pod(client: KubeClient) -> None:
    with pytest.raises(errors.NotFoundError):
        async with client.exec("default", "missing", ExecOptions(("ls",))):
            pass


async def test_a_port_is_reached(client: KubeClient, pod: FakeKubeClient) -> None:
    pod.ports["default", "web", 80] = bytes.upper
    async with client.connect("default", "web", 80) as connection:
        await connection.write(b"hello")
        assert await connection.read() == b"HELLO"


async def test_a_port_where_nothing_listens_is_told(client: KubeClient, pod: FakeKubeClient) -> None:
    with pytest.raises(errors.UnreachableError, match="nothing listens"):
        async with client.connect("default", "web", 81) as connection:
            await connection.read()
