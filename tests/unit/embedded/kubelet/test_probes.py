"""When probes run and what follows from their results."""

from __future__ import annotations

import pytest

from alcove.embedded.kubelet.probes import ProbeMachine, ProbeTiming, Verdict


def machine(*, eager: bool = False, **timing: float) -> ProbeMachine:
    return ProbeMachine(ProbeTiming(**timing), eager=eager)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("results", "verdict"),
    [
        ([], Verdict.UNKNOWN),
        ([True], Verdict.UNKNOWN),
        ([True, True], Verdict.GOOD),
        ([False, False], Verdict.UNKNOWN),
        ([False, False, False], Verdict.BAD),
        ([True, True, False, False], Verdict.GOOD),
        ([True, True, False, False, True, False], Verdict.GOOD),
        ([False, False, False, True], Verdict.BAD),
        ([False, False, False, True, True], Verdict.GOOD),
    ],
)
def test_thresholds_count_results_in_a_row(results: list[bool], verdict: Verdict) -> None:
    probe = machine(successes=2, failures=3)
    for result in results:
        probe.observe(result, early=False)
    assert probe.verdict is verdict


def test_early_failures_count_for_nothing() -> None:
    probe = machine(failures=1, eager=True)
    assert probe.observe(False, early=True) is Verdict.UNKNOWN
    assert probe.observe(False, early=False) is Verdict.BAD


def test_a_liveness_probe_runs_at_its_delay_and_then_each_period() -> None:
    probe = machine(initial_delay=5, period=10)
    assert probe.next_delay(0) == 5
    probe.observe(True, early=False)
    assert probe.next_delay(5) == 10
    assert probe.next_delay(37) == 8


def test_an_eager_probe_tries_in_quick_succession_until_it_succeeds() -> None:
    probe = machine(initial_delay=1, period=10, eager=True)
    assert probe.next_delay(0) == 1
    delays = [probe.next_delay(2.0) for _ in range(4)]
    assert delays == sorted(delays)
    assert delays[-1] < 1
    assert probe.is_early(2.0)
    probe.observe(True, early=True)
    assert probe.next_delay(3.0) == 8


def test_a_failure_at_the_period_counts_for_an_eager_probe() -> None:
    probe = machine(period=10, eager=True)
    assert not probe.is_early(10)


def test_timing_is_read_with_the_defaults_of_the_api() -> None:
    assert ProbeTiming.of({}) == ProbeTiming()
    assert ProbeTiming.of({"periodSeconds": 3, "failureThreshold": 1}) == ProbeTiming(period=3, failures=1)
