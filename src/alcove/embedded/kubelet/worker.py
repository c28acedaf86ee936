"""The life of one pod on the node: placed, prepared, run, and cleared away.

One task does all of it in order; what it waits for (an object, a process, a moment) sets ``kick``. The
decisions are those of ``steps``; the API is told when nothing is about to change again at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections.abc import Callable
from datetime import datetime

from alcove import aio
from alcove.embedded.events import timestamp
from alcove.embedded.faults import ApiError
from alcove.embedded.kubelet import steps
from alcove.embedded.kubelet.attendant import Attendant
from alcove.embedded.kubelet.context import PODS, NodeContext
from alcove.embedded.kubelet.placement import requests_of
from alcove.embedded.kubelet.sandbox import Sandbox, SandboxError
from alcove.embedded.kubelet.state import ContainerState, Phase, containers_of, restore
from alcove.embedded.kubelet.status import PodView, full_name, render_status
from alcove.embedded.kubelet.volumes import references
from alcove.embedded.objects import Object, metadata

logger = logging.getLogger(__name__)

_SETTLE_SECONDS = 0.1
_FIRST_RETRY = 1.0
_LONGEST_RETRY = 60.0
_ORPHAN_GRACE = 1.0
"""Seconds given to the containers of a pod that the API has forgotten already (a forced deletion)."""
_ABANDON_SECONDS = 2.0
_PAST_DEADLINE = "Pod was active on the node longer than the specified deadline"

Place = Callable[[Object], str | None]
"""Gives why a pod cannot be placed on the node, None when it can."""


class PodWorker:
    """Runs one pod; ``run`` ends when nothing is left to do for it."""

    def __init__(self, pod: Object, node: NodeContext, place: Place) -> None:
        """Take up a pod, with what the API shows of containers that ended with a daemon before."""
        self.pod = pod
        self.uid = str(metadata(pod).get("uid", ""))
        self.requests = requests_of(pod)
        self.references = references(pod)
        self.sandbox = Sandbox(pod, node)
        self.attendants: dict[str, Attendant] = {}
        self._node = node
        self._place = place
        self._kicked = asyncio.Event()
        self._gone = False
        self._grace: int | None = None
        self._deadline = math.inf
        self._failure: tuple[str, str] = ("", "")
        self._published: Object | None = None
        self._stale = False
        self._retry_at = 0.0
        self._told_backoff: dict[str, int] = {}
        self._background: aio.Background
        self._take_over()

    def _take_over(self) -> None:
        status = self.pod.get("status") or {}
        now = self._node.clock()
        self.started_at = now
        if text := status.get("startTime"):
            self.started_at = datetime.fromisoformat(text).timestamp()
        shown = {
            item["name"]: item
            for name in ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")
            for item in status.get(name) or ()
        }
        self._over = status.get("phase") in ("Succeeded", "Failed")
        for state in containers_of(self.pod):
            if state.name in shown:
                restore(state, shown[state.name], timestamp(now))
            self._attend(state)

    def _attend(self, state: ContainerState) -> None:
        self.attendants[state.name] = Attendant(state, self.sandbox, self._node, kick=self.kick)

    @property
    def placed(self) -> bool:
        """The pod takes its share of the node."""
        return bool(self.pod["spec"].get("nodeName")) and not self._over

    def kick(self) -> None:
        """Have the worker look again."""
        self._kicked.set()

    async def until_kicked(self) -> None:
        """Wait for the next kick."""
        self._kicked.clear()
        await self._kicked.wait()

    def refresh(self) -> None:
        """Have the worker look again since an object that the pod refers to has changed."""
        self._stale = True
        self._retry_at = 0.0
        for attendant in self.attendants.values():
            if attendant.state.reason == "CreateContainerConfigError":
                attendant.state.not_before = 0.0
        self.kick()

    def look_for_images(self) -> None:
        """Have the worker look again for an image that is never pulled and was not there."""
        for attendant in self.attendants.values():
            if attendant.state.reason == "ErrImageNeverPull":
                attendant.state.not_before = 0.0
                self.kick()

    # ------------------------------------------------------------------------------------- its life

    async def run(self) -> None:
        """See the pod through; a failure of ours ends the pod, not the node."""
        try:
            async with aio.open_background(name=f"pod {full_name(self.pod)}") as self._background:
                if await self._until_placed():
                    await self._work()
                    await self._bury()
        except Exception:
            logger.exception("giving up pod %s", full_name(self.pod))
            await self._abandon()

    async def _until_placed(self) -> bool:
        while not self.pod["spec"].get("nodeName"):
            self._kicked.clear()
            self._look()
            if self._gone or metadata(self.pod).get("deletionTimestamp"):
                await self._delete()
                return False
            if not self.pod["spec"].get("schedulingGates"):
                refusal = self._place(self.pod)
                if refusal is None:
                    if await self._bind_and_open():
                        return True
                    self._retry_at = self._node.clock() + _FIRST_RETRY
                else:
                    await self._tell_unplaced(refusal)
            await self._wait(self._retry_at or math.inf)
        await self._open_sandbox()
        return True

    async def _bind_and_open(self) -> bool:
        binding = self._background.start(self._bind(), name="bind")
        await self._open_sandbox()
        return bool(await binding)

    async def _bind(self) -> bool:
        meta, name = metadata(self.pod), self._node.settings.name
        unplaced = self.pod
        # Its share is taken at once, so that two pods are not given the same.
        self.pod = {**self.pod, "spec": {**self.pod["spec"], "nodeName": name}}
        try:
            await self._node.api.update(
                PODS,
                {
                    "apiVersion": "v1",
                    "kind": "Binding",
                    "metadata": {"namespace": meta["namespace"], "name": meta["name"], "uid": self.uid},
                    "target": {"apiVersion": "v1", "kind": "Node", "name": name},
                },
                subresource="binding",
            )
        except ApiError as error:
            logger.info("pod %s is not bound: %s", full_name(self.pod), error.message)
            self.pod = unplaced
            return False
        told = f"Successfully assigned {meta['namespace']}/{meta['name']} to {name}"
        self._node.events.tell_as_scheduler(self.pod, ("Normal", "Scheduled", told))
        return True

    async def _tell_unplaced(self, why: str) -> None:
        conditions = (self.pod.get("status") or {}).get("conditions") or ()
        old: Object = next((c for c in conditions if c["type"] == "PodScheduled"), {})
        if old.get("message") == why:
            return
        condition = {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": why,
            "lastTransitionTime": old.get("lastTransitionTime") or timestamp(self._node.clock()),
        }
        others = [c for c in conditions if c["type"] != "PodScheduled"]
        self._node.events.tell_as_scheduler(self.pod, ("Warning", "FailedScheduling", why))
        await self._write({"phase": "Pending", "conditions": [*others, condition]})

    async def _open_sandbox(self) -> None:
        delay = _FIRST_RETRY
        while not (self._over or self._ending):
            if self._node.clock() >= self._retry_at:
                try:
                    await self.sandbox.open(self.pod)
                except SandboxError as error:
                    self._node.events.tell(self.pod, ("Warning", error.reason, str(error)))
                    self._retry_at = self._node.clock() + delay
                    delay = min(delay * 2, _LONGEST_RETRY)
                else:
                    return
                await self._publish()
            await self._wait(self._retry_at)
            self._kicked.clear()
            self._look()

    # ----------------------------------------------------------------------------------------- work

    @property
    def _states(self) -> list[ContainerState]:
        return [attendant.state for attendant in self.attendants.values()]

    @property
    def _ending(self) -> bool:
        return self._deadline < math.inf

    async def _work(self) -> None:
        """Take one step after the other until nothing runs and nothing will."""
        settled_at = math.inf
        while not self._over:
            self._kicked.clear()
            self._look()
            self._refresh_volumes()
            now = self._node.clock()
            states = self._states
            todo = steps.decide(states, now=now, ending=self._ending)
            self._carry_out(todo)
            if todo.finished:
                return
            if any(state.phase is Phase.STARTING for state in states) and now < settled_at:
                settled_at = min(settled_at, now + _SETTLE_SECONDS)
            else:
                settled_at = math.inf
                await self._publish()
            await self._wait(min(todo.wake_at, settled_at, self.sandbox.refresh_at, self._time_limit()))

    def _look(self) -> None:
        """Take the pod as the API has it now, and note what ends it."""
        meta, now = metadata(self.pod), self._node.clock()
        current = self._node.api.get(PODS, meta.get("namespace", ""), meta["name"])
        if current is None or metadata(current).get("uid") != self.uid:
            if not self._gone:
                self._gone = True
                self._end_by(now + _ORPHAN_GRACE)
            return
        if current["spec"].get("nodeName") or not self.pod["spec"].get("nodeName"):
            self.pod = current
        self._admit_ephemeral()
        meta = metadata(self.pod)
        grace = meta.get("deletionGracePeriodSeconds") or 0
        if meta.get("deletionTimestamp") and grace != self._grace:
            self._grace = grace
            self._end_by(now + grace)
        if now >= self._time_limit():
            self._failure = ("DeadlineExceeded", _PAST_DEADLINE)
            self._node.events.tell(self.pod, ("Normal", *self._failure))
            self._end_by(now + self._default_grace())

    def _end_by(self, moment: float) -> None:
        self._deadline = min(self._deadline, moment)
        for attendant in self.attendants.values():
            attendant.hasten(self._deadline)

    def _admit_ephemeral(self) -> None:
        if len(self.pod["spec"].get("ephemeralContainers") or ()) > 0:
            for state in containers_of(self.pod):
                if state.name not in self.attendants:
                    self._attend(state)

    def _time_limit(self) -> float:
        seconds = self.pod["spec"].get("activeDeadlineSeconds")
        return math.inf if seconds is None or self._ending else self.started_at + seconds

    def _default_grace(self) -> float:
        grace = self.pod["spec"].get("terminationGracePeriodSeconds")
        return 30.0 if grace is None else float(grace)

    def _refresh_volumes(self) -> None:
        if not self._stale and self._node.clock() < self.sandbox.refresh_at:
            return
        self._stale = False
        try:
            self.sandbox.refresh(self.pod)
        except SandboxError as error:
            # What is mounted stays as it is; the object may come back.
            self.sandbox.refresh_at = self._node.clock() + _LONGEST_RETRY
            self._node.events.tell(self.pod, ("Warning", error.reason, str(error)))

    def _carry_out(self, todo: steps.Steps) -> None:
        for state in todo.kill:
            self.attendants[state.name].kill()
        now = self._node.clock()
        grace = max(0.0, self._deadline - now) if self._ending else self._default_grace()
        for state in todo.prepare:
            self.attendants[state.name].prepare(self._background, self.pod, grace=grace)
        for state in todo.stop:
            told = f"Stopping container {state.name}"
            self.attendants[state.name].stop(self._background, self.pod, message=told, grace=grace)
        for state in () if self._ending else self._states:
            self._tell_backoff(state, now)
        if todo.start is not None:
            attendant = self.attendants[todo.start.name]
            attendant.start(self._background, self.pod, shared_pids=self._shared_pids(todo.start))

    def _tell_backoff(self, state: ContainerState, now: float) -> None:
        """Tell once of each run that ended why the next one has to wait."""
        if not (state.phase is Phase.ENDED and state.not_before > now and steps.restarts(state)):
            return
        if self._told_backoff.get(state.name) != state.restarts:
            self._told_backoff[state.name] = state.restarts
            told = f"Back-off restarting failed container {state.name} in pod {full_name(self.pod)}"
            self._node.events.tell(self.pod, ("Warning", "BackOff", told), container=state.spec)

    def _shared_pids(self, starting: ContainerState) -> str:
        """Give the container whose pid namespace is joined.

        There is no pause process: with ``shareProcessNamespace`` the first container's takes its place.
        """
        target = starting.spec.get("targetContainerName")
        if not target and not self.pod["spec"].get("shareProcessNamespace"):
            return ""
        for name, attendant in self.attendants.items():
            if attendant.run is not None and target in (None, "", name):
                return attendant.run.id
        return ""

    async def _wait(self, until: float) -> None:
        seconds = until - self._node.clock()
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if until == math.inf else seconds):
                await self._kicked.wait()

    # --------------------------------------------------------------------------------- what is told

    async def _publish(self) -> None:
        if self._gone:
            return
        reason, message = self._failure
        view = PodView(
            pod=self.pod,
            node_address=self._node.network.node_address,
            address=self.sandbox.address or (self.pod.get("status") or {}).get("podIP", ""),
            started_at=self.started_at,
            now=self._node.clock(),
            ending=self._ending,
            reason=reason,
            message=message,
        )
        status = render_status(view, self._states)
        if status != self._published and await self._write(status):
            self._published = status

    async def _write(self, status: Object) -> bool:
        meta = metadata(self.pod)
        merge = {"metadata": {"uid": self.uid}, "status": status}
        try:
            await self._node.api.patch(PODS, meta["namespace"], meta["name"], merge, subresource="status")
        except ApiError as error:
            logger.info("the status of pod %s is not written: %s", full_name(self.pod), error.message)
            if error.code in (404, 409):
                self.kick()
            return False
        return True

    # --------------------------------------------------------------------------------------- its end

    async def _bury(self) -> None:
        """Tell the end, give everything back, and let the object go once it is to go."""
        if not self._over:
            await self._publish()
        self._over = True
        if not self._deleting:
            await self.sandbox.close(self.pod, keep_logs=True)
        else:
            await self._node.network.detach(self.uid)
        while not self._deleting:
            self._kicked.clear()
            self._look()
            if not self._deleting:
                await self._wait(math.inf)
        await self._delete()
        await self.sandbox.close(self.pod, keep_logs=False)

    @property
    def _deleting(self) -> bool:
        return self._gone or bool(metadata(self.pod).get("deletionTimestamp"))

    async def _delete(self) -> None:
        if self._gone:
            return
        meta = metadata(self.pod)
        with contextlib.suppress(ApiError):
            await self._node.api.delete(PODS, meta["namespace"], meta["name"], uid=self.uid, grace_seconds=0)

    async def _abandon(self) -> None:
        for state in self._states:
            if state.id:
                await self._node.launcher.remove_container(state.id)
        self._over = True
        # When it is the whole daemon that ends, the pod is to start again with the next one.
        await asyncio.sleep(_ABANDON_SECONDS)
        told = "The embedded cluster met an error of its own with this pod; its log tells more."
        await self._write({"phase": "Failed", "reason": "NodeError", "message": told})
