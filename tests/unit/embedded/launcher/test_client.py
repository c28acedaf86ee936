"""The launcher as the daemon uses it, and what is left when either dies: nothing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from pathlib import Path

import pytest
from tests.unit.embedded.launcher.conftest import Bench, process

from alcove.embedded import ports
from alcove.embedded.launcher.client import LauncherClient, LauncherError, open_launcher
from alcove.embedded.ports import MACHINE_NETNS, NODE_NETNS

pytestmark = pytest.mark.root


async def test_tools_run_inside_and_their_complaints_are_told(launcher: LauncherClient) -> None:
    assert await launcher.run_tool(["cat"], stdin=b"x" * 300_000) == b"x" * 300_000
    with pytest.raises(ports.ToolError, match=r"sh ended with 3: oops"):
        await launcher.run_tool(["sh", "-c", "echo oops >&2; exit 3"])
    with pytest.raises(ports.ToolError, match="not found"):
        await launcher.run_tool(["nothing-like-it"])


async def test_requests_overlap(launcher: LauncherClient, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    write = os.open(pipe, os.O_RDWR)
    async with asyncio.TaskGroup() as group:
        slow = group.create_task(launcher.run_tool(["head", "-c4", str(pipe)]))
        fast = group.create_task(launcher.run_tool(["echo", "fast"]))
        assert await fast == b"fast\n"
        os.write(write, b"slow")
    os.close(write)
    assert slow.result() == b"slow"


async def test_namespaces_are_apart_and_each_has_its_loopback(launcher: LauncherClient) -> None:
    netns = await launcher.create_netns()
    names = [await _network_of(launcher, one) for one in (netns, NODE_NETNS, MACHINE_NETNS)]
    assert len(set(names)) == 3
    assert names[2] == str(Path("/proc/self/ns/net").readlink())
    with await launcher.open_socket(netns, socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.bind(("127.0.0.1", 80))
    await launcher.close_netns(netns)
    with pytest.raises(LauncherError, match="is gone"):
        await launcher.open_socket(netns, socket.AF_INET, socket.SOCK_STREAM)


async def _network_of(launcher: LauncherClient, netns: ports.NetnsId) -> str:
    return (await launcher.run_tool(["readlink", "/proc/self/ns/net"], netns=netns)).decode().strip()


async def test_links_are_made_and_moved_and_routes_deleted(launcher: LauncherClient) -> None:
    netns = await launcher.create_netns()
    await launcher.create_veth(ports.Veth("pod0", "eth0", netns, "10.42.0.2", "169.254.1.1"))
    with pytest.raises(LauncherError, match="File exists"):
        await launcher.create_veth(ports.Veth("pod0", "eth0", netns, "10.42.0.2", "169.254.1.1"))
    assert b"default via 169.254.1.1 dev eth0" in await launcher.run_tool(["ip", "route"], netns=netns)
    assert b"10.42.0.2 dev pod0" in await launcher.run_tool(["ip", "route"])
    await launcher.delete_route("10.42.0.2")
    await launcher.delete_route("10.42.0.2")
    assert await launcher.run_tool(["ip", "route"]) == b""
    await launcher.move_link("pod0", netns, rename="moved")
    assert b"moved" in await launcher.run_tool(["ip", "link"], netns=netns)
    with pytest.raises(LauncherError, match="No such device"):
        await launcher.move_link("pod0", netns)


async def test_a_long_environment_passes(bench: Bench) -> None:
    environment = {"PATH": "/usr/bin:/bin", **{f"V{number}": "x" * 1000 for number in range(100)}}
    assert await bench.script("echo ${#V99}", process_fields={"environment": environment}) == (0, "1000\n")


async def test_a_request_that_makes_no_sense_leaves_the_launcher_alive(launcher: LauncherClient) -> None:
    with pytest.raises(LauncherError, match="ValueError"):
        await launcher.set_sysctls(NODE_NETNS, {"net\0": "1"})
    with pytest.raises(LauncherError, match="No such file"):
        await launcher.set_sysctls(NODE_NETNS, {"net.nothing": "1"})


async def test_no_descriptor_is_left_of_what_has_ended(bench: Bench) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        await bench.launcher.run_tool(["true"])
        spec = bench.spec(process("true"))
        await bench.run(spec)
        await bench.launcher.remove_container(spec.id)
    said = await bench.launcher.run_tool(["sh", "-c", "ls /proc/1/fd | wc -l"])
    await bench.launcher.close_netns(await bench.launcher.create_netns())
    assert await bench.launcher.run_tool(["sh", "-c", "ls /proc/1/fd | wc -l"]) == said
    assert len(list(Path("/proc/self/fd").iterdir())) == before


async def test_many_containers_start_at_once(bench: Bench) -> None:
    async with asyncio.TaskGroup() as group:
        runs = [group.create_task(bench.script(f"exit {number}")) for number in range(20)]
    assert [run.result()[0] for run in runs] == list(range(20))


async def test_a_cancelled_start_leaves_no_process(bench: Bench) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0):
            await bench.start(bench.spec(process("sleep", "4711")))
    await bench.launcher.run_tool(["true"])
    for pid in _processes("sleep\0004711"):
        await _until_gone(int(pid))


async def test_without_root_it_says_why_it_cannot_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wrapper = tmp_path / "python"
    wrapper.write_text(f'#!/bin/sh\nexec setpriv --bounding-set -all --inh-caps -all {sys.executable} "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(wrapper))
    with pytest.raises(LauncherError, match="cannot start: unshare: Operation not permitted"):
        async with open_launcher():
            pass


async def test_everybody_who_waits_is_told_when_the_launcher_dies(bench: Bench) -> None:
    spec = bench.spec(process("sleep", "60"))
    started = await bench.start(spec)
    (launcher, *_) = _ancestors(started.pid)
    os.kill(launcher, signal.SIGKILL)
    with pytest.raises(LauncherError, match="has ended"):
        await started.wait()
    with pytest.raises(LauncherError, match="has ended"):
        await bench.launcher.create_netns()
    assert bench.launcher.died.done()
    await _until_gone(started.pid)


@pytest.mark.parametrize("victim", ["launcher", "its outer end", "daemon"])
async def test_nothing_is_left_whoever_is_killed(victim: str, tmp_path: Path) -> None:
    mounts = Path("/proc/self/mountinfo").read_text()
    daemon = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _DAEMON,
        str(tmp_path),
        stdout=asyncio.subprocess.PIPE,
    )
    assert daemon.stdout is not None
    started = [int(pid) for pid in (await daemon.stdout.readline()).split()]
    launcher, outer, *_ = _ancestors(started[0])
    network = Path(f"/proc/{launcher}/ns/net").stat().st_ino
    os.kill({"launcher": launcher, "its outer end": outer, "daemon": daemon.pid}[victim], signal.SIGKILL)
    for pid in (*started, launcher, outer):
        await _until_gone(pid)
    assert Path("/proc/self/mountinfo").read_text() == mounts
    assert network not in _networks()
    if victim != "daemon":
        daemon.kill()
    await daemon.wait()


# One container changed its user and, if it could, its parent-death signal; one has children of its own.
_DAEMON = """
import asyncio, os, sys
from pathlib import Path
from alcove.embedded.launcher.client import open_launcher
from alcove.embedded.ports import *

