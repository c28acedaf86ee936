"""What a Job says about itself: counts, times, and the conditions that ``kubectl wait`` looks for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from alcove.embedded.controllers.actions import NOTHING, Action, Notice, Plan, Tell, status_patches
from alcove.embedded.controllers.pods import is_active, is_finished, is_terminating, phase_of, ready_since
from alcove.embedded.controllers.times import (
    Condition,
    find_condition,
    is_true,
    with_condition,
)
from alcove.embedded.events import timestamp
from alcove.embedded.objects import GroupResource, Object

_JOBS = GroupResource("jobs.batch")

Outcome = tuple[str, str, str]
"""(``Complete`` or ``Failed``, reason, message)."""


def report_job(
    job: Object,
    pods: Sequence[Object],
    *,
    outcome: Outcome | None,
    completed: Collection[int] | None,
    now: float,
) -> Plan:
    """Compute the status from the Job's own pods; a finished Job's stays as it is."""
    before = job.get("status") or {}
    conditions: list[Condition] = list(before.get("conditions") or ())
    if is_true(conditions, "Complete") or is_true(conditions, "Failed") or _is_foreign(job):
        return NOTHING
    status = _counts(job, pods, completed)
    notices: list[Action] = []
    conditions, started = _suspension(job, conditions, now=now, notices=notices)
    status["startTime"] = started
    if outcome is not None:
        conditions = _with_outcome(conditions, outcome, now=now, ended=not _unfinished(pods))
        if not _unfinished(pods):
            notices.append(Tell(_farewell(job, outcome)))
            if outcome[0] == "Complete":
                status["completionTime"] = timestamp(now)
    status["conditions"] = conditions or None
    kept = {key: value for key, value in status.items() if value is not None}
    return Plan([*status_patches(_JOBS, job, kept), *notices])


def _is_foreign(job: Object) -> bool:
    return bool(
        job["spec"].get("managedBy", "kubernetes.io/job-controller") != "kubernetes.io/job-controller"
    )


def _unfinished(pods: Sequence[Object]) -> bool:
    return any(not is_finished(pod) for pod in pods)


def _counts(job: Object, pods: Sequence[Object], completed: Collection[int] | None) -> dict[str, Any]:
    active = [pod for pod in pods if is_active(pod)]
    succeeded = sum(phase_of(pod) == "Succeeded" for pod in pods) if completed is None else len(completed)
    failed = sum(phase_of(pod) == "Failed" for pod in pods)
    return {
        "active": len(active) or None,
        "ready": sum(ready_since(pod) is not None for pod in active),
        "terminating": sum(is_terminating(pod) and not is_finished(pod) for pod in pods),
        "succeeded": succeeded or None,
        "failed": failed or None,
        "completedIndexes": render_indexes(completed) if completed else None,
        "uncountedTerminatedPods": {},
    }


def render_indexes(indexes: Collection[int]) -> str:
    """Write indexes as ``0,2-4``."""
    runs: list[list[int]] = []
    for one in sorted(indexes):
        if runs and runs[-1][1] == one - 1:
            runs[-1][1] = one
        else:
            runs.append([one, one])
    # As Kubernetes does: two neighbours are a list, three a range.
    return ",".join(f"{a}" if a == b else f"{a},{b}" if b == a + 1 else f"{a}-{b}" for a, b in runs)


def _suspension(
    job: Object, conditions: list[Condition], *, now: float, notices: list[Action]
) -> tuple[list[Condition], str | None]:
    started = (job.get("status") or {}).get("startTime")
    told = find_condition(conditions, "Suspended")
    if job["spec"].get("suspend"):
        if told is None or told["status"] != "True":
            notices.append(Tell(Notice(job, "Suspended", "Job suspended")))
            new = {"type": "Suspended", "status": "True", "reason": "JobSuspended"}
            conditions = _set(conditions, {**new, "message": "Job suspended"}, now)
        return conditions, None
    if told is not None and told["status"] == "True":
        notices.append(Tell(Notice(job, "Resumed", "Job resumed")))
        new = {"type": "Suspended", "status": "False", "reason": "JobResumed", "message": "Job resumed"}
        return _set(conditions, new, now), timestamp(now)
    return conditions, started or timestamp(now)


def _with_outcome(
    conditions: list[Condition], outcome: Outcome, *, now: float, ended: bool
) -> list[Condition]:
    """Say what is decided at once, and that it is over only when the last pod has ended."""
    kind, reason, message = outcome
    decided = "SuccessCriteriaMet" if kind == "Complete" else "FailureTarget"
    told = {"status": "True", "reason": reason, "message": message}
    conditions = _set(conditions, {**told, "type": decided}, now)
    return _set(conditions, {**told, "type": kind}, now) if ended else conditions


def _set(conditions: list[Condition], new: Condition, now: float) -> list[Condition]:
    old = find_condition(conditions, new["type"])
    if old is not None and old["status"] == new["status"]:
        return conditions
    return with_condition(conditions, {**new, "lastProbeTime": timestamp(now)}, now)


def _farewell(job: Object, outcome: Outcome) -> Notice:
    kind, reason, message = outcome
    if kind == "Complete":
        return Notice(job, "Completed", "Job completed")
    return Notice(job, reason, message, "Warning")
