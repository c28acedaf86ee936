"""What a container's process and its surroundings are made to be."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.embedded.kubelet.worlds import FakeProcess, World, container, in_world

from alcove.embedded.objects import Object
from alcove.embedded.ports import ImageConfig, Mount


async def started(world: World, main: Object, **spec: Any) -> FakeProcess:
    await world.create(main, **spec)
    await world.ready()
    return world.launcher.latest("main")


@in_world
async def test_the_image_and_the_pod_make_the_process(world: World) -> None:
    world.images.config = ImageConfig({"A": "image", "B": "image"}, ("/app",), ("serve",), "/srv", "7:8")
    process = (await started(world, container(env=[{"name": "B", "value": "pod"}]))).process
    assert process.argv == ("/app", "serve")
    assert (process.directory, process.user, process.group) == ("/srv", 7, 8)
    assert process.environment["A"] == "image"
    assert process.environment["B"] == "pod"
    assert process.environment["HOSTNAME"] == "web"


@in_world
async def test_the_security_context_makes_the_process_small(world: World) -> None:
    security = {
        "runAsUser": 1000,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    process = await started(world, container(securityContext=security))
    assert (process.process.user, process.process.capabilities) == (1000, ())
    assert process.process.no_new_privileges
    assert process.spec.root.read_only
    assert not process.spec.privileged


@in_world
async def test_a_container_mounts_its_volumes_and_the_files_of_names(world: World) -> None:
    mounts = [
        {"name": "shared", "mountPath": "/a", "readOnly": True},
        {"name": "shared", "mountPath": "/b", "subPathExpr": "$(WHERE)/x"},
        {"name": "memory", "mountPath": "/m"},
    ]
    volumes = [
        {"name": "shared", "emptyDir": {}},
        {"name": "memory", "emptyDir": {"medium": "Memory", "sizeLimit": "1Ki"}},
    ]
    main = container(volumeMounts=mounts, env=[{"name": "WHERE", "value": "there"}])
    found = {mount.target: mount for mount in (await started(world, main, volumes=volumes)).spec.mounts}
    assert found["/a"].read_only
    assert found["/b"].source == f"{found['/a'].source}/there/x"
    assert found["/m"] == Mount("/m", size="1024")
    assert {"/etc/hosts", "/etc/resolv.conf", "/etc/hostname", "/dev/termination-log"} <= set(found)


@in_world
async def test_a_file_of_names_that_the_pod_mounts_itself_is_left_alone(world: World) -> None:
    mounts = [{"name": "own", "mountPath": "/etc/hosts"}]
    main = container(volumeMounts=mounts)
    process = await started(world, main, volumes=[{"name": "own", "emptyDir": {}}])
    assert [mount.target for mount in process.spec.mounts].count("/etc/hosts") == 1


@in_world
async def test_what_a_container_wrote_is_gone_at_its_next_start(world: World) -> None:
    first = await started(world, container())
    (first.spec.root.upper / "upper").mkdir()
    first.exit(1)
    await world.until(lambda item: item["status"]["containerStatuses"][0]["restartCount"] == 1)
    assert not first.spec.root.upper.exists()
    assert world.launcher.latest("main").spec.root.upper.is_dir()


@in_world
async def test_the_last_words_are_read_from_their_file(world: World) -> None:
    process = await started(world, container(terminationMessagePath="/words"), restartPolicy="Never")
    process.mounted("/words").write_text("x" * 5000)
    process.exit(1)
    item = await world.phase("Failed")
    message = item["status"]["containerStatuses"][0]["state"]["terminated"]["message"]
    assert message == "x" * 4096


@pytest.mark.parametrize("missing", ["$(NOPE)", "../../etc"])
@in_world
async def test_a_sub_path_that_cannot_be_had_is_told(world: World, missing: str) -> None:
    mounts = [{"name": "v", "mountPath": "/v", "subPathExpr": missing}]
    await world.create(container(volumeMounts=mounts), volumes=[{"name": "v", "emptyDir": {}}])
    told = await world.event("Failed")
    assert told.startswith('Error: failed to prepare subPath for volumeMount "v" of container "main"')
