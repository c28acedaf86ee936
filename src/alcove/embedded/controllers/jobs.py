"""Jobs: pods that run to their end, so many times, with retries that wait longer each time.

What came of a Job is counted from the pods there are: they carry no tracking finalizer, so a finished pod
that somebody deletes while its Job still runs is run again (but for the indexes that an Indexed Job has
already noted as completed).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from alcove.embedded.controllers.actions import NOTHING, Action, Create, Notice, Plan, delete_of
from alcove.embedded.controllers.driver import Controller
from alcove.embedded.controllers.job_status import report_job
from alcove.embedded.controllers.ownership import is_controlled_by
from alcove.embedded.controllers.pods import (
    PODS,
    is_active,
    is_terminating,
    phase_of,
    pod_from_template,
    restarts_of,
)
from alcove.embedded.controllers.replicasets import in_deletion_order
from alcove.embedded.controllers.times import created_at, earliest, find_condition, is_true, seconds_of
from alcove.embedded.faults import ApiError
from alcove.embedded.objects import (
    GroupResource,
    Object,
    ObjectKey,
    WatchEvent,
    annotations_of,
    controller_of,
    metadata,
)
from alcove.embedded.ports import ClusterReader

JOBS = GroupResource("jobs.batch")
INDEX = "batch.kubernetes.io/job-completion-index"

_BACKOFF_SECONDS = 10.0
_LONGEST_BACKOFF_SECONDS = 600.0


def jobs(api: ClusterReader) -> Controller:
    """Give the controller of Jobs."""

    def keys(event: WatchEvent) -> Iterable[ObjectKey]:
        meta = metadata(event.object)
        if event.resource == JOBS:
            return (ObjectKey(JOBS, meta["namespace"], meta["name"]),)
        controller = controller_of(event.object)
        if controller is None or controller["kind"] != "Job":
            return ()
        return (ObjectKey(JOBS, meta["namespace"], controller["name"]),)

    def plan(key: ObjectKey, now: float) -> Plan:
        if (job := api.get(*key)) is None:
            return NOTHING
        return plan_job(observe_run(job, api.list(PODS, key.namespace), now=now))

    def report(key: ObjectKey, now: float, failure: ApiError | None) -> Plan:
        if (job := api.get(*key)) is None:
            return NOTHING
        run = observe_run(job, api.list(PODS, key.namespace), now=now)
        return report_job(run.job, run.pods, outcome=run.outcome, completed=run.completed, now=now)

    return Controller("job-controller", (JOBS, PODS), keys, plan, report)


@dataclass(frozen=True, slots=True)
class Run:
    """A Job, its pods, and what they amount to."""

    job: Object
    pods: tuple[Object, ...]
    completed: frozenset[int] | None
    """The indexes that are done; None for a Job without indexes."""
    outcome: tuple[str, str, str] | None
    """(condition, reason, message) once it is decided: ``Complete`` or ``Failed``."""
    now: float

    @property
    def active(self) -> list[Object]:
        """The pods that run or will."""
        return [pod for pod in self.pods if is_active(pod)]

    @property
    def succeeded(self) -> int:
        """How many completions there are."""
        if self.completed is not None:
            return len(self.completed)
        return sum(phase_of(pod) == "Succeeded" for pod in self.pods)


def parse_indexes(text: str) -> frozenset[int]:
    """Read ``0,2-4``; what is not of this form is left out."""
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        if first.isdecimal() and (last or first).isdecimal() and int(last or first) < 100_000:
            found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)


def observe_run(job: Object, pods: Iterable[Object], *, now: float) -> Run:
    """Find the Job's own among the pods of its namespace, and decide what came of them."""
    own = tuple(pod for pod in pods if is_controlled_by(pod, job))
    completed = None
    if job["spec"].get("completionMode") == "Indexed":
        noted = parse_indexes(str((job.get("status") or {}).get("completedIndexes") or ""))
        ended = {_index(pod) for pod in own if phase_of(pod) == "Succeeded"} - {-1}
        completed = frozenset(one for one in noted | ended if one < (completions_of(job) or 0))
    undecided = Run(job, own, completed, None, now)
    return Run(job, own, completed, _decide(undecided), now)


