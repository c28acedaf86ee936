"""What is known of one container of a pod: the one value that decisions and the status are made from."""

from __future__ import annotations

import enum
import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from alcove.embedded.objects import Object

FIRST_DELAY = 10.0
"""Seconds before the second restart of a container that keeps ending."""
LONGEST_DELAY = 300.0
"""Seconds that the delay between restarts never exceeds."""


class Kind(enum.Enum):
    """What part a container plays in its pod."""

    INIT = "init"
    SIDECAR = "sidecar"
    MAIN = "main"
    EPHEMERAL = "ephemeral"


class Phase(enum.Enum):
    """Where a container is in its life."""

    WAITING = "waiting"
    STARTING = "starting"
    RUNNING = "running"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before starting again something that keeps failing."""

    delay: float = 0.0
    """Seconds to wait after the next failure; 0 means to start again at once."""
    since: float = 0.0
    """When the last start after a failure was allowed."""

    def after_failure(self, now: float) -> tuple[float, Backoff]:
        """Give the moment of the next start and the backoff that follows it.

        The first restart is immediate; the delay doubles with each further one and is forgotten when
        the last restart is longer ago than twice its maximum.
        """
        if not self.delay or now - self.since > 2 * LONGEST_DELAY:
            return now, Backoff(FIRST_DELAY, now)
        return now + self.delay, Backoff(min(self.delay * 2, LONGEST_DELAY), now + self.delay)


@dataclass(slots=True, eq=False)
class ContainerState:
    """One container over all its restarts; only the pod's worker changes it."""

    name: str
    kind: Kind
    spec: Object
    policy: str
    """Its effective restartPolicy."""
    phase: Phase = Phase.WAITING
    reason: str = ""
    """Why it waits; empty for the plain reason of a container whose turn has not come."""
    message: str = ""
    launched: bool = False
    """It was started at least once since this daemon took the pod up."""
    started: bool = False
    """It runs, its postStart hook has ended and its startup probe has succeeded."""
    ready: bool = False
    restarts: int = 0
    id: str = ""
    image: str = ""
    image_id: str = ""
    started_at: float = 0.0
    ended_at: float = 0.0
    terminated: Object | None = None
    """How it ended, as the API shows it; kept until the next start."""
    last: Object | None = None
    """How the run before ended."""
    backoff: Backoff = field(default_factory=Backoff)
    not_before: float = 0.0
    """No start before this moment (clock seconds)."""
    hooking: bool = False
    """Its postStart hook runs, which holds up the next container."""
    stopping: bool = False
    prepared: bool = False
    """Its preStop hook was begun before its turn to end."""
    kill_at: float = math.inf
    """When a container that is being stopped is killed (clock seconds)."""

    @property
    def exit_code(self) -> int:
        """The exit code of the run that ended last; 0 when none did."""
        return int((self.terminated or {}).get("exitCode", 0))

    def begin(self) -> None:
        """Note that a run is being started; what the one before came to becomes its history."""
        if self.terminated is not None:
            self.restarts += 1
            self.last, self.terminated = self.terminated, None
        self.phase, self.launched, self.prepared = Phase.STARTING, True, False
        self.reason = self.message = ""

    def end(self, terminated: Object, now: float) -> None:
        """Note that the run ended, and when the next may begin."""
        self.phase, self.terminated, self.ended_at = Phase.ENDED, terminated, now
        self.started = self.ready = self.hooking = self.stopping = False
        self.kill_at = math.inf
        self.not_before, self.backoff = self.backoff.after_failure(now)

    def postpone(self, reason: str, message: str, until: float) -> None:
        """Note that it could not be started, and when to try again."""
        self.phase, self.stopping = Phase.WAITING, False
        self.reason, self.message, self.not_before = reason, message, until


def containers_of(pod: Object) -> Iterator[ContainerState]:
    """Yield the state of each container of a pod that has not run: init containers first, in order."""
    spec = pod["spec"]
    policy = spec.get("restartPolicy") or "Always"
    for item in spec.get("initContainers") or ():
        kind = Kind.SIDECAR if item.get("restartPolicy") == "Always" else Kind.INIT
        yield ContainerState(item["name"], kind, item, item.get("restartPolicy") or policy)
    for item in spec["containers"]:
        yield ContainerState(item["name"], Kind.MAIN, item, item.get("restartPolicy") or policy)
    for item in spec.get("ephemeralContainers") or ():
        yield ContainerState(item["name"], Kind.EPHEMERAL, item, "Never")


def restore(container: ContainerState, status: Object, now: str) -> None:
    """Take over what the API shows of a container that ended with the daemon before this one.

    ``now`` is the time to give as its end. Init containers that succeeded run again, as the pod starts anew.
    """
    state = status.get("state") or {}
    container.restarts = int(status.get("restartCount") or 0)
    container.image, container.image_id = status.get("image", ""), status.get("imageID", "")
    container.id = str(status.get("containerID", "")).removeprefix("alcove://")
    container.last = (status.get("lastState") or {}).get("terminated")
    running = state.get("running")
    if running is not None:
        container.terminated = {
            "exitCode": 137,
            "reason": "Error",
            "message": "The container ended when the embedded cluster was stopped.",
            "startedAt": running.get("startedAt"),
            "finishedAt": now,
            "containerID": status.get("containerID", ""),
        }
    else:
        container.terminated = state.get("terminated")
        if container.terminated is None and container.last is not None:
            container.terminated, container.last = container.last, None
    done = container.kind is Kind.INIT and container.exit_code == 0
    if container.terminated is not None and not done:
        container.phase = Phase.ENDED
