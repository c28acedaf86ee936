"""How the agent gets and renews the files that prove who its pod is: ``init`` and ``proxy``."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import signal
import stat
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.unit.native.conftest import Agent, Run, wait_gone, wait_until
from tests.unit.native.exchanges import PROGRAM, Exchange, path_of, render, serve

TOKEN = "header.payload.signature-that-nobody-may-see"
CERTIFICATE, TRUST = "/identity/certificate", "/identity/trust"
FOREVER = ("sleep", "600")
OLD = "1000 1\n"


def aged(request: str, seconds: int = 3600) -> bytes:
    return render(path_of(request).encode(), headers=(f"Cache-Control: max-age={seconds}",))


class Pod:
    """Where a pod's files are."""

    def __init__(self, place: Path) -> None:
        self.token, self.identity, self.socket = place / "token", place / "identity", place / "x.sock"
        self.token.write_text(f"{TOKEN}\n")
        self.identity.mkdir()

    def arguments(
        self, role: str, *command: str, fetches: tuple[str, ...] = (CERTIFICATE, TRUST)
    ) -> list[str]:
        told = ("--token", self.token, "--identity", self.identity, "--socket", self.socket)
        asked = (("--fetch", f"{path}={Path(path).name}.json") for path in fetches)
        return [role, *map(str, told), *itertools.chain(*asked), "--", *command]

    def read(self, path: str) -> str:
        return (self.identity / f"{Path(path).name}.json").read_text()

    def record(self, path: str) -> Path:
        return self.identity / f".{Path(path).name}.json.age"

    def recall(self, path: str, record: str) -> None:
        """Be as a run before left it."""
        (self.identity / f"{Path(path).name}.json").write_text("before")
        self.record(path).write_text(record)


@pytest.fixture
def pod(tmp_path: Path) -> Pod:
    return Pod(tmp_path)


@pytest.fixture
def exchange(pod: Pod) -> Iterator[Exchange]:
    with serve(pod.socket, aged) as exchange:
        yield exchange


class TestInit:
    def test_it_fetches_and_ends(self, agent: Agent, pod: Pod, exchange: Exchange) -> None:
        done = agent.call(*pod.arguments("init", *FOREVER))
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
        assert (pod.read(CERTIFICATE), pod.read(TRUST)) == (CERTIFICATE, TRUST)
        assert [path_of(request) for request in exchange.requests] == [CERTIFICATE, TRUST]
        first = exchange.requests[0].splitlines()
        assert first[0] == f"POST {CERTIFICATE} HTTP/1.1"
        assert f"Authorization: Bearer {TOKEN}" in first

    def test_the_command_is_who_answers_and_its_output_is_no_result(self, agent: Agent, pod: Pod) -> None:
        done = agent.call(*pod.arguments("init", *PROGRAM, str(pod.socket)))
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"listening\n")
        assert pod.read(CERTIFICATE) == CERTIFICATE

    def test_a_command_that_dies_is_restarted(self, agent: Agent, pod: Pod, tmp_path: Path) -> None:
        script = f"[ -e once ] || {{ touch once; exit 9; }}; exec {' '.join(PROGRAM)} {pod.socket}"
        done = agent.call(*pod.arguments("init", "sh", "-c", script), cwd=tmp_path)
        assert done.returncode == 0
        assert b"ended with code 9" in done.stderr

    def test_a_command_that_cannot_start_is_told(self, agent: Agent, pod: Pod) -> None:
        done = agent.call(*pod.arguments("init", "/nowhere/envoy"))
        assert (done.returncode, done.stderr) == (
            127,
            b"alcove-agent: cannot start /nowhere/envoy: no such file\n",
        )

    @pytest.mark.usefixtures("exchange")
    def test_a_command_that_does_not_end_is_killed(self, agent: Agent, pod: Pod) -> None:
        run = agent.begin(*pod.arguments("init", "sh", "-c", 'trap "" TERM; echo $$; exec sleep 600'))
        command = int(run.err.next())
        assert run.wait() == 0
        wait_gone(command)

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_asked_to_end_it_was_no_success(self, agent: Agent, pod: Pod, number: int) -> None:
        """Even if the command takes it for one, as an Envoy does."""
        polite = "trap 'exit 0' TERM INT; echo up; while :; do sleep 600 & wait; done"
        run = agent.begin(*pod.arguments("init", "sh", "-c", polite))
        assert run.err.next() == "up"
        run.send(number)
        assert run.wait() == 128 + signal.SIGTERM

    @pytest.mark.usefixtures("exchange")
    def test_what_is_there_is_fetched_anew(self, agent: Agent, pod: Pod) -> None:
        pod.recall(CERTIFICATE, "99999999999999 3600\n")
        assert agent.call(*pod.arguments("init", *FOREVER)).returncode == 0
        assert pod.read(CERTIFICATE) == CERTIFICATE


