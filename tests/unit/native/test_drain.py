"""What sends the callers of an Envoy elsewhere before it ends."""

from __future__ import annotations

import socket
import time
from pathlib import Path

from tests.unit.native.conftest import Agent, wait_until
from tests.unit.native.exchanges import render, serve


def test_it_is_told_once(agent: Agent, tmp_path: Path) -> None:
    with serve(tmp_path / "admin.sock", lambda request: render(b"OK\n")) as exchange:
        done = agent.call("drain", "--admin", str(tmp_path / "admin.sock"))
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    (request,) = exchange.requests
    assert request.startswith("POST /healthcheck/fail HTTP/1.1\r\n")


def test_it_may_be_waited_for(agent: Agent, tmp_path: Path) -> None:
    """And what was restarted meanwhile is told as well."""
    before = time.monotonic()
    with serve(tmp_path / "admin.sock", lambda request: render(b"OK\n")) as exchange:
        done = agent.call("drain", "--admin", str(tmp_path / "admin.sock"), "--seconds", "1")
    assert (done.returncode, done.stderr) == (0, b"")
    assert time.monotonic() - before >= 1
    assert len(exchange.requests) > 1


def test_who_is_gone_is_not_waited_for(agent: Agent, tmp_path: Path) -> None:
    with serve(tmp_path / "admin.sock", lambda request: render(b"OK\n")) as exchange:
        run = agent.begin("drain", "--admin", str(tmp_path / "admin.sock"), "--seconds", "600")
        wait_until(lambda: len(exchange.requests) > 0)
        assert run.process.poll() is None
    assert run.wait() == 0


def test_a_socket_may_appear_a_moment_later(agent: Agent, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "admin.sock"))
    run = agent.begin("drain", "--admin", str(tmp_path / "admin.sock"))
    assert run.process.poll() is None
    (tmp_path / "admin.sock").unlink()
    with serve(tmp_path / "admin.sock", lambda request: render(b"OK\n")):
        assert run.wait() == 0


def test_nobody_there_is_told(agent: Agent, tmp_path: Path) -> None:
    done = agent.call("drain", "--admin", str(tmp_path / "admin.sock"), "--seconds", "600")
    assert done.returncode == 1
    told = f"cannot drain the Envoy whose admin is {tmp_path}/admin.sock: No such file or directory\n"
    assert done.stderr.decode() == f"alcove-agent: {told}"


def test_who_refuses_is_told(agent: Agent, tmp_path: Path) -> None:
    with serve(tmp_path / "admin.sock", lambda request: render(status="405 x")):
        done = agent.call("drain", "--admin", str(tmp_path / "admin.sock"), "--seconds", "600")
    assert done.returncode == 1
    assert done.stderr.endswith(b": it answers with status 405\n")
