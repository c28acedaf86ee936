"""What keeps the user's containers waiting until their proxy is ready."""

from __future__ import annotations

import socket
from pathlib import Path

from tests.unit.native.conftest import Agent
from tests.unit.native.exchanges import render, serve

LOOK_AT = "see the logs of its container, and whether the control plane runs"


def test_a_ready_proxy_is_a_success(agent: Agent, tmp_path: Path) -> None:
    with serve(tmp_path / "admin.sock", lambda request: render(b"LIVE\n")) as exchange:
        done = agent.call("await-proxy", "--admin", str(tmp_path / "admin.sock"))
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert exchange.requests[0].startswith("GET /ready HTTP/1.1\r\n")


def test_a_socket_may_appear_late(agent: Agent, tmp_path: Path) -> None:
    run = agent.begin("await-proxy", "--admin", str(tmp_path / "admin.sock"))
    (tmp_path / "dead").touch()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "before"))
    (tmp_path / "before").rename(tmp_path / "admin.sock")
    assert run.process.poll() is None
    (tmp_path / "admin.sock").unlink()
    with serve(tmp_path / "admin.sock", lambda request: render(b"LIVE\n")):
        assert run.wait() == 0


def test_a_proxy_may_be_ready_late(agent: Agent, tmp_path: Path) -> None:
    with serve(tmp_path / "admin.sock", lambda request: b"") as exchange:
        answers = [b"", b"nonsense\r\n", *[render(b"INITIALIZING\n", status="503 x")] * 5]
        exchange.answers = lambda request: (
            answers[at] if (at := len(exchange.requests)) < len(answers) else render(b"LIVE\n")
        )
        assert agent.call("await-proxy", "--admin", str(tmp_path / "admin.sock")).returncode == 0
        assert len(exchange.requests) == len(answers) + 1


def test_after_the_time_it_tells_what_to_look_at(agent: Agent, tmp_path: Path) -> None:
    with serve(tmp_path / "admin.sock", lambda request: render(b"INITIALIZING\n", status="503 x")):
        done = agent.call("await-proxy", "--admin", str(tmp_path / "admin.sock"), "--seconds", "1")
    line = done.stderr.decode()
    assert done.returncode == 1
    who = f"the Envoy whose admin is {tmp_path}/admin.sock"
    assert line.startswith(f"alcove-agent: {who} was not ready after 1 s (it answers with status 503): ")
    assert LOOK_AT in line
    assert line.count("\n") == 1


def test_nobody_there_is_no_success(agent: Agent, tmp_path: Path) -> None:
    done = agent.call("await-proxy", "--admin", str(tmp_path / "admin.sock"), "--seconds", "0")
    assert done.returncode == 1
    assert "after 0 s (No such file or directory): " in done.stderr.decode()


def test_who_does_not_answer_is_not_waited_for(agent: Agent, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "admin.sock"))
        silent.listen()
        done = agent.call("await-proxy", "--admin", str(tmp_path / "admin.sock"), "--seconds", "1")
    assert done.returncode == 1
    assert "no whole answer in time" in done.stderr.decode()


def test_a_path_that_no_socket_has_is_told_at_once(agent: Agent) -> None:
    done = agent.call("await-proxy", "--admin", "/" + "x" * 107, "--seconds", "0")
    assert done.returncode == 1
    assert "File name too long" in done.stderr.decode() or "name too long" in done.stderr.decode().lower()
