"""What a container finds itself in."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest
from tests.unit.embedded.launcher.conftest import Bench, process

from alcove.embedded.ports import Mount, StartError

pytestmark = pytest.mark.root


async def test_a_container_is_first_of_its_pids_and_sees_no_others(bench: Bench) -> None:
    code, said = await bench.script(
        "echo $$; ls /proc | grep -c '^[0-9]'; hostname 2>/dev/null || cat /etc/hostname"
    )
    assert code == 0
    assert said.splitlines()[0] == "1"
    assert int(said.splitlines()[1]) < 5


async def test_its_hostname_and_home_are_its_own(bench: Bench) -> None:
    _, said = await bench.script("cat /proc/sys/kernel/hostname; echo $HOME")
    assert said == "box\n/root\n"


@pytest.mark.parametrize(("script", "code"), [("exit 3", 3), ("kill -9 $$; exit 0", 0), ("true", 0)])
async def test_its_end_is_told(bench: Bench, script: str, code: int) -> None:
    assert (await bench.script(script))[0] == code


async def test_a_signal_that_ended_it_is_told(bench: Bench) -> None:
    started = await bench.start(bench.spec(process("sleep", "60")))
    assert started.pid > 0
    started.kill(signal.SIGKILL)
    status = await started.wait()
    assert (status.code, status.signal) == (137, 9)
    started.kill(signal.SIGKILL)


async def test_signals_that_the_launcher_ignores_still_end_its_children(bench: Bench) -> None:
    spec = bench.spec(process("sh", "-c", "trap 'exit 7' TERM; echo up; while :; do sleep 0.01; done"))
    read, write = os.pipe()
    started = await bench.start(spec, write)
    os.close(write)
    with os.fdopen(read, "rb") as said:
        said.readline()
        started.kill(signal.SIGTERM)
        assert (await started.wait()).code == 7


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("nothing-like-it",), 'exec: "nothing-like-it": executable file not found in $PATH'),
        (("/nothing",), 'exec: "/nothing": stat /nothing: no such file or directory'),
        (("/etc/passwd",), 'exec: "/etc/passwd": permission denied'),
    ],
)
async def test_a_program_that_cannot_be_started_is_told_as_a_status_has_it(
    bench: Bench, argv: tuple[str, ...], message: str
) -> None:
    with pytest.raises(StartError) as caught:
        await bench.start(bench.spec(process(*argv)))
    assert str(caught.value) == message


async def test_a_missing_mount_source_is_told(bench: Bench) -> None:
    with pytest.raises(StartError, match="No such file or directory: /nowhere"):
        await bench.start(bench.spec(process("true"), mounts=(Mount("/x", "/nowhere"),)))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "00000000a80425fb"),
        ({"capabilities": ("NET_ADMIN", "UNKNOWN")}, "0000000000001000"),
        ({"capabilities": ()}, "0000000000000000"),
        ({"user": 1000, "group": 1000}, "0000000000000000"),
    ],
)
async def test_capabilities_are_those_of_containerd_or_those_asked_for(
    bench: Bench, fields: dict[str, Any], expected: str
) -> None:
    _, said = await bench.script("grep CapEff /proc/self/status", process_fields=fields)
    assert said.split() == ["CapEff:", expected]


async def test_user_groups_and_no_new_privileges_are_taken(bench: Bench) -> None:
    fields = {"user": 1234, "group": 55, "groups": (7, 8), "no_new_privileges": True}
    _, said = await bench.script(
        "id -u; id -g; id -G; grep NoNewPrivs /proc/self/status", process_fields=fields
    )
    assert said.split() == ["1234", "55", "55", "7", "8", "NoNewPrivs:", "1"]


async def test_the_directory_is_made_when_missing(bench: Bench) -> None:
    assert await bench.script("pwd", process_fields={"directory": "/a/b"}) == (0, "/a/b\n")


async def test_sysctls_are_set_before_they_are_locked(bench: Bench) -> None:
    netns = await bench.launcher.create_netns()
    code, said = await bench.script(
        "cat /proc/sys/net/core/somaxconn; echo 1 > /proc/sys/net/core/somaxconn",
        netns=netns,
        sysctls={"net.core.somaxconn": "77"},
    )
    assert code != 0
    assert said.startswith("77\n")


async def test_a_process_beside_shares_pids_files_and_end(bench: Bench) -> None:
    spec = bench.spec(process("sh", "-c", "echo here > /mark; exec sleep 60"))
    started = await bench.start(spec)
    what = process("sh", "-c", "cat /mark /proc/1/comm; exit 5")
    assert await bench.beside(spec.id, what) == (5, "here\nsleep\n")
    await bench.launcher.remove_container(spec.id)
    assert (await started.wait()).code == 137
    with pytest.raises(StartError, match="is not running"):
        await bench.beside(spec.id, process("true"))


async def test_a_process_beside_that_cannot_start_leaves_the_container_alone(bench: Bench) -> None:
    spec = bench.spec(process("sleep", "60"))
    await bench.start(spec)
    with pytest.raises(StartError, match="not found in"):
        await bench.beside(spec.id, process("nothing-like-it"))
    assert (await bench.beside(spec.id, process("true")))[0] == 0


async def test_a_terminal_becomes_the_controlling_one(bench: Bench) -> None:
    outer, inner = os.openpty()
    spec = bench.spec(
        process("sh", "-c", "test -t 0 && test -c /dev/console && echo ok > /dev/tty", tty=True)
    )
    started = await bench.launcher.start_container(spec, stdin=inner, stdout=inner, stderr=inner)
    assert (await started.wait()).code == 0
    assert os.read(outer, 100) == b"ok\r\n"
    os.close(outer)
    os.close(inner)


async def test_containers_can_share_pids_and_still_end_whole(bench: Bench) -> None:
    first = bench.spec(process("sleep", "60"))
    await bench.start(first)
    second = bench.spec(process("sh", "-c", "sleep 61 & exec sleep 62"), share_pids_with=first.id)
    started = await bench.start(second)
    _, said = await bench.beside(first.id, process("sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"))
    assert "sleep 62" in said
    await bench.launcher.remove_container(second.id)
    await started.wait()
    while "sleep 6" in said.replace("sleep 60", ""):
        _, said = await bench.beside(first.id, process("sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"))