class TestFailures:
    @pytest.mark.parametrize(
        ("wire", "reason"),
        [
            (render(b"not ready yet\nreally\n", status="503 x"), "status 503: not ready yet"),
            (render(status="401 x"), "status 401"),
            (render(f"no: {TOKEN}".encode(), status="403 x"), "status 403"),
            (render(b"\x1b[2J\xff" * 500, status="500 x"), "status 500: ?[2J"),
            (render(b"", status="302 x", headers=("Location: /elsewhere",)), "status 302"),
            (render(b"x" * (256 * 1024 + 1)), "its body is larger than 256 KiB"),
            (render(), "the answer is empty"),
            (b"hello\r\n", "it does not begin as an HTTP/1 answer"),
            (b"", "the connection was closed without an answer"),
            (render(b"whole")[:-1], "the connection was closed in the midst of it"),
        ],
    )
    def test_they_are_told_once_and_tried_again(
        self, agent: Agent, pod: Pod, exchange: Exchange, wire: bytes, reason: str
    ) -> None:
        exchange.answers = lambda request: wire if len(exchange.requests) < 3 else aged(request)
        done = agent.call(*pod.arguments("init", *FOREVER, fetches=(CERTIFICATE,)))
        first, last = done.stderr.decode(errors="replace").splitlines()
        assert reason in first
        assert f"cannot fetch {CERTIFICATE}, and keep trying: " in first
        assert last == f"alcove-agent: fetched {CERTIFICATE} at last"
        assert TOKEN.encode() not in done.stderr
        assert (done.returncode, pod.read(CERTIFICATE)) == (0, CERTIFICATE)

    def test_each_change_of_the_reason_is_told(self, agent: Agent, pod: Pod, exchange: Exchange) -> None:
        statuses = [503, 503, 401, 401, 503]
        exchange.answers = lambda request: (
            render(status=f"{statuses[at]} x") if (at := len(exchange.requests)) < 5 else aged(request)
        )
        done = agent.call(*pod.arguments("init", *FOREVER, fetches=(CERTIFICATE,)))
        told = [line.rpartition(" ")[2] for line in done.stderr.decode().splitlines()]
        assert told == ["503", "401", "503", "last"]

    def test_one_does_not_hold_up_another(self, agent: Agent, pod: Pod, exchange: Exchange) -> None:
        exchange.answers = lambda request: (
            aged(request)
            if path_of(request) == TRUST or (pod.identity / "trust.json").exists()
            else render(status="503 x")
        )
        assert agent.call(*pod.arguments("init", *FOREVER)).returncode == 0
        assert pod.read(CERTIFICATE) == CERTIFICATE

    def test_the_token_is_read_anew(self, agent: Agent, pod: Pod, exchange: Exchange) -> None:
        def refuse_the_first(request: str) -> bytes:
            pod.token.write_text("second")
            return aged(request) if "Bearer second\r\n" in request else render(status="401 x")

        exchange.answers = refuse_the_first
        assert agent.call(*pod.arguments("init", *FOREVER)).returncode == 0

    @pytest.mark.parametrize(
        "content", [None, "", "\n", f"{TOKEN}\r\nX: y", f"{TOKEN} {TOKEN}", f"{TOKEN}\0", TOKEN * 1000]
    )
    def test_without_a_token_nobody_is_asked(
        self, agent: Agent, pod: Pod, exchange: Exchange, content: str | None
    ) -> None:
        pod.token.unlink()
        if content is not None:
            pod.token.write_text(content)
        run = agent.begin(*pod.arguments("init", *FOREVER))
        line = run.err.next()
        assert str(pod.token) in line
        assert TOKEN not in line
        assert exchange.requests == []
        fresh = pod.token.with_name("fresh")
        fresh.write_text(TOKEN)
        fresh.rename(pod.token)
        assert run.wait() == 0

    @pytest.mark.usefixtures("exchange")
    def test_a_directory_that_is_not_there_is_made_for_the_group_too(self, agent: Agent, pod: Pod) -> None:
        pod.identity.rmdir()
        run = agent.begin(*pod.arguments("init", *FOREVER))
        assert run.wait() == 0
        assert pod.identity.stat().st_mode & 0o7777 == 0o770

    def test_a_directory_that_cannot_be_made_is_told(self, agent: Agent, pod: Pod) -> None:
        pod.identity.rmdir()
        pod.identity.write_text("in the way of what is below")
        arguments = [
            each.replace(str(pod.identity), f"{pod.identity}/pod") for each in pod.arguments("init", *FOREVER)
        ]
        run = agent.begin(*arguments)
        assert "cannot make the directory of --identity: Not a directory" in run.err.next()
        assert run.wait() == 1

    def test_a_socket_that_nobody_listens_at_is_told(self, agent: Agent, pod: Pod) -> None:
        run = agent.begin(*pod.arguments("init", *FOREVER))
        assert f"nothing listens at {pod.socket}: No such file" in run.err.next()
        with serve(pod.socket, aged):
            assert run.wait() == 0


