"""Waiting for the image, and what is left for the containers that start then."""

from __future__ import annotations

import os
import shutil
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.native.conftest import COLD_BUILD_SECONDS, Agent
from tests.unit.native.hub import SESSION, Container, container, write

from alcove.agents import messages
from alcove.agents.messages import State

IMAGE = messages.Built(("sh", "-c"), ("echo $A from image; exec sleep 600",), "/usr", "app", ("PATH=/bin",))


@pytest.fixture
def pod(agent: Agent, tmp_path: Path) -> Iterator[Container]:
    with container(agent, tmp_path) as made:
        yield made


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


class TestWaiting:
    def test_it_tells_what_it_is(self, pod: Container) -> None:
        pod.await_build()
        hello = pod.dial().greet()
        assert (hello.role, hello.session, hello.state, hello.pid) == ("build", SESSION, State.WAITING, 0)

    def test_the_program_is_left_for_everybody(self, pod: Container) -> None:
        pod.await_build(umask=0o077)
        pod.hub()
        program = pod.directory / "bin/alcove-agent"
        assert program.read_bytes() == Path(pod.agent.prefix[0]).read_bytes()
        assert (mode(program), mode(program.parent), mode(pod.directory)) == (0o755, 0o755, 0o777)
        assert [path.name for path in program.parent.iterdir()] == ["alcove-agent"]

    def test_one_that_runs_already_can_be_replaced(self, pod: Container) -> None:
        """As when a pod's sandbox is made anew."""
        run = pod.await_build()
        pod.hub()
        run.send(signal.SIGTERM)
        assert run.wait() == 128 + signal.SIGTERM
        busy = Agent(str(pod.directory / "bin/alcove-agent"))
        busy.start("sleep", "600")
        pod.await_build()
        pod.hub()
        busy.close()

    def test_a_directory_that_is_not_there(self, pod: Container) -> None:
        pod.directory.rmdir()
        run = pod.await_build()
        assert run.wait() == 125
        assert "cannot put the agent into" in run.err.until("bin")

    def test_the_builds_log_is_ours(self, pod: Container) -> None:
        run = pod.await_build()
        hub = pod.hub()
        hub.say(messages.Log(b"step 1\nstep "))
        hub.say(messages.Log(b"2\n"))
        hub.ask(messages.BuildFailed("step 2 ended with code 1"))
        assert [run.out.next() for _ in range(3)] == ["step 1", "step 2", "step 2 ended with code 1"]
        hub.ask(messages.Ping())

    def test_what_only_a_running_one_does_is_refused(self, pod: Container) -> None:
        pod.await_build()
        hub = pod.hub()
        hub.say(messages.Begin("/"))
        assert "waits for an image" in hub.hear(messages.Error).text
        pod.hub().ask(messages.Ping())

    def test_what_cannot_be_kept_is_told(self, pod: Container) -> None:
        pod.await_build()
        hub = pod.hub()
        (pod.directory / "image.config").mkdir()
        failed = hub.refused(IMAGE)
        assert (failed.path, failed.reason) == ("image.config", "Is a directory")
        (pod.directory / "image.config").rmdir()
        hub.ask(IMAGE)

    def test_others_see_it_end_too(self, pod: Container) -> None:
        run = pod.await_build()
        first, second = pod.hub(), pod.hub()
        second.ask(IMAGE)
        with pytest.raises((EOFError, ConnectionResetError)):
            first.hear_any()
        assert run.wait() == 0


class TestAfterwards:
    def test_the_command_is_the_images(self, pod: Container) -> None:
        waiting = pod.await_build()
        hub = pod.hub()
        hub.ask(messages.Settings((), ("A=1",), "", False))
        hub.ask(IMAGE)
        assert waiting.wait() == 0
        pod.agent = Agent(str(pod.directory / "bin/alcove-agent"))
        run = pod.begin(options=("--image-entrypoint", "--image-cmd"))
        assert run.out.next() == "1 from image"
        pod.agent.close()

    def test_it_can_be_held(self, pod: Container) -> None:
        waiting = pod.await_build()
        hub = pod.hub()
        hub.ask(messages.Settings(("echo", "the session's"), (), "", True))
        hub.ask(IMAGE)
        assert waiting.wait() == 0
        run = pod.begin("echo", "the pod's")
        hub = pod.dial()
        assert hub.greet().state == State.HELD
        hub.ask(messages.Start())
        assert run.out.next() == "the session's"


@pytest.mark.root
@pytest.mark.timeout(COLD_BUILD_SECONDS)
@pytest.mark.parametrize("proc", [True, False])
@pytest.mark.parametrize("uid", [0, 57417])
def test_a_root_that_holds_only_busybox(root: Path, tmp_path: Path, proc: bool, uid: int) -> None:
    """No C library, no /dev, no user of that number, maybe no /proc."""
    found = shutil.which("busybox")
    assert found is not None
    shutil.copy(found, root / "busybox")
    for name in ("alcove", "proc", "app"):
        (root / name).mkdir()
        os.chown(root / name, uid, uid)
    mount = f"mount -t proc none {root}/proc; " if proc else ""
    inside = f'exec chroot --userspec={uid}:{uid} {root} /$0 "$@"'
    namespaces = ("unshare", "--kill-child", "--pid", "--fork", "--mount")
    script = f"{mount}{inside}"
    with container(Agent(*namespaces, "sh", "-c", script, "agent"), tmp_path) as pod:
        pod.directory = Path("/alcove")
        waiting = pod.await_build()
        pod.hub().ask(messages.Built(("/busybox", "sh", "-c"), ("echo it runs; exec /busybox sleep 600",)))
        assert waiting.wait() == 0
        pod.agent.close()
        pod.agent = Agent(*namespaces, "sh", "-c", script, "alcove/bin/alcove-agent")
        run = pod.begin(options=("--image-entrypoint", "--image-cmd"))
        assert run.out.next() == "it runs"
        hub = pod.dial()
        assert hub.greet().uid == uid
        hub.apply(Path("/app"), *write("a/b", b"content"), applied="m1")
        assert hub.run("/busybox", "cat", "a/b", workdir="/app") == (0, b"content", b"")
        request = hub.say(messages.Run(("/busybox", "sh", "-c", "exit 3")))
        hub.hear(messages.Started, request)
        assert hub.result(request)[0] == 3
        assert hub.ask(messages.Stop(("sleep",), 10_000)) == -signal.SIGTERM
        assert hub.ask(messages.Start()) > 0
        assert run.out.next() == "it runs"
        run.send(signal.SIGKILL)
        pod.agent.close()