def completions_of(job: Object) -> int | None:
    """Give how many completions are wanted; None when the first one is the Job's success."""
    spec = job["spec"]
    wanted = spec.get("completions")
    if wanted is None:
        return 1 if spec.get("parallelism") is None else None
    return int(wanted)


def _index(pod: Object) -> int:
    text = annotations_of(pod).get(INDEX, "")
    return int(text) if text.isdecimal() else -1


def _decide(run: Run) -> tuple[str, str, str] | None:
    conditions = (run.job.get("status") or {}).get("conditions")
    failing = find_condition(conditions, "FailureTarget")
    if failing and failing["status"] == "True":
        return "Failed", failing.get("reason", ""), failing.get("message", "")
    if is_true(conditions, "SuccessCriteriaMet"):
        return "Complete", "CompletionsReached", "Reached expected number of succeeded pods"
    if _failures(run) > _limit(run.job):
        return "Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit"
    deadline = _deadline(run)
    if deadline is not None and deadline <= run.now:
        return "Failed", "DeadlineExceeded", "Job was active longer than specified deadline"
    wanted = completions_of(run.job)
    done = run.succeeded >= wanted if wanted is not None else run.succeeded > 0 and not run.active
    return ("Complete", "CompletionsReached", "Reached expected number of succeeded pods") if done else None


def _limit(job: Object) -> int:
    limit = job["spec"].get("backoffLimit")
    return 6 if limit is None else int(limit)


def _failures(run: Run) -> int:
    failed = sum(phase_of(pod) == "Failed" for pod in run.pods)
    if (run.job["spec"]["template"].get("spec") or {}).get("restartPolicy") == "OnFailure":
        failed += sum(restarts_of(pod) for pod in run.active)
    return failed


def _deadline(run: Run) -> float | None:
    seconds = run.job["spec"].get("activeDeadlineSeconds")
    started = seconds_of((run.job.get("status") or {}).get("startTime"))
    if seconds is None or started is None or run.job["spec"].get("suspend"):
        return None
    return started + int(seconds)


def plan_job(run: Run) -> Plan:
    """Decide which pods to start and which to stop, or to remove the Job when its time is over."""
    job = run.job
    conditions = (job.get("status") or {}).get("conditions")
    foreign = job["spec"].get("managedBy", "kubernetes.io/job-controller") != "kubernetes.io/job-controller"
    if "deletionTimestamp" in metadata(job) or foreign:
        return NOTHING
    if is_true(conditions, "Complete") or is_true(conditions, "Failed"):
        return _plan_expiry(job, run.now)
    if job["spec"].get("suspend"):
        return Plan(_stop(job, run.active))
    if run.outcome is not None:
        # Pods that end are no longer what was judged by: the verdict is written down before.
        noted = is_true(conditions, "FailureTarget") or is_true(conditions, "SuccessCriteriaMet")
        return Plan(_stop(job, run.active)) if noted else NOTHING
    return _plan_pods(run)


def _plan_expiry(job: Object, now: float) -> Plan:
    seconds = job["spec"].get("ttlSecondsAfterFinished")
    conditions = (job.get("status") or {}).get("conditions")
    ended = find_condition(conditions, "Complete") or find_condition(conditions, "Failed") or {}
    at = seconds_of(ended.get("lastTransitionTime"))
    if seconds is None or at is None:
        return NOTHING
    due = at + int(seconds)
    return Plan([delete_of(JOBS, job, propagation="Foreground")]) if due <= now else Plan((), due)


def _stop(job: Object, pods: Iterable[Object]) -> list[Action]:
    done = Notice(job, "SuccessfulDelete", "Deleted pod: {name}")
    return [delete_of(PODS, pod, done=done) for pod in pods]