_KERNEL = ctypes.CDLL(None)
_MOVED_TO = 0x80
_CHANGES = 0x002 | 0x040 | _MOVED_TO | 0x100 | 0x200  # written, moved from and to, created, deleted


@contextlib.contextmanager
def watch(directory: Path) -> Iterator[Callable[[], list[tuple[str, int]]]]:
    """Yield what gives the changes in a directory so far: the name and what happened to it."""
    watcher = _KERNEL.inotify_init1(os.O_NONBLOCK)
    assert _KERNEL.inotify_add_watch(watcher, bytes(directory), _CHANGES) > 0

    def read() -> list[tuple[str, int]]:
        events, rest = [], os.read(watcher, 65536)
        while rest:
            _, mask, _, length = struct.unpack_from("iIII", rest)
            events.append((rest[16 : 16 + length].rstrip(b"\0").decode(), mask))
            rest = rest[16 + length :]
        return events

    try:
        yield read
    finally:
        os.close(watcher)


class TestFiles:
    @pytest.mark.usefixtures("exchange")
    def test_the_group_reads_them_and_nothing_else_is_left(self, agent: Agent, pod: Pod) -> None:
        (pod.identity / ".certificate.json.new").write_text("left behind")
        assert agent.call(*pod.arguments("init", *FOREVER), umask=0o777).returncode == 0
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in pod.identity.iterdir()}
        names = ("certificate.json", "trust.json", ".certificate.json.age", ".trust.json.age")
        assert modes == dict.fromkeys(names, 0o640)

    def test_a_reader_never_sees_half_of_one(self, agent: Agent, pod: Pod, exchange: Exchange) -> None:
        """All that happens to the name is that a whole file is moved there; an open one stays as it was."""
        exchange.answers = lambda request: render(b"x" * 200_000)
        pod.recall(CERTIFICATE, OLD)
        with (pod.identity / "certificate.json").open() as before, watch(pod.identity) as read_events:
            agent.call(*pod.arguments("init", *FOREVER, fetches=(CERTIFICATE,)))
            events = read_events()
            assert before.read() == "before"
        assert [mask for name, mask in events if name == "certificate.json"] == [_MOVED_TO]
        assert [mask for name, mask in events if name == ".certificate.json.age"] == [_MOVED_TO]
        assert pod.read(CERTIFICATE) == "x" * 200_000


