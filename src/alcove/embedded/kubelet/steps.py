"""What to do next for a pod, from the states of its containers: pure.

Init containers run one after the other; a sidecar (an init container that restarts always) only has to
have started before the next one begins. The main containers follow. When they have ended for good, or the
pod is to end, the main containers stop together and the sidecars after them, last first; the preStop hooks of
all of them run at the beginning.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from alcove.embedded.kubelet.state import ContainerState, Kind, Phase


@dataclass(frozen=True, slots=True)
class Steps:
    """What the worker has to do now."""

    start: ContainerState | None = None
    stop: tuple[ContainerState, ...] = ()
    """To be asked to end."""
    prepare: tuple[ContainerState, ...] = ()
    """To be told that the end is near, by their preStop hooks: their turn to be asked to end comes later."""
    kill: tuple[ContainerState, ...] = ()
    """To be ended: their time is over."""
    wake_at: float = math.inf
    """When to decide anew though nothing has happened (clock seconds)."""
    finished: bool = False
    """Nothing runs and nothing will."""


def restarts(container: ContainerState) -> bool:
    """Tell whether a container that has ended is to be started again."""
    if container.kind is Kind.SIDECAR:
        return True
    if container.kind is Kind.EPHEMERAL:
        return False
    code = container.exit_code
    for rule in container.spec.get("restartPolicyRules") or ():
        codes = rule.get("exitCodes") or {}
        listed = code in (codes.get("values") or ())
        if rule.get("action") == "Restart" and listed == (codes.get("operator") == "In"):
            return True
    if container.policy == "Always":
        return container.kind is Kind.MAIN or code != 0
    return container.policy == "OnFailure" and code != 0


def ended_for_good(container: ContainerState) -> bool:
    """Tell whether the container has ended and will not run again."""
    return container.phase is Phase.ENDED and not restarts(container)


def init_failed(containers: Sequence[ContainerState]) -> bool:
    """Tell whether an init container has failed for good."""
    return any(c.kind is Kind.INIT and ended_for_good(c) and c.exit_code != 0 for c in containers)


def initialized(containers: Sequence[ContainerState]) -> bool:
    """Tell whether the init containers are done with, now or at any time before."""
    if any(c.kind is Kind.MAIN and c.launched for c in containers):
        return True
    return all(_let_pass(c) for c in containers)


def completed(containers: Sequence[ContainerState]) -> bool:
    """Tell whether the work of the pod is over, whatever its sidecars do."""
    return init_failed(containers) or all(ended_for_good(c) for c in containers if c.kind is Kind.MAIN)


def decide(containers: Sequence[ContainerState], *, now: float, ending: bool) -> Steps:
    """Give the next steps for a pod; ``ending`` when all of it is to stop."""
    kill = tuple(c for c in containers if c.stopping and c.phase is Phase.RUNNING and now >= c.kill_at)
    if ending or completed(containers):
        return _end(containers, now, kill)
    wake_at = _next_kill(containers, now)
    busy = any(c.phase is Phase.STARTING or c.hooking for c in containers)
    for candidate in _candidates(containers):
        if candidate.not_before > now:
            wake_at = min(wake_at, candidate.not_before)
        elif not busy:
            return Steps(start=candidate, kill=kill, wake_at=wake_at)
    return Steps(kill=kill, wake_at=wake_at)


def _candidates(containers: Sequence[ContainerState]) -> Iterator[ContainerState]:
    """Yield those that may be started, as soon as their backoff allows it."""
    before = not initialized(containers)
    for container in containers:
        idle = container.phase is Phase.WAITING or (container.phase is Phase.ENDED and restarts(container))
        if container.kind is Kind.INIT and not before:
            continue
        if container.kind is Kind.MAIN and before:
            return
        if idle:
            yield container
        if before and not _let_pass(container):
            return


def _let_pass(container: ContainerState) -> bool:
    if container.kind is Kind.INIT:
        return container.phase is Phase.ENDED and container.exit_code == 0
    return container.kind is not Kind.SIDECAR or container.started


def _end(containers: Sequence[ContainerState], now: float, kill: tuple[ContainerState, ...]) -> Steps:
    live = [c for c in containers if c.phase in (Phase.STARTING, Phase.RUNNING)]
    turn = [c for c in live if c.kind is not Kind.SIDECAR] or live[-1:]
    waiting = (c for c in live if c not in turn and c.phase is Phase.RUNNING)
    return Steps(
        stop=tuple(c for c in turn if not c.stopping),
        prepare=tuple(c for c in waiting if not c.prepared),
        kill=kill,
        wake_at=_next_kill(containers, now),
        finished=not live,
    )


def _next_kill(containers: Sequence[ContainerState], now: float) -> float:
    running = (c.kill_at for c in containers if c.stopping and c.phase is Phase.RUNNING)
    return min((at for at in running if at > now), default=math.inf)
