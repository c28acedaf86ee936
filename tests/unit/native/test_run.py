"""The container's command over the life of its container."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.native.conftest import PATIENCE_SECONDS, Agent, wait_gone
from tests.unit.native.hub import SESSION, Container, container

from alcove.agents import frames, messages
from alcove.agents.messages import State

SLEEP = ("sleep", "600")
BUSY = "while :; do sleep 0.01; done"


@pytest.fixture
def pod(agent: Agent, tmp_path: Path) -> Iterator[Container]:
    with container(agent, tmp_path) as made:
        yield made


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def record(*values: str | tuple[str, ...]) -> bytes:
    """Render a record as the agent does."""
    texts: list[str] = []
    for value in values:
        texts += [value] if isinstance(value, str) else [str(len(value)), *value]
    return b"".join(text.encode() + b"\0" for text in texts)


class TestGreeting:
    def test_it_tells_what_it_is(self, pod: Container) -> None:
        pod.begin("sh", "-c", "exec sleep 600")
        hello = pod.dial().greet()
        assert (hello.version, hello.session, hello.role, hello.applied) == (1, SESSION, "run", "")
        assert (hello.state, hello.exit, hello.uid) == (State.RUNNING, 0, os.geteuid())
        assert (hello.workdir, len(hello.instance)) == (str(Path.cwd()), 16)
        assert Path(f"/proc/{hello.pid}/comm").read_text() in ("sleep\n", "sh\n")

    def test_it_listens_on_both_loopbacks_and_nowhere_else(self, pod: Container) -> None:
        pod.begin(*SLEEP)
        pod.dial("::1").greet()
        pod.dial("127.0.0.1").greet()
        with socket.socket() as elsewhere:
            assert elsewhere.connect_ex(("127.0.0.2", pod.port)) == errno.ECONNREFUSED

    @pytest.mark.parametrize(
        ("first", "reason"),
        [
            (messages.HubHello(1, "s-of-somebody-else"), "another session"),
            (messages.HubHello(2, SESSION), "version 1"),
            (messages.Ping(), "no greeting"),
        ],
    )
    def test_others_are_sent_away(self, pod: Container, first: messages.Message, reason: str) -> None:
        pod.begin(*SLEEP)
        hub = pod.dial()
        hub.say(first, 0)
        assert reason in hub.hear(messages.Error).text
        with pytest.raises(EOFError):
            hub.hear_any()
        pod.hub().ask(messages.Ping())

    def test_many_hubs_are_served_at_once(self, pod: Container) -> None:
        pod.begin(*SLEEP)
        hubs = [pod.hub() for _ in range(16)]
        for hub in (*hubs, *reversed(hubs)):
            hub.ask(messages.Ping())
        waiting = pod.dial()
        hubs[0].close()
        assert waiting.greet().state == State.RUNNING

    def test_a_port_that_is_taken_does_not_keep_the_command_from_running(self, pod: Container) -> None:
        taken = socket.socket()
        taken.bind(("127.0.0.1", pod.port))
        taken.listen()
        run = pod.begin("sh", "-c", "echo runs; exec sleep 600")
        assert run.out.next() == "runs"
        assert "cannot listen" in run.err.next()
        taken.close()
        pod.hub().ask(messages.Ping())


class TestChoice:
    """What the pod, the image, the session and hubs say about the command."""

    IMAGE = record(("echo", "entrypoint"), ("cmd",), "/of/image", "", ())

    @pytest.mark.parametrize(
        ("options", "words", "said"),
        [
            ((), ("echo", "pod"), "pod"),
            (("--image-entrypoint",), ("args",), "entrypoint args"),
            (("--image-entrypoint", "--image-cmd"), (), "entrypoint cmd"),
        ],
    )
    def test_of_pod_and_image(
        self, pod: Container, options: tuple[str, ...], words: tuple[str, ...], said: str
    ) -> None:
        (pod.directory / "image.config").write_bytes(self.IMAGE)
        assert pod.begin(*words, options=options).out.next() == said

    def test_the_sessions_comes_before_these(self, pod: Container) -> None:
        settings = record(("sh", "-c", "echo $A $B $PWD"), ("A=1", "B=2"), "/usr", "0")
        (pod.directory / "settings").write_bytes(settings)
        assert pod.begin("echo", "pod").out.next() == "1 2 /usr"

    def test_a_hubs_comes_before_all_and_is_kept(self, pod: Container) -> None:
        settings = record(("echo", "session"), ("A=1", "B=2"), "", "0")
        (pod.directory / "settings").write_bytes(settings)
        run = pod.begin("echo", "pod")
        assert run.out.next() == "session"
        hub = pod.hub()
        assert hub.ask(messages.Start(("sh", "-c", "echo $A $B $PWD; exec sleep 600"), ("B=3",), "/usr"))
        assert run.out.next() == "1 3 /usr"
        run.send(signal.SIGTERM)
        assert run.wait() == 128 + signal.SIGTERM
        run = pod.begin("echo", "pod")
        assert run.out.next() == "1 3 /usr"
        pod.hub().ask(messages.Start())
        assert run.out.next() == "session"
        run.send(signal.SIGTERM)
        run.wait()
        assert pod.begin("echo", "pod").out.next() == "session"

    def test_plain_means_what_the_pod_says_and_is_kept_too(self, pod: Container) -> None:
        settings = record(("echo", "session"), (), "", "0")
        (pod.directory / "settings").write_bytes(settings)
        run = pod.begin("echo", "pod")
        assert run.out.next() == "session"
        pod.hub().ask(messages.Start(messages.PLAIN))
        assert run.out.next() == "pod"
        run.send(signal.SIGTERM)
        run.wait()
        assert pod.begin("echo", "pod").out.next() == "pod"

    def test_held_it_waits_to_be_told(self, pod: Container) -> None:
        (pod.directory / "settings").write_bytes(record((), (), "", "1"))
        run = pod.begin("echo", "pod")
        hub = pod.dial()
        assert hub.greet().state == State.HELD
        assert "waiting to be told what to run" in run.err.next()
        hub.ask(messages.Start())
        assert run.out.next() == "pod"

    @pytest.mark.parametrize("content", [b"", b"2\0a\0", b"-1\0", b"99999999999999\0", b"x" * 100, None])
    def test_an_image_that_says_nothing_is_told(self, pod: Container, content: bytes | None) -> None:
        if content is not None:
            (pod.directory / "image.config").write_bytes(content)
        run = pod.begin(options=("--image-entrypoint", "--image-cmd"))
        run.err.until("image.config")
        run.err.until("neither the pod nor the image says what to run")
        hub = pod.dial()
        assert hub.greet().state == State.ENDED
        hub.ask(messages.Start(("echo", "told")))
        assert run.out.next() == "told"

    def test_the_images_directory_is_told_when_the_container_has_none(self, pod: Container) -> None:
        (pod.directory / "image.config").write_bytes(self.IMAGE)
        pod.begin(*SLEEP, cwd="/")
        assert pod.dial().greet().workdir == "/of/image"

    def test_a_command_that_cannot_start_is_told_and_does_not_end_the_agent(self, pod: Container) -> None:
        run = pod.begin("/nowhere/it")
        assert "cannot start /nowhere/it: no such file" in run.err.next()
        assert run.err.next().startswith("[alcove] the command ended with exit code 127")
        hub = pod.dial()
        hello = hub.greet()
        assert (hello.state, hello.exit, hello.pid) == (State.ENDED, 127, 0)
        assert hub.ask(messages.Start(("/nowhere/either",))) == 0


class TestEnd:
    @pytest.mark.parametrize(
        ("script", "code", "said"),
        [
            ("exit 3", 3, "the command ended with exit code 3; it starts again at the next save"),
            ("exit 0", 0, "the command ended with exit code 0; it starts again at the next save"),
            ("kill -KILL $$", -9, "the command was ended by SIGKILL; it starts again at the next save"),
        ],
    )
    def test_a_command_that_ends_by_itself_is_told_and_starts_again_when_asked(
        self, pod: Container, script: str, code: int, said: str
    ) -> None:
        run = pod.begin("sh", "-c", f"read x; {script}", stdin=subprocess.PIPE)
        hub = pod.hub()
        assert run.process.stdin is not None
        run.process.stdin.write(b"\n")
        run.process.stdin.flush()
        assert hub.hear(messages.CommandExited).code == code
        assert run.err.next() == f"[alcove] {said}"
        hello = pod.dial().greet()
        assert (hello.state, hello.exit, hello.pid) == (State.ENDED, code, 0)
        assert hub.ask(messages.Stop((), 1000)) == code
        assert hub.ask(messages.Start()) > 0

    def test_what_it_left_behind_ends_with_it(self, pod: Container) -> None:
        run = pod.begin("sh", "-c", "setsid sleep 600 & echo $!; exit 1")
        wait_gone(int(run.out.next()))

    def test_sigterm_goes_to_the_command_and_its_code_is_ours(self, pod: Container) -> None:
        run = pod.begin("sh", "-c", "trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done")
        assert run.out.next() == "ready"
        run.send(signal.SIGTERM)
        assert run.wait() == 7

    def test_sigterm_ends_one_whose_command_has_ended(self, pod: Container) -> None:
        run = pod.begin("sh", "-c", "exit 3")
        run.err.until("exit code 3")
        run.send(signal.SIGTERM)
        assert run.wait() == 3

    def test_what_ignores_sigterm_is_killed_after_the_grace(self, pod: Container) -> None:
        run = pod.begin("sh", "-c", "trap '' TERM; echo ready; sleep 600; :", options=("--grace-ms", "50"))
        assert run.out.next() == "ready"
        run.send(signal.SIGTERM)
        assert run.wait() == 128 + signal.SIGKILL

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
    def test_another_signal_that_asks_for_the_end_is_understood(self, pod: Container, number: int) -> None:
        run = pod.begin("sh", "-c", "trap 'exit 7' INT QUIT; echo ready; while :; do sleep 0.01; done")
        assert run.out.next() == "ready"
        run.send(number)
        assert run.wait() == 7

    def test_other_signals_pass(self, pod: Container) -> None:
        run = pod.begin("sh", "-c", "trap 'echo hup' HUP; echo ready; while :; do sleep 0.01; done")
        assert run.out.next() == "ready"
        run.send(signal.SIGHUP)
        assert run.out.next() == "hup"
        pod.hub().ask(messages.Ping())


class TestStop:
    def test_it_gives_how_the_command_ended(self, pod: Container) -> None:
        pod.begin(*SLEEP)
        hub = pod.hub()
        assert hub.ask(messages.Stop((), 10_000)) == -signal.SIGTERM
        assert hub.ask(messages.Stop((), 10_000)) == -signal.SIGTERM
        assert pod.dial().greet().state == State.ENDED

    def test_its_whole_tree_gets_sigterm(self, pod: Container) -> None:
        inner = "trap 'echo inner; exit' TERM; echo ready; while :; do sleep 0.01; done"
        run = pod.begin("sh", "-c", f'setsid sh -c "{inner}" & wait; wait')
        assert run.out.next() == "ready"
        pod.hub().ask(messages.Stop((), 10_000))
        assert run.out.next() == "inner"

    def test_what_ignores_it_is_killed_after_the_grace(self, pod: Container) -> None:
        run = pod.begin("sh", "-c", "trap '' TERM; setsid sleep 600 & echo $!; wait; sleep 600")
        left = int(run.out.next())
        assert pod.hub().ask(messages.Stop((), 50)) == -signal.SIGKILL
        assert "still run after SIGTERM" in run.err.next()
        wait_gone(left)

    def test_orphans_of_the_command_end_too(self, pod: Container) -> None:
        run = pod.begin("sh", "-c", "(setsid sh -c 'echo $$; exec sleep 600' &); exec sleep 600")
        orphan = int(run.out.next())
        pod.hub().ask(messages.Stop((), 10_000))
        wait_gone(orphan)

    @pytest.mark.parametrize("how", ["comm", "argv", "exe"])
    def test_processes_are_named_by_any_of_their_names(
        self, pod: Container, tmp_path: Path, how: str
    ) -> None:
        """Also when the command has ended, and they are not below it."""
        name = f"{how}-{os.getpid()}"  # whoever else of this machine has that name would end too
        program = tmp_path / ("unnamed" if how == "argv" else name)
        if how == "comm":  # a script's name is its process' in the kernel's eyes alone
            program.write_text("#!/bin/sh\necho ready; while :; do sleep 0.01; done\n")
        else:
            program.write_bytes(Path("/bin/sleep").read_bytes())
        program.chmod(0o755)
        argv = [name if how == "argv" else "x", "600"]
        beside = subprocess.Popen(argv, executable=program, stdout=subprocess.DEVNULL)
        try:
            pod.begin("true")
            hub = pod.hub()
            hub.ask(messages.Stop(("other",), 10_000))
            assert beside.poll() is None
            hub.say(messages.Stop((name,), 10_000))
            assert beside.wait(PATIENCE_SECONDS) == -signal.SIGTERM
            hub.hear(messages.Done)
        finally:
            beside.kill()
            beside.wait()

    def test_many_can_wait_for_the_same_end(self, pod: Container) -> None:
        pod.begin(*SLEEP)
        hubs = [pod.hub() for _ in range(3)]
        requests = [hub.say(messages.Stop((), 10_000)) for hub in hubs]
        for hub, request in zip(hubs, requests, strict=True):
            assert hub.hear(messages.Done, request).value == -signal.SIGTERM

    def test_no_more_than_some_do(self, pod: Container) -> None:
        run = pod.begin("sh", "-c", "trap '' TERM; echo ready; sleep 600; sleep 600")
        assert run.out.next() == "ready"
        hub = pod.hub()
        requests = [hub.say(messages.Stop((), 600_000)) for _ in range(33)]
        assert "too many" in hub.hear(messages.Failed, requests[32]).reason


class TestStart:
    def test_it_ends_what_runs_and_tells_both(self, pod: Container) -> None:
        pod.begin(*SLEEP)
        hub = pod.dial()
        old = hub.greet().pid
        request = hub.say(messages.Start(("sleep", "601")))
        assert hub.hear(messages.CommandExited).code == -signal.SIGTERM
        started = hub.hear(messages.CommandStarted).pid
        assert hub.hear(messages.Done, request).value == started
        assert pod.dial().greet().pid == started
        wait_gone(old)

    def test_one_that_ignores_sigterm_has_two_seconds(self, pod: Container) -> None:
        run = pod.begin("sh", "-c", "trap '' TERM; echo ready; sleep 600; sleep 600")
        assert run.out.next() == "ready"
        hub = pod.hub()
        assert hub.ask(messages.Start(SLEEP)) > 0
        assert "still run after SIGTERM" in run.err.next()

    def test_the_last_of_several_wins(self, pod: Container) -> None:
        run = pod.begin("sh", "-c", "trap 'sleep 0.1; exit' TERM; echo ready; while :; do sleep 0.01; done")
        assert run.out.next() == "ready"
        hub = pod.hub()
        first, second = (
            hub.say(messages.Start(("echo", "first"))),
            hub.say(messages.Start(("echo", "second"))),
        )
        assert hub.hear(messages.Failed, first).reason == "something else is started instead"
        assert hub.hear(messages.Done, second).value > 0
        assert run.out.next() == "second"

    def test_a_stop_takes_it_back(self, pod: Container) -> None:
        run = pod.begin("sh", "-c", f"trap 'sleep 0.1; exit 5' TERM; echo ready; {BUSY}")
        assert run.out.next() == "ready"
        hub = pod.hub()
        start, stop = hub.say(messages.Start(SLEEP)), hub.say(messages.Stop((), 10_000))
        assert "stopped before" in hub.hear(messages.Failed, start).reason
        assert hub.hear(messages.Done, stop).value == 5

    def test_a_hub_that_is_gone_is_not_waited_for(self, pod: Container) -> None:
        run = pod.begin("sh", "-c", "trap 'sleep 0.05; exit' TERM; echo ready; while :; do sleep 0.01; done")
        assert run.out.next() == "ready"
        hub = pod.hub()
        hub.say(messages.Start(("sh", "-c", "echo second; exec sleep 600")))
        hub.close()
        assert run.out.next() == "second"


class TestRestartedContainer:
    """One whose earlier life had changes."""

    @pytest.fixture
    def restarted(self, pod: Container) -> Container:
        run = pod.begin(*SLEEP)
        pod.hub().apply(pod.root, messages.Directory("d", 0o755), applied="m1")
        assert pod.dial().greet().applied == "m1"
        run.send(signal.SIGTERM)
        run.wait()
        return pod

    def test_it_waits_for_a_commit(self, restarted: Container) -> None:
        run = restarted.begin("sh", "-c", "echo started; exec sleep 600")
        assert "waiting up to 30 s for the changes that it had" in run.err.next()
        hub = restarted.dial()
        hello = hub.greet()
        assert (hello.state, hello.applied) == (State.WAITING, "")
        hub.apply(restarted.root, messages.Directory("e", 0o755), applied="m2")
        assert run.out.next() == "started"
        assert hub.hear(messages.CommandStarted).pid > 0

    def test_a_batch_that_fails_is_not_what_it_waits_for(self, restarted: Container) -> None:
        restarted.begin(*SLEEP)
        hub = restarted.hub()
        hub.fail(restarted.root, messages.Mode("nothing", 0o600))
        assert restarted.dial().greet().state == State.WAITING

    def test_it_waits_for_a_start(self, restarted: Container) -> None:
        run = restarted.begin("sh", "-c", "echo started; exec sleep 600")
        hub = restarted.hub()
        assert hub.ask(messages.Start()) > 0
        assert run.out.next() == "started"

    def test_a_stop_ends_the_waiting(self, restarted: Container) -> None:
        restarted.begin(*SLEEP)
        hub = restarted.hub()
        assert hub.ask(messages.Stop((), 1000)) == 0
        hub.apply(restarted.root, messages.Directory("e", 0o755))
        assert restarted.dial().greet().state == State.ENDED

    def test_it_can_be_ended_meanwhile(self, restarted: Container) -> None:
        run = restarted.begin(*SLEEP)
        restarted.hub()
        run.send(signal.SIGTERM)
        assert run.wait() == 0

    def test_another_container_of_the_pod_is_not_concerned(self, restarted: Container) -> None:
        fixed = ("--port", str(restarted.port), "--session", SESSION, "--directory", str(restarted.directory))
        run = restarted.agent.begin("run", *fixed, "--container", "other", "--", "echo", "at once")
        assert run.out.next() == "at once"


class TestBeside:
    """Commands that hubs have run."""

    def test_streams_and_code(self, pod: Container) -> None:
        pod.begin(*SLEEP)
        hub = pod.hub()
        assert hub.run("sh", "-c", "echo out; echo err >&2; exit 3") == (3, b"out\n", b"err\n")
        assert hub.run("sh", "-c", "kill -KILL $$") == (-9, b"", b"")

    def test_environment_directory_and_empty_input(self, pod: Container) -> None:
        run = pod.begin(*SLEEP, env={"PATH": os.environ["PATH"], "A": "1", "B": "2"})
        hub = pod.hub()
        env = ("B=3", "C=4", "C=5")
        script = "cat; echo $A $B $C $PWD"
        assert hub.run("sh", "-c", script, env=env, workdir="/usr") == (0, b"1 3 5 /usr\n", b"")
        code, _, err = hub.run("true", workdir="/nowhere")
        assert (code, b"cannot start true in /nowhere: No such file" in err) == (126, True)
        code, _, err = hub.run("nothing-like-it")
        assert (code, b"not found in PATH" in err) == (127, True)
        run.send(signal.SIGTERM)
        assert run.wait() == 128 + signal.SIGTERM

    def test_its_path_is_the_one_it_was_given(self, pod: Container, tmp_path: Path) -> None:
        program = tmp_path / "mine"
        program.write_text("#!/bin/sh\necho mine\n")
        program.chmod(0o755)
        pod.begin(*SLEEP)
        assert pod.hub().run("mine", env=(f"PATH={tmp_path}",))[:2] == (0, b"mine\n")

    def test_much_passes_both_ways(self, pod: Container) -> None:
        pod.begin(*SLEEP)
        hub = pod.hub()
        content = os.urandom(3_000_000)
        request = hub.say(messages.Run(("cat",), flags=messages.WITH_INPUT))
        hub.hear(messages.Started)
        received = b""
        for at in range(0, len(content), 500_000):
            hub.say(messages.Input(content[at : at + 500_000]), request)
            while len(received) < min(at + 400_000, len(content)):
                received += hub.hear(messages.Output, request).content
        hub.say(messages.InputEnd(), request)
        code, rest, _ = hub.result(request)
        assert (code, received + rest == content) == (0, True)

    def test_output_that_is_not_read_holds_its_command_up_and_nobody_else(self, pod: Container) -> None:
        run = pod.begin(*SLEEP)
        slow, hub = pod.hub(), pod.hub()
        request = slow.say(messages.Run(("sh", "-c", "head -c 100000000 /dev/zero; echo end >&2")))
        slow.hear(messages.Started)
        for _ in range(20):
            hub.ask(messages.Ping())
        memory = Path(f"/proc/{run.process.pid}/statm").read_text().split()[1]
        assert int(memory) * 4096 < 64 << 20
        code, out, err = slow.result(request)
        assert (code, len(out), err) == (0, 100_000_000, b"end\n")

    def test_what_holds_its_streams_open_is_not_waited_for(self, pod: Container) -> None:
        pod.begin(*SLEEP)
        hub = pod.hub()
        assert hub.run("sh", "-c", "sleep 600 & echo done")[:2] == (0, b"done\n")

    def test_signals(self, pod: Container) -> None:
        pod.begin(*SLEEP)
        hub = pod.hub()
        script = "trap 'echo got; exit 5' TERM; echo ready; while :; do sleep 0.01; done"
        request = hub.say(messages.Run(("sh", "-c", script)))
        hub.hear(messages.Started)
        assert hub.hear(messages.Output).content == b"ready\n"
        hub.say(messages.Signal(signal.SIGTERM), request)
        assert hub.result(request)[:2] == (5, b"got\n")
        hub.say(messages.Signal(signal.SIGTERM), request)
        hub.ask(messages.Ping())

    def test_its_output_can_go_into_the_log_too(self, pod: Container) -> None:
        run = pod.begin(*SLEEP)
        hub = pod.hub()
        assert hub.run("sh", "-c", "echo to both; echo err >&2", flags=messages.WITH_LOG)[0] == 0
        assert run.out.next() == "to both"
        assert run.err.next() == "err"

    def test_a_hub_that_goes_takes_its_commands_with_it(self, pod: Container) -> None:
        pod.begin(*SLEEP)
        hub = pod.hub()
        hub.say(messages.Run(("sh", "-c", "trap '' TERM; echo $$; sleep 600; sleep 600")))
        hub.hear(messages.Started)
        pid = int(hub.hear(messages.Output).content)
        hub.close()
        wait_gone(pid)

    def test_no_more_than_some_run_at_once(self, pod: Container) -> None:
        pod.begin(*SLEEP)
        hub = pod.hub()
        for _ in range(16):
            hub.say(messages.Run(SLEEP))
            hub.hear(messages.Started)
        assert hub.refused(messages.Run(SLEEP)).reason == "too many commands run already"
        assert hub.refused(messages.Run(())).reason == "too many commands run already"

    def test_stopping_the_command_leaves_them_and_their_orphans(self, pod: Container, tmp_path: Path) -> None:
        """A build's daemon makes the next build quick."""
        name = f"daemon-{os.getpid()}"  # whoever else of this machine has that name would end too
        program = tmp_path / name
        program.write_bytes(Path("/bin/sleep").read_bytes())
        program.chmod(0o755)
        pod.begin(*SLEEP)
        hub = pod.hub()
        script = f"(setsid {program} 600 >/dev/null 2>&1 & echo $!)"
        daemon = int(hub.run("sh", "-c", script)[1])
        request = hub.say(messages.Run((str(program), "600")))
        hub.hear(messages.Started)
        other = pod.hub()
        other.ask(messages.Stop((), 10_000))
        os.kill(daemon, 0)
        other.ask(messages.Stop((name,), 10_000))
        wait_gone(daemon)
        assert hub.result(request)[0] == -signal.SIGTERM

    def test_all_end_with_the_container(self, pod: Container) -> None:
        run = pod.begin(*SLEEP)
        hub = pod.hub()
        pid = 0
        hub.say(messages.Run(("sh", "-c", "trap '' TERM; echo $$; sleep 600; sleep 600")))
        hub.hear(messages.Started)
        pid = int(hub.hear(messages.Output).content)
        run.send(signal.SIGTERM)
        assert run.wait() == 128 + signal.SIGTERM
        wait_gone(pid)


