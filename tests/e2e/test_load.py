"""Mixed load while the world changes: a child's Service comes and goes, the control plane dies and returns.

The load runs in one pod and is answered by two others. What was asked before a change is known everywhere may
be answered by either version; what is asked afterwards only by the right one. When "afterwards" is, is found
out in the same pod, so that one clock and one proxy tell it.
"""

from __future__ import annotations

import itertools
import os
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.e2e.kubectl import Kubectl
from tests.e2e.spaces import GRPC, HTTP, TCP, Asker, Object, Spaces, open_askers, until

pytestmark = [pytest.mark.root, pytest.mark.timeout(240)]

SECONDS = 60 if os.environ.get("ALCOVE_E2E_ALL") else 10
MORE_SECONDS = 4
"""How much longer the load goes on than changes begin: a control plane that was killed needs a while."""
EVERY = 1.0
KILLS = (0.3, 0.6, float("inf"))
"""When pods of the control plane are killed, in parts of the time."""
PARENT, CHILD = "dev", "amy"


@dataclass
class Change:
    """A change of who answers; times by the clock of the pod that asks."""

    began: float
    answering: str
    known: float = 0.0
    """When requests of every protocol had been answered as it says."""


@dataclass
class World:
    """A caller in the parent, whose requests name the child."""

    spaces: Spaces
    prober: Asker
    loader: Asker
    address: str
    changes: list[Change] = field(default_factory=list)

    @property
    def key(self) -> str:
        return self.spaces.namespace(CHILD)

    def streams(self) -> dict[str, Object]:
        """Give the streams of the load by name."""
        headers, url = [["azds-route-as", self.key]], f"http://{self.address}:{HTTP}"
        raw = {"do": "tcp", "host": self.address, "port": TCP}
        socket = {"do": "ws", "url": f"{url}/ws", "headers": headers}
        every: dict[str, Object] = {
            "http": {"do": "http", "url": f"{url}/", "headers": headers},
            "grpc": {"do": "grpc", "target": f"{self.address}:{GRPC}", "metadata": headers},
            "ws": socket,
            "ws held": {**socket, "held": True},
            "tcp": raw,
            "tcp held": {**raw, "held": True},
        }
        return {name: {**stream, "every": 0.02} for name, stream in every.items()}

    def change(self) -> None:
        """Create or delete the child's Service, and wait until that is known."""
        there = bool(self.changes) and self.changes[-1].answering == CHILD
        self.changes.append(Change(self.prober(do="nothing")["at"], PARENT if there else CHILD))
        if there:
            self.spaces.remove_service(CHILD, "web")
        else:
            self.spaces.add_service(CHILD, "web")
        self.changes[-1].known = until(self._known, seconds=30, every=0.02)

    def _known(self) -> float:
        """Give when all protocols that are routed were answered by who should; 0 when they were not."""
        asked = [self.streams()[name] for name in ("http", "grpc", "ws")]
        answers = [self.prober(**stream) for stream in asked]
        names = {(answer.get("body") or answer).get("name") or answer.get("first") for answer in answers}
        return float(answers[-1]["at"]) if names == {self.changes[-1].answering} else 0.0


@pytest.fixture
def world(spaces: Spaces) -> Iterator[World]:
    spaces.make({PARENT: "", CHILD: PARENT, "caller": PARENT})
    address = spaces.add_service(PARENT, "web")
    spaces.deploy(PARENT, CHILD, "caller")
    with open_askers(spaces, ["caller"]) as one, open_askers(spaces, ["caller"]) as other:
        yield World(spaces, one["caller"], other["caller"], address)


def kill_control_plane(within: Kubectl, *, both: bool) -> None:
    """End pods of the control plane as if their node had gone; others come in their place."""
    selector = "app.kubernetes.io/component=controlplane"
    names = within("get", "pods", "-l", selector, "-o", "name").split()
    within("delete", *(names if both else names[:1]), "--grace-period=0", "--force", "--wait=false")


def test_every_answer_is_of_a_version_that_is_right_then(
    world: World, enabled: Kubectl, capsys: pytest.CaptureFixture[str]
) -> None:
    streams = world.streams()
    until(lambda: world.prober(**streams["http"]).get("status") == 200)
    world.loader.start(do="load", seconds=SECONDS + MORE_SECONDS, streams=[*streams.values()])
    killed = change_while_killing(world, enabled.within("azds"))
    runs = dict(zip(streams, world.loader.finish(SECONDS + MORE_SECONDS + 30)["runs"], strict=True))
    found = [*errors(world.changes, runs)]
    with capsys.disabled():
        sys.stdout.write("\n".join(["", tell(world.changes, runs), *found]))
    assert killed == 2 and len(world.changes) >= 4
    until(lambda: is_back(enabled.within("azds")), seconds=60)
    assert not found
    for name in ("tcp", "tcp held"):
        assert {run["name"] for run in runs[name]} == {PARENT}
    assert len({run["name"] for run in runs["ws held"]}) == 1
    for name in ("http", "grpc", "ws"):
        assert {run["name"] for run in runs[name]} == {PARENT, CHILD}
        assert not list(wrong(world.changes, runs[name])), name


def change_while_killing(world: World, within: Kubectl) -> int:
    """Change who answers every second; end one pod of the control plane, then both. Give how often."""
    began, killed, pause = time.monotonic(), 0, threading.Event()
    for second in itertools.count():
        pause.wait(max(0.0, began + second * EVERY - time.monotonic()))
        passed = time.monotonic() - began
        if passed > SECONDS:
            return killed
        if passed > SECONDS * KILLS[killed]:
            kill_control_plane(within, both=killed > 0)
            killed += 1
        world.change()
    raise AssertionError("it goes on until the time is over")


def wrong(changes: list[Change], runs: list[Object]) -> Iterator[Object]:
    """Yield the runs in which a request was answered by a version that it should not have been answered by.

    A run is right when no moment at which only the other version was right falls between the beginning of its
    first request and that of its last one.
    """
    for change, after in itertools.zip_longest(changes, changes[1:]):
        until_then = after.began if after is not None else float("inf")
        for run in runs:
            last_began = run["ended"] - run["slowest"]
            if run["name"] != change.answering and change.known < last_began and run["began"] < until_then:
                yield {**run, "instead": change}


def errors(changes: list[Change], runs: dict[str, list[Object]]) -> Iterator[str]:
    """Yield the requests that nobody answered, each with the change that came before it."""
    for name, each in runs.items():
        for run in each:
            if run["error"]:
                before = [change for change in changes if change.began <= run["ended"]]
                since = (run["began"] - before[-1].began) * 1000 if before else 0
                change = f"{before[-1].answering} was to answer" if before else "the load began"
                yield f"{name}: {run['count']} x {run['error']}, {since:.0f} ms after {change}"


def is_back(within: Kubectl) -> bool:
    """Tell whether the control plane is as many as it should be."""
    status = within.read("deployment/alcove-controlplane")["status"]
    return bool(status.get("readyReplicas") == status.get("replicas") == 2)


def tell(changes: list[Change], runs: dict[str, list[Object]]) -> str:
    """Say how fast changes were known and how many requests there were."""
    known = " ".join(f"{(change.known - change.began) * 1000:.0f}" for change in changes)
    counts = ", ".join(f"{name} {sum(run['count'] for run in each)}" for name, each in runs.items())
    slowest = max(run["slowest"] for each in runs.values() for run in each)
    return f"known after {known} ms; requests: {counts}; the slowest {slowest * 1000:.0f} ms"
