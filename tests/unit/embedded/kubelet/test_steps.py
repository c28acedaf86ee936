"""What comes next for a pod, decided from the states of its containers."""

from __future__ import annotations

import math
from typing import Any

import pytest

from alcove.embedded.kubelet.state import Backoff, ContainerState, Kind, Phase
from alcove.embedded.kubelet.steps import Steps, decide, initialized, restarts


def state(name: str, kind: Kind = Kind.MAIN, phase: Phase = Phase.WAITING, **fields: Any) -> ContainerState:
    policy, code = fields.pop("policy", "Always"), fields.pop("code", 0)
    terminated = {"exitCode": code} if phase is Phase.ENDED else None
    launched = phase is not Phase.WAITING
    return ContainerState(
        name, kind, fields.pop("spec", {}), policy, phase, terminated=terminated, launched=launched, **fields
    )


def names(steps: Steps) -> dict[str, Any]:
    return {
        "start": steps.start.name if steps.start else "",
        "stop": [c.name for c in steps.stop],
        "kill": [c.name for c in steps.kill],
    }


INIT, SIDECAR, MAIN = Kind.INIT, Kind.SIDECAR, Kind.MAIN
WAITING, STARTING, RUNNING, ENDED = Phase.WAITING, Phase.STARTING, Phase.RUNNING, Phase.ENDED


@pytest.mark.parametrize(
    ("containers", "start"),
    [
        ([state("a"), state("b")], "a"),
        ([state("a", phase=STARTING), state("b")], ""),
        ([state("a", phase=RUNNING), state("b")], "b"),
        ([state("a", phase=RUNNING, hooking=True), state("b")], ""),
        ([state("i", INIT), state("a")], "i"),
        ([state("i", INIT, RUNNING), state("a")], ""),
        ([state("i", INIT, ENDED), state("a")], "a"),
        ([state("i", INIT, ENDED, code=1), state("a")], "i"),
        ([state("s", SIDECAR, RUNNING), state("a")], ""),
        ([state("s", SIDECAR, RUNNING, started=True), state("a")], "a"),
        ([state("s", SIDECAR, RUNNING, started=True), state("i", INIT), state("a")], "i"),
        ([state("s", SIDECAR, ENDED), state("a", phase=RUNNING)], "s"),
        ([state("i", INIT), state("a", phase=RUNNING)], ""),
        ([state("a", phase=ENDED, code=0)], "a"),
        ([state("a", phase=ENDED, not_before=11)], ""),
        ([state("a", phase=ENDED, not_before=11), state("b")], "b"),
        ([state("a", phase=ENDED, policy="Never"), state("b", phase=RUNNING)], ""),
        ([state("a", phase=RUNNING), state("e", Kind.EPHEMERAL)], "e"),
    ],
)
def test_containers_start_in_order(containers: list[ContainerState], start: str) -> None:
    assert names(decide(containers, now=10, ending=False))["start"] == start


@pytest.mark.parametrize(
    ("containers", "stop"),
    [
        ([state("a", phase=RUNNING), state("b", phase=STARTING)], ["a", "b"]),
        ([state("s", SIDECAR, RUNNING), state("t", SIDECAR, RUNNING), state("a", phase=RUNNING)], ["a"]),
        ([state("s", SIDECAR, RUNNING), state("t", SIDECAR, RUNNING), state("a", phase=ENDED)], ["t"]),
        ([state("s", SIDECAR, RUNNING), state("t", SIDECAR, ENDED), state("a", phase=ENDED)], ["s"]),
        ([state("a", phase=RUNNING, stopping=True)], []),
    ],
)
def test_an_ending_pod_stops_its_sidecars_last_and_in_reverse(
    containers: list[ContainerState], stop: list[str]
) -> None:
    assert names(decide(containers, now=0, ending=True))["stop"] == stop


def test_sidecars_that_wait_for_their_turn_are_prepared_once() -> None:
    sidecars = [state("s", SIDECAR, RUNNING), state("t", SIDECAR, RUNNING, prepared=True)]
    todo = decide([*sidecars, state("a", phase=RUNNING)], now=0, ending=True)
    assert [each.name for each in todo.prepare] == ["s"]
    last = decide([state("s", SIDECAR, RUNNING), state("a", phase=ENDED)], now=0, ending=True)
    assert last.prepare == ()


def test_sidecars_stop_once_the_main_containers_have_ended_for_good() -> None:
    containers = [state("s", SIDECAR, RUNNING, started=True), state("a", phase=ENDED, policy="Never")]
    assert names(decide(containers, now=0, ending=False))["stop"] == ["s"]


def test_a_pod_whose_init_container_failed_for_good_is_finished() -> None:
    containers = [state("i", INIT, ENDED, code=1, policy="Never"), state("a", policy="Never")]
    assert decide(containers, now=0, ending=False).finished


def test_a_container_is_killed_when_its_time_is_over() -> None:
    containers = [state("a", phase=RUNNING, stopping=True, kill_at=5.0)]
    assert decide(containers, now=4, ending=True).wake_at == 5
    assert names(decide(containers, now=5, ending=True))["kill"] == ["a"]
    assert decide(containers, now=6, ending=True).wake_at == math.inf


def test_the_end_of_a_backoff_is_waited_for() -> None:
    assert decide([state("a", phase=ENDED, not_before=42)], now=10, ending=False).wake_at == 42


def test_a_pod_stays_initialized_while_its_sidecar_restarts() -> None:
    assert initialized([state("s", SIDECAR, ENDED), state("a", phase=RUNNING)])


@pytest.mark.parametrize(
    ("kind", "policy", "code", "expected"),
    [
        (MAIN, "Always", 0, True),
        (MAIN, "OnFailure", 0, False),
        (MAIN, "OnFailure", 1, True),
        (MAIN, "Never", 1, False),
        (INIT, "Always", 0, False),
        (INIT, "Always", 1, True),
        (SIDECAR, "Always", 0, True),
        (Kind.EPHEMERAL, "Always", 1, False),
    ],
)
def test_the_policy_says_what_restarts(kind: Kind, policy: str, code: int, expected: bool) -> None:
    assert restarts(state("a", kind, ENDED, policy=policy, code=code)) is expected


def test_a_restart_rule_overrides_the_policy() -> None:
    rule = {"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}
    spec = {"restartPolicyRules": [rule]}
    assert restarts(state("a", phase=ENDED, policy="Never", code=42, spec=spec))
    assert not restarts(state("a", phase=ENDED, policy="Never", code=1, spec=spec))


def test_the_backoff_doubles_up_to_five_minutes() -> None:
    backoff, now, waited = Backoff(), 0.0, []
    for _ in range(8):
        start, backoff = backoff.after_failure(now)
        waited.append(start - now)
        now = start + 1
    assert waited == [0, 10, 20, 40, 80, 160, 300, 300]


def test_the_backoff_is_forgotten_after_ten_quiet_minutes() -> None:
    _, backoff = Backoff().after_failure(0)
    assert backoff.after_failure(599)[0] == 609
    assert backoff.after_failure(601)[0] == 601