def children_of(run: Run) -> list[int]:
    text = Path(f"/proc/{run.process.pid}/task/{run.process.pid}/children").read_text()
    return [int(child) for child in text.split()]


def companion_of(run: Run, program: str) -> int | None:
    """Give the process that renews."""
    for child in children_of(run):
        if Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")[0] == program.encode():
            return child
    return None


def await_companion(run: Run, program: str, *, other_than: int = 0) -> int:
    found: list[int] = []

    def look() -> bool:
        companion = companion_of(run, program)
        found.extend([companion] if companion not in (None, other_than) else [])
        return bool(found)

    wait_until(look)
    return found[0]


class TestProxy:
    def test_only_what_is_due_is_fetched(self, agent: Agent, pod: Pod, exchange: Exchange) -> None:
        pod.recall(CERTIFICATE, known := f"{_now_ms() - 5000} 3600\n")
        run = agent.begin(*pod.arguments("proxy", *FOREVER))
        wait_until(lambda: len(exchange.requests) > 0 and pod.record(TRUST).exists())
        assert [path_of(request) for request in exchange.requests] == [TRUST]
        assert pod.record(CERTIFICATE).read_text() == known
        assert int(pod.record(TRUST).read_text().split()[1]) == 3600
        run.send(signal.SIGTERM)
        assert run.wait() == 143

    @pytest.mark.parametrize("record", [OLD, "99999999999999 3600\n", "nonsense", ""])
    def test_what_is_old_or_unknown_is_due(
        self, agent: Agent, pod: Pod, exchange: Exchange, record: str
    ) -> None:
        pod.recall(CERTIFICATE, record)
        agent.begin(*pod.arguments("proxy", *FOREVER, fetches=(CERTIFICATE,)))
        wait_until(lambda: pod.read(CERTIFICATE) == CERTIFICATE)
        assert len(exchange.requests) == 1

    def test_an_age_is_worth_nothing_without_its_file(
        self, agent: Agent, pod: Pod, exchange: Exchange
    ) -> None:
        pod.record(CERTIFICATE).write_text(f"{_now_ms()} 3600\n")
        agent.begin(*pod.arguments("proxy", *FOREVER))
        wait_until(lambda: (pod.identity / "certificate.json").exists())
        assert exchange.requests

    def test_it_is_renewed_at_its_age(self, agent: Agent, pod: Pod, exchange: Exchange) -> None:
        exchange.answers = lambda request: aged(request, 1)
        agent.begin(*pod.arguments("proxy", *FOREVER, fetches=(CERTIFICATE,)))
        wait_until(lambda: len(exchange.requests) == 3)

    def test_failures_are_retried(self, agent: Agent, pod: Pod, exchange: Exchange) -> None:
        exchange.answers = lambda request: aged(request) if exchange.requests else render(status="503 x")
        run = agent.begin(*pod.arguments("proxy", *FOREVER, fetches=(CERTIFICATE,)))
        assert run.err.next().endswith("status 503")
        assert run.err.next().endswith("at last")

    def test_both_come_back_when_the_command_is_killed(self, agent: Agent, pod: Pod) -> None:
        script = f"echo $$; exec {' '.join(PROGRAM)} {pod.socket}"
        run = agent.begin(*pod.arguments("proxy", "sh", "-c", script, fetches=(CERTIFICATE,)))
        first = int(run.out.next())
        assert run.out.next() == "listening"
        wait_until(pod.record(CERTIFICATE).exists)
        renews = await_companion(run, agent.prefix[0])
        pod.record(CERTIFICATE).write_text(OLD)
        os.kill(first, signal.SIGKILL)
        assert run.err.next().endswith("restarting it now")
        assert int(run.out.next()) != first
        assert run.out.next() == "listening"
        wait_gone(renews)
        wait_until(lambda: pod.record(CERTIFICATE).read_text() != OLD)
        assert len({renews, await_companion(run, agent.prefix[0])}) == 2
        run.send(signal.SIGTERM)
        assert run.wait() == 143

    def test_a_command_that_ran_a_second_is_restarted_at_once_each_time(self, agent: Agent, pod: Pod) -> None:
        run = agent.begin(*pod.arguments("proxy", "sh", "-c", "sleep 1.01; exit 9", fetches=(CERTIFICATE,)))
        lines = [run.err.until("ended with code 9") for _ in range(3)]
        assert [line.rpartition("; ")[2] for line in lines] == ["restarting it now"] * 3

    def test_who_renews_comes_back_alone(self, agent: Agent, pod: Pod) -> None:
        run = agent.begin(*pod.arguments("proxy", "sh", "-c", "echo up; exec sleep 600"))
        assert run.out.next() == "up"
        renews = await_companion(run, agent.prefix[0])
        os.kill(renews, signal.SIGKILL)
        assert "our process beside sh ended unexpectedly (signal 9)" in run.err.next()
        again = await_companion(run, agent.prefix[0], other_than=renews)
        run.send(signal.SIGTERM)
        assert run.wait() == 143
        wait_gone(again)
        with pytest.raises(EOFError):
            run.out.next()

    def test_who_renews_ends_with_us(self, agent: Agent, pod: Pod) -> None:
        run = agent.begin(*pod.arguments("proxy", "sh", "-c", "echo $$; exec sleep 600"))
        command = int(run.out.next())
        renews = await_companion(run, agent.prefix[0])
        run.send(signal.SIGKILL)
        wait_gone(renews)
        os.kill(command, signal.SIGKILL)

    @pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1, signal.SIGTERM])
    def test_signals_do_not_end_who_renews(
        self, agent: Agent, pod: Pod, exchange: Exchange, number: int
    ) -> None:
        exchange.answers = lambda request: render(status="503 x")
        run = agent.begin(*pod.arguments("proxy", "sh", "-c", "echo up; exec sleep 600"))
        assert run.out.next() == "up"
        renews = await_companion(run, agent.prefix[0])
        run.err.until("503")
        os.kill(renews, number)
        exchange.answers = aged
        run.err.until("at last")
        assert companion_of(run, agent.prefix[0]) == renews

    @pytest.mark.root
    def test_another_user_renews_what_root_fetched(
        self, agent: Agent, pod: Pod, exchange: Exchange, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        """As in a pod: ``init`` is root in the proxy's group, and all may write to the volume."""
        for place in (pod.identity, pod.socket):
            place.chmod(0o777)
        for place in (*pod.token.parents[:3], Path(agent.prefix[0]).parent):
            if place.is_relative_to(tmp_path_factory.getbasetemp().parent):
                place.chmod(0o755)
        exchange.answers = lambda request: aged(request, 1)
        init = agent.below("setpriv", "--regid", "1337", "--clear-groups")
        assert init.call(*pod.arguments("init", *FOREVER, fetches=(CERTIFICATE,))).returncode == 0
        owned = pod.identity / "certificate.json"
        assert (owned.stat().st_uid, owned.stat().st_gid) == (0, 1337)
        proxy = agent.below("setpriv", "--reuid", "1337", "--regid", "1337", "--clear-groups")
        proxy.begin(*pod.arguments("proxy", *FOREVER, fetches=(CERTIFICATE,)))
        wait_until(lambda: owned.stat().st_uid == 1337)


@pytest.mark.root
class TestFirstProcess:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_nothing_is_left_of_a_proxy(
        self, agent: Agent, pod: Pod, exchange: Exchange, number: int
    ) -> None:
        first = agent.below(
            *("env", "ASAN_OPTIONS=detect_leaks=0"),
            *("unshare", "--kill-child", "--pid", "--fork", "--mount-proc"),
        )
        script = f"while ! [ -e {pod.record(TRUST)} ]; do sleep 0.01; done; kill -{number} 1; exec sleep 600"
        done = first.call(*pod.arguments("proxy", "sh", "-c", script))
        assert done.returncode == 128 + number
        assert len(exchange.requests) == 2


def _now_ms() -> int:
    return int(time.time() * 1000)
