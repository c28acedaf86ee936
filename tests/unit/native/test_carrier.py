"""What takes the place of an Envoy that is told nothing any more, because all it has is too old."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.native.conftest import Agent
from tests.unit.native.exchanges import PROGRAM, Exchange, render, serve
from tests.unit.native.test_exchange import CERTIFICATE, OLD, Pod, aged, children_of

COMMAND = ("sh", "-c", "echo up; exec sleep 600")


@pytest.fixture
def pod(tmp_path: Path) -> Pod:
    return Pod(tmp_path)


@pytest.fixture
def exchange(pod: Pod) -> Iterator[Exchange]:
    with serve(pod.socket, aged) as exchange:
        yield exchange


def carried(pod: Pod, *carrier: str, command: tuple[str, ...] = COMMAND) -> list[str]:
    return pod.arguments("proxy", *command, "--", *carrier, fetches=(CERTIFICATE,))


def test_it_fetches_what_is_too_old_and_the_command_comes_back(agent: Agent, pod: Pod) -> None:
    pod.recall(CERTIFICATE, OLD)
    run = agent.begin(*carried(pod, *PROGRAM, str(pod.socket)))
    assert [run.out.next() for _ in range(3)] == ["up", "listening", "up"]
    assert pod.read(CERTIFICATE) == CERTIFICATE
    assert "nothing listens" in run.err.next()
    assert run.err.next().startswith(
        "alcove-agent: what was fetched may have expired, and sh carries nothing"
    )
    run.send(signal.SIGTERM)
    assert run.wait() == 143
    with pytest.raises(EOFError):
        run.err.next()


def test_it_is_for_nothing_that_is_merely_due(agent: Agent, pod: Pod) -> None:
    pod.recall(CERTIFICATE, f"{int(time.time() - 2000) * 1000} 1800\n")
    run = agent.begin(*carried(pod, *PROGRAM, str(pod.socket)))
    run.err.until("nothing listens")
    with serve(pod.socket, aged):
        run.err.until("at last")
    run.send(signal.SIGTERM)
    assert run.wait() == 143
    assert run.out.next() == "up"
    with pytest.raises(EOFError):
        run.out.next()


def test_a_command_that_carries_stays_whatever_is_answered(
    agent: Agent, pod: Pod, exchange: Exchange
) -> None:
    pod.recall(CERTIFICATE, OLD)
    exchange.answers = lambda request: render(status="503 x") if not exchange.requests else aged(request)
    run = agent.begin(*carried(pod, "false"))
    run.err.until("at last")
    run.send(signal.SIGTERM)
    assert run.wait() == 143
    assert run.out.next() == "up"
    with pytest.raises(EOFError):
        run.out.next()


def test_asked_to_end_both_are_over(agent: Agent, pod: Pod) -> None:
    pod.recall(CERTIFICATE, OLD)
    run = agent.begin(*carried(pod, "sh", "-c", "echo carrier; exec sleep 600"))
    assert [run.out.next() for _ in range(2)] == ["up", "carrier"]
    run.send(signal.SIGTERM)
    assert run.wait() == 143
    with pytest.raises(EOFError):
        run.out.next()


def test_asked_to_end_meanwhile_no_other_begins(agent: Agent, pod: Pod) -> None:
    pod.recall(CERTIFICATE, OLD)
    stubborn = "trap 'echo asked' TERM; echo up; while :; do sleep 0.01; done"
    run = agent.begin(*carried(pod, "echo", "carrier", command=("sh", "-c", stubborn)))
    assert [run.out.next() for _ in range(2)] == ["up", "asked"]
    run.send(signal.SIGTERM)
    assert run.out.next() == "asked"
    os.kill(children_of(run)[0], signal.SIGKILL)
    assert run.wait() == 128 + signal.SIGKILL
    with pytest.raises(EOFError):
        run.out.next()
