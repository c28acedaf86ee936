from __future__ import annotations

import asyncio
import dataclasses
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.app.hub.agents import Container
from tests.unit.app.hub.pods import ID, image, running, session_pod
from tests.unit.app.hub.worlds import Space, make_tar
from tests.unit.sessions.samples import make_settings

from alcove.agents import messages
from alcove.agents.client import AgentClient
from alcove.agents.messages import Directory, Link
from alcove.agents.operations import WriteFile
from alcove.app.hub import preparing
from alcove.app.hub.images import Builder
from alcove.app.hub.pods import view_pod
from alcove.app.hub.preparing import merged, must_prepare, prepare, read_operations
from alcove.errors import AlcoveError
from alcove.sessions.debugging import DEBUGGERS, SITE
from alcove.sessions.settings import ContainerSettings, Import, UpSettings

NODE, PYTHON = DEBUGGERS["node"], DEBUGGERS["python"]
INSPECT = "--inspect=0.0.0.0:9229"
IMPORT = Import("tools:1", "/opt/tools", "/tools")


@pytest.mark.parametrize(
    ("settings", "must"),
    [
        (make_settings(), False),
        (make_settings(container=None), False),
        (make_settings(debug="node"), True),
        (make_settings(container=None, debug="java"), True),
        (make_settings(container=ContainerSettings(imports=(IMPORT,))), True),
    ],
)
def test_what_has_to_be_prepared(settings: UpSettings, must: bool) -> None:
    assert must_prepare(settings) is must


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({}, INSPECT),
        ({"NODE_OPTIONS": ""}, INSPECT),
        ({"NODE_OPTIONS": "--max-old-space-size=99"}, f"--max-old-space-size=99 {INSPECT}"),
        ({"NODE_OPTIONS": f"--a {INSPECT} --b"}, f"--a {INSPECT} --b"),
        ({"NODE_OPTIONS": f"{INSPECT}0"}, f"{INSPECT}0 {INSPECT}"),
    ],
)
def test_flags_stay_beside_the_debuggers(environment: Mapping[str, str], found: str) -> None:
    assert merged(NODE, environment) == {"NODE_OPTIONS": found}


@pytest.mark.parametrize(
    ("before", "found"),
    [
        ("", "/.alcove/debug"),
        ("/lib:/app", "/.alcove/debug:/lib:/app"),
        ("/lib:/.alcove/debug", "/lib:/.alcove/debug"),
        ("/.alcove/debugging", "/.alcove/debug:/.alcove/debugging"),
    ],
)
def test_a_path_gets_the_debuggers_in_front(before: str, found: str) -> None:
    assert merged(PYTHON, {"PYTHONPATH": before}) == {"PYTHONPATH": found}


def test_a_tar_becomes_operations() -> None:
    content = make_tar({"./": b"", "./bin/": b"", "./bin/run": b"#!", "current": "bin/run", "a/b": b"1"})
    operations = read_operations(content, "x")
    assert [type(one) for one in operations] == [Directory, WriteFile, Link, WriteFile]
    assert [one.path for one in operations] == ["bin", "bin/run", "current", "a/b"]
    link = operations[2]
    assert isinstance(link, Link) and link.target == "bin/run"


def hard_linked(*, broken: bool = False) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        file = tarfile.TarInfo("one")
        file.size = 3
        archive.addfile(file, io.BytesIO(b"abc"))
        link = tarfile.TarInfo("two")
        link.type, link.linkname = tarfile.LNKTYPE, "gone" if broken else "one"
        archive.addfile(link)
        device = tarfile.TarInfo("null")
        device.type = tarfile.CHRTYPE
        archive.addfile(device)
    return buffer.getvalue()


def test_hard_links_are_files_and_devices_are_left_out() -> None:
    operations = read_operations(hard_linked(), "x")
    assert [(one.path, one.size) for one in operations if isinstance(one, WriteFile)] == [
        ("one", 3),
        ("two", 3),
    ]


@pytest.mark.parametrize(
    "content", [b"", b"no tar", hard_linked(broken=True), make_tar({"a": b"x" * 900})[:700]]
)
def test_a_damaged_tar_is_told(content: bytes) -> None:
    with pytest.raises(AlcoveError, match="/opt of tools cannot be read"):
        read_operations(content, "/opt of tools")


@given(st.binary(max_size=1200))
def test_any_bytes_are_operations_or_an_error(content: bytes) -> None:
    try:
        read_operations(content, "x")
    except AlcoveError as error:
        assert error.message == "x cannot be read"


async def prepared(space: Space, container: Container, settings: UpSettings) -> Mapping[str, str]:
    pod = view_pod(session_pod(containers=[{"name": "web", "image": image()}], status=running()))
    async with AgentClient.open(container.connect(), ID) as agent:
        return await prepare(space.open(), agent, pod, settings, "kept.id")


async def test_imports_are_written_where_they_are_wanted(tmp_path: Path) -> None:
    space, container = Space(tmp_path), Container(ID)
    space.builder.parts["tools:1", "/opt/tools"] = make_tar({"bin/": b"", "bin/x": b"1", "y": "bin/x"})
    found = await prepared(space, container, make_settings(container=ContainerSettings(imports=(IMPORT,))))
    assert found == {} and container.applied == "kept.id"
    assert container.files == {"/tools/bin/x": b"1", "/tools/y": b"-> bin/x"}


async def test_a_node_without_a_builder_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Nobody:
        async def find(self, node: str) -> Builder:
            await asyncio.Event().wait()
            raise AssertionError(node)

    monkeypatch.setattr(preparing, "_BUILDER_SECONDS", 0.0)
    kit = dataclasses.replace(Space(tmp_path).open(), builders=Nobody())
    pod = view_pod(session_pod(status=running()))
    settings = make_settings(container=ContainerSettings(imports=(IMPORT,)))
    with pytest.raises(AlcoveError, match="/opt/tools of tools:1 cannot be had") as caught:
        async with AgentClient.open(Container(ID).connect(), ID) as agent:
            await prepare(kit, agent, pod, settings, "")
    assert caught.value.hint.endswith("kubectl delete pod web-1 -n dev")


async def test_a_debugger_sees_the_environment_of_the_container(tmp_path: Path) -> None:
    def cat(run: messages.Run) -> tuple[bytes, bytes, int]:
        assert run.argv == ("cat", "/proc/self/environ")
        return b"PATH=/bin\0PYTHONPATH=/app\0odd\0", b"", 0

    container = Container(ID, run=cat)
    found = await prepared(Space(tmp_path), container, make_settings(debug="python"))
    assert found == {"PYTHONPATH": "/.alcove/debug:/app"}
    assert container.files == {"/.alcove/debug/sitecustomize.py": SITE.encode()}


async def test_a_container_without_programs_has_no_environment(tmp_path: Path) -> None:
    container = Container(ID, run=lambda _run: (b"", b"no such file", 127))
    found = await prepared(Space(tmp_path), container, make_settings(debug="node"))
    assert found == {"NODE_OPTIONS": INSPECT} and not container.files