class TestMessages:
    """What a hub of ours never says."""

    @pytest.mark.parametrize(
        "content",
        [
            b"\0\0\0\4\x10\0\0\0",
            b"\xff\xff\xff\xff\x10\0\0\0\1",
            b"\0\x10\0\x41\x10\0\0\0\1",
            b"\0\0\0\5\x10\0\0\0\0",
            b"\0\0\0\5\x99\0\0\0\1",
            b"\0\0\0\6\x10\0\0\0\1x",
            b"\0\0\0\5\x08\0\0\0\1",
            b"\0\0\0\5\x02\0\0\0\1",
            b"\0\0\0\x0b\x0e\0\0\0\1\xff\xff\xff\xffxx",
            b"\0\0\0\x0c\x01\0\0\0\1\0\0\0\3/\0x",
        ],
        ids=["short", "huge", "large", "unnumbered", "unknown", "long", "commit", "change", "list", "nul"],
    )
    def test_end_the_connection_with_a_reason(self, pod: Container, content: bytes) -> None:
        pod.begin(*SLEEP)
        hub = pod.hub()
        hub.connection.sendall(content)
        assert hub.hear(messages.Error).text
        with pytest.raises(EOFError):
            hub.hear_any()
        pod.hub().ask(messages.Ping())

    def test_one_that_never_greets_makes_way(self, pod: Container) -> None:
        """Not before its time: others are served meanwhile."""
        pod.begin(*SLEEP)
        for _ in range(15):
            pod.dial()
        pod.hub().ask(messages.Ping())

    def test_frames_may_come_byte_by_byte(self, pod: Container) -> None:
        pod.begin(*SLEEP)
        hub = pod.dial()
        hello = frames.encode(messages.HubHello(1, SESSION), 1)
        for content in (hello, frames.encode(messages.Ping(), 2)):
            for at in range(len(content)):
                hub.connection.sendall(content[at : at + 1])
        hub.hear(messages.AgentHello, 1)
        hub.hear(messages.Done, 2)

    def test_who_asks_and_does_not_listen_is_not_read_any_more(self, pod: Container) -> None:
        run = pod.begin(*SLEEP)
        deaf, hub = pod.hub(), pod.hub()
        deaf.connection.setblocking(False)
        listing = messages.Tree("/usr/share", tuple(f"nothing/{number}" for number in range(1000)))
        content = frames.encode(listing, 1) * 50
        for _ in range(200):
            try:
                deaf.connection.send(content)
            except BlockingIOError:
                break
        hub.ask(messages.Ping())
        memory = Path(f"/proc/{run.process.pid}/statm").read_text().split()[1]
        assert int(memory) * 4096 < 64 << 20