async def main():
    trees = tuple(t for t in ("/usr", "/bin", "/lib", "/lib64", "/sbin", "/etc") if os.path.exists(t))
    async with open_launcher() as launcher:
        null = os.open("/dev/null", os.O_RDWR)
        pids = []
        for number, user in enumerate((0, 1000)):
            argv = ("sh", "-c", "setsid sleep 60 & trap '' TERM; wait")
            spec = ContainerSpec(
                f"c{number}", RootFilesystem((), trees, Path(sys.argv[1]) / f"u{number}"), (),
                ProcessSpec(argv, {"PATH": "/usr/bin:/bin"}, user=user), await launcher.create_netns(), "box",
            )
            pids.append((await launcher.start_container(spec, stdin=None, stdout=null, stderr=null)).pid)
            more = await launcher.start_beside(
                spec.id, ProcessSpec(("sleep", "60"), {"PATH": "/usr/bin:/bin"}),
                stdin=None, stdout=null, stderr=null,
            )
            pids.append(more.pid)
        print(*pids, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


def _ancestors(pid: int) -> list[int]:
    found = []
    while pid > 1:
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        found.append(pid)
    return found


def _networks() -> set[int]:
    found = set()
    for path in Path("/proc").glob("[0-9]*/ns/net"):
        with contextlib.suppress(OSError):
            found.add(path.stat().st_ino)
    return found


def _processes(words: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if words in path.read_text():
                found.append(path.parent.name)
    return found


async def _until_gone(pid: int) -> None:
    while True:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return
        if state in "ZX":
            return
        await asyncio.sleep(0.005)
