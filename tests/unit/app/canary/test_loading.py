"""Load on loopback: who answered, in runs."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.app.canary.test_asking import LOOPBACK, free_port

from alcove.app.canary.loading import put_load
from alcove.app.canary.serving import Ports, open_canary

SECONDS = 0.3


def streams_of(ports: Ports) -> list[dict[str, Any]]:
    http, tcp = f"http://{LOOPBACK}:{ports.http}", {"do": "tcp", "host": LOOPBACK, "port": ports.tcp}
    socket = {"do": "ws", "url": f"{http}/ws"}
    return [
        {"do": "http", "url": f"{http}/", "headers": [["x-a", "1"]]},
        {"do": "grpc", "target": f"{LOOPBACK}:{ports.grpc}"},
        socket,
        {**socket, "held": True},
        tcp,
        {**tcp, "held": True},
    ]


@pytest.fixture
def ports() -> Ports:
    return Ports(free_port(), free_port(), free_port())


async def test_every_stream_is_one_run_while_one_answers(ports: Ports) -> None:
    async with open_canary("yellow", ports, host=LOOPBACK):
        told = await put_load({"seconds": SECONDS, "streams": streams_of(ports)})
    assert [[(run["name"], run["error"]) for run in runs] for runs in told["runs"]] == [[("yellow", "")]] * 6
    for (run,) in told["runs"]:
        assert run["count"] > 1 and run["began"] < run["ended"]


async def test_what_nobody_answers_is_a_run_of_errors(ports: Ports) -> None:
    told = await put_load({"seconds": SECONDS, "streams": streams_of(ports)})
    for runs in told["runs"]:
        assert runs and all(run["error"] and not run["name"] for run in runs)


async def test_a_status_that_is_no_success_is_an_error(ports: Ports) -> None:
    stream = {"do": "http", "url": f"http://{LOOPBACK}:{ports.http}/ws"}
    async with open_canary("yellow", ports, host=LOOPBACK):
        told = await put_load({"seconds": SECONDS, "streams": [stream]})
    assert told["runs"][0][0]["error"].startswith("ValueError: 400")