def _plan_pods(run: Run) -> Plan:
    active = run.active
    deadline = _deadline(run)
    surplus = len(active) - _wanted(run)
    if surplus > 0:
        return Plan(_stop(run.job, in_deletion_order(active)[:surplus]), deadline)
    occupied = len(active)
    if run.job["spec"].get("podReplacementPolicy") == "Failed":
        occupied += sum(is_terminating(pod) and phase_of(pod) in ("Pending", "Running") for pod in run.pods)
    missing = _wanted(run) - occupied
    retry_at = _retry_at(run.pods)
    if missing > 0 and retry_at is not None and retry_at > run.now:
        return Plan((), earliest(retry_at, deadline))
    return Plan(_start(run, missing), deadline)


def _wanted(run: Run) -> int:
    """Give how many pods should be active now."""
    parallelism = run.job["spec"].get("parallelism")
    parallel = 1 if parallelism is None else int(parallelism)
    wanted = completions_of(run.job)
    if wanted is None:
        return min(parallel, len(run.active)) if run.succeeded else parallel
    return min(parallel, max(0, wanted - run.succeeded))


def _retry_at(pods: Sequence[Object]) -> float | None:
    """Give when the next pod may start after the failures since the last success."""
    success = max((_ended_at(pod) for pod in pods if phase_of(pod) == "Succeeded"), default=0.0)
    failures = [_ended_at(pod) for pod in pods if phase_of(pod) == "Failed"]
    since = [at for at in failures if at >= success]
    if not since:
        return None
    delay = _BACKOFF_SECONDS * 2.0 ** min(len(since) - 1, 10)
    return max(since) + min(delay, _LONGEST_BACKOFF_SECONDS)


def _ended_at(pod: Object) -> float:
    times = [
        seconds_of(((one.get("state") or {}).get("terminated") or {}).get("finishedAt"))
        for one in (pod.get("status") or {}).get("containerStatuses") or ()
    ]
    return max((at for at in times if at is not None), default=created_at(pod))


def _start(run: Run, count: int) -> list[Action]:
    if run.completed is None:
        return [_creation(run.job, new_pod(run.job, None)) for _ in range(count)]
    taken = {_index(pod) for pod in run.active} | run.completed
    free = [one for one in range(completions_of(run.job) or 0) if one not in taken]
    return [_creation(run.job, new_pod(run.job, index)) for index in free[: max(0, count)]]


def _creation(job: Object, pod: Object) -> Create:
    done = Notice(job, "SuccessfulCreate", "Created pod: {name}")
    return Create(PODS, pod, done, Notice(job, "FailedCreate", "Error creating: {error}", "Warning"))


def new_pod(job: Object, index: int | None) -> Object:
    """Give a pod of the Job, for one of its indexes if it has them."""
    meta = metadata(job)
    name = meta["name"] if index is None else f"{meta['name']}-{index}"
    pod = pod_from_template(job, job["spec"]["template"], generateName=f"{name}-")
    labels = pod["metadata"]["labels"]
    for key, value in (("job-name", meta["name"]), ("controller-uid", meta["uid"])):
        labels |= {key: value, f"batch.kubernetes.io/{key}": value}
    if index is None:
        return pod
    labels[INDEX] = str(index)
    pod["metadata"]["annotations"][INDEX] = str(index)
    spec = {**pod["spec"], "hostname": name}
    for field in ("initContainers", "containers"):
        if field in spec:
            spec[field] = [_with_index(container) for container in spec[field]]
    return {**pod, "spec": spec}


def _with_index(container: Object) -> Object:
    told = container.get("env") or []
    if any(one.get("name") == "JOB_COMPLETION_INDEX" for one in told):
        return container
    source = {"fieldRef": {"apiVersion": "v1", "fieldPath": f"metadata.annotations['{INDEX}']"}}
    return {**container, "env": [*told, {"name": "JOB_COMPLETION_INDEX", "valueFrom": source}]}
