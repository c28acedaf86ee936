"""When a probe runs and what its results mean: pure.

Until its first success a readiness or startup probe is also tried between its periods, in quick
succession at first, so that a container that listens after 20 ms does not count as unready for ten
seconds; failures of these early tries count for nothing.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from alcove.embedded.objects import Object

_FIRST_EARLY = 0.01


class Verdict(enum.Enum):
    """What a probe thinks of its container."""

    UNKNOWN = "unknown"
    GOOD = "good"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class ProbeTiming:
    """The numbers of a probe, in seconds and counts."""

    initial_delay: float = 0.0
    period: float = 10.0
    timeout: float = 1.0
    successes: int = 1
    failures: int = 3

    @classmethod
    def of(cls, probe: Object) -> ProbeTiming:
        """Read them from a probe of the API."""
        return cls(
            float(probe.get("initialDelaySeconds") or 0),
            float(probe.get("periodSeconds") or 10),
            float(probe.get("timeoutSeconds") or 1),
            int(probe.get("successThreshold") or 1),
            int(probe.get("failureThreshold") or 3),
        )


class ProbeMachine:
    """One probe of one run of a container: results in, verdict and next moment out."""

    def __init__(self, timing: ProbeTiming, *, eager: bool) -> None:
        """``eager`` allows early tries until the first success."""
        self.timing = timing
        self.verdict = Verdict.UNKNOWN
        self._eager = eager
        self._early = _FIRST_EARLY
        self._due = timing.initial_delay + (timing.period if eager else 0.0)
        self._count = 0
        self._last: bool | None = None

    def is_early(self, elapsed: float) -> bool:
        """Tell whether a try ``elapsed`` seconds after the container's start counts only as a success."""
        return elapsed < self._due

    def observe(self, success: bool, *, early: bool) -> Verdict:
        """Count a result and give the verdict after it."""
        if early and not success:
            return self.verdict
        self._count = self._count + 1 if success == self._last else 1
        self._last = success
        if success:
            self._eager = False
        if self._count >= (self.timing.successes if success else self.timing.failures):
            self.verdict = Verdict.GOOD if success else Verdict.BAD
        return self.verdict

    def next_delay(self, elapsed: float) -> float:
        """Give the seconds until the next try, ``elapsed`` seconds after the container's start."""
        if self._last is not None and elapsed >= self._due:
            missed = (elapsed - self._due) // self.timing.period
            self._due += (missed + 1) * self.timing.period
        until_due = max(0.0, self._due - elapsed)
        if not self._eager:
            return until_due
        if elapsed < self.timing.initial_delay:
            return self.timing.initial_delay - elapsed
        early, self._early = self._early, min(self._early * 2, self.timing.period)
        return min(early, until_due)
