"""Sees one container through its runs: starts it, watches its health, stops it, notes how it ended."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import re
import signal
from collections.abc import Callable

from alcove import aio
from alcove.embedded.events import timestamp
from alcove.embedded.kubelet.checks import FOR_EVER, CheckFailedError, Target
from alcove.embedded.kubelet.context import NodeContext
from alcove.embedded.kubelet.environment import ConfigError
from alcove.embedded.kubelet.probes import ProbeMachine, ProbeTiming, Verdict
from alcove.embedded.kubelet.runs import Run, Surroundings, describe_end, start_run
from alcove.embedded.kubelet.sandbox import Sandbox
from alcove.embedded.kubelet.state import FIRST_DELAY, LONGEST_DELAY, ContainerState, Phase
from alcove.embedded.objects import Object
from alcove.embedded.ports import Image, ImageError, StartError

_RETRY_SECONDS = 10.0
_SLOW_PULL = 0.2
_REAL_TIME = re.compile(r"(?:SIG)?RTMIN\+(\d{1,2})")


class Attendant:
    """One container of a pod; the pod's worker decides, this carries out."""

    def __init__(
        self, state: ContainerState, sandbox: Sandbox, node: NodeContext, *, kick: Callable[[], None]
    ) -> None:
        """Change ``state`` as things happen, and call ``kick`` then."""
        self.state = state
        self.run: Run | None = None
        self._sandbox = sandbox
        self._node = node
        self._kick = kick
        self._task: asyncio.Task[None] | None = None
        self._preparation: asyncio.Task[None] | None = None
        self._pull_delay = FIRST_DELAY

    # ------------------------------------------------------------------------------------- one run

    def start(self, background: aio.Background, pod: Object, *, shared_pids: str) -> None:
        """Begin a run; the state says STARTING until it is known how that went."""
        before = copy.copy(self.state)
        self.state.begin()
        around = Surroundings(pod, self._sandbox, self._node, shared_pids)
        self._task = background.start(self._live(around, before, background), name=self.state.name)

    async def _live(self, around: Surroundings, before: ContainerState, background: aio.Background) -> None:
        try:
            if (run := await self._start(around)) is not None:
                await self._accompany(run, around.pod, background)
        except asyncio.CancelledError:
            if self.state.phase is Phase.STARTING:
                self._undo(before)
            raise
        finally:
            self._kick()

    def _undo(self, before: ContainerState) -> None:
        state = self.state
        state.phase, state.restarts, state.stopping = before.phase, before.restarts, False
        state.terminated, state.last = before.terminated, before.last

    async def _start(self, around: Surroundings) -> Run | None:
        state, pod, now = self.state, around.pod, self._node.clock()
        try:
            image = await self._resolve(pod)
            state.image, state.image_id = image.reference, image.id
            return await start_run(state, image, around)
        except ImageError as error:
            self._postpone_image(pod, error, now)
        except ConfigError as error:
            state.postpone("CreateContainerConfigError", str(error), now + _RETRY_SECONDS)
            self._tell(pod, "Warning", "Failed", f"Error: {error}")
        except StartError as error:
            ended = {"exitCode": 128, "reason": "StartError", "message": str(error)}
            times = {"startedAt": timestamp(0), "finishedAt": timestamp(now)}
            state.end(ended | times, now)
            self._tell(pod, "Warning", "Failed", f"Error: {error}")
        except OSError as error:
            state.postpone("CreateContainerError", str(error), now + _RETRY_SECONDS)
            self._tell(pod, "Warning", "Failed", f"Error: {error}")
        return None

    async def _resolve(self, pod: Object) -> Image:
        name, began = self.state.spec["image"], self._node.clock()
        image = await self._node.images.resolve(
            name, self.state.spec.get("imagePullPolicy") or "IfNotPresent"
        )
        self._pull_delay = FIRST_DELAY
        took = self._node.clock() - began
        told = f'Container image "{name}" already present on machine and can be accessed by the pod'
        if took > _SLOW_PULL:
            told = f'Successfully pulled image "{name}" in {took:.3f}s ({took:.3f}s including waiting)'
        self._tell(pod, "Normal", "Pulled", told)
        return image

    def _postpone_image(self, pod: Object, error: ImageError, now: float) -> None:
        reason, message = error.reason, str(error)
        name = self.state.spec["image"]
        if reason == "ErrImagePull":
            self._tell(pod, "Warning", "Failed", f'Failed to pull image "{name}": {message}')
            if self._pull_delay > FIRST_DELAY:
                reason, message = "ImagePullBackOff", f'Back-off pulling image "{name}": {message}'
                self._tell(pod, "Normal", "BackOff", f'Back-off pulling image "{name}"')
        else:
            self._tell(pod, "Warning", reason, message)
        self._tell(pod, "Warning", "Failed", f"Error: {reason}")
        if reason == "ErrImageNeverPull":
            # Looking costs nothing, so that kubelets do it again at every turn.
            self.state.postpone(reason, message, now + _RETRY_SECONDS)
            return
        self.state.postpone(reason, message, now + self._pull_delay)
        self._pull_delay = min(self._pull_delay * 2, LONGEST_DELAY)

    async def _accompany(self, run: Run, pod: Object, background: aio.Background) -> None:
        state, node = self.state, self._node
        self.run, state.id = run, run.id
        state.phase, state.started_at = Phase.RUNNING, node.clock()
        state.hooking = bool((state.spec.get("lifecycle") or {}).get("postStart"))
        if not state.hooking and not state.spec.get("startupProbe"):
            self._note_started()
        self._tell(pod, "Normal", "Created", "Container created")
        self._tell(pod, "Normal", "Started", "Container started")
        self._kick()
        try:
            async with aio.open_background(name=f"health of {state.name}") as health:
                health.start(self._attend(run, pod, background), name="attend")
                status = await run.process.wait()
            await node.launcher.remove_container(run.id)
            await run.pump.drain()
        except BaseException:
            run.process.kill(signal.SIGKILL)
            raise
        finally:
            run.pump.close()
            self.run = None
        now = node.clock()
        state.end(describe_end(run, state, status, now), now)

    def _tell(self, pod: Object, kind: str, reason: str, message: str) -> None:
        self._node.events.tell(pod, (kind, reason, message), container=self.state.spec)

    # -------------------------------------------------------------------------------------- health

    async def _attend(self, run: Run, pod: Object, background: aio.Background) -> None:
        state = self.state
        target = Target(state.spec, run.id, self._sandbox.address, run.spec)
        if state.hooking and not await self._post_start(pod, target, background):
            return
        if probe := state.spec.get("startupProbe"):
            await self._probe("startup", probe, (pod, target, background))
        self._note_started()
        async with asyncio.TaskGroup() as group:
            for kind in ("readiness", "liveness"):
                if probe := state.spec.get(f"{kind}Probe"):
                    group.create_task(self._probe(kind, probe, (pod, target, background)), name=kind)

    def _note_started(self) -> None:
        if not self.state.started:
            self.state.started = True
            self.state.ready = not self.state.spec.get("readinessProbe")
            self._kick()

    async def _post_start(self, pod: Object, target: Target, background: aio.Background) -> bool:
        state = self.state
        try:
            await self._node.checks.run(state.spec["lifecycle"]["postStart"], target, FOR_EVER)
        except CheckFailedError:
            self._tell(pod, "Warning", "FailedPostStartHook", "PostStartHook failed")
            self.stop(background, pod, message="FailedPostStartHook", grace=_grace(pod))
            return False
        finally:
            state.hooking = False
        return True

    async def _probe(self, kind: str, probe: Object, subject: tuple[Object, Target, aio.Background]) -> None:
        """Probe for ever; a startup probe only until it succeeds."""
        pod, target, background = subject
        state, clock = self.state, self._node.clock
        machine = ProbeMachine(ProbeTiming.of(probe), eager=kind != "liveness")
        while True:
            await asyncio.sleep(machine.next_delay(clock() - state.started_at))
            early = machine.is_early(clock() - state.started_at)
            try:
                await self._node.checks.run(probe, target, machine.timing.timeout)
                success = True
            except CheckFailedError as error:
                success = False
                if not early:
                    self._tell(pod, "Warning", "Unhealthy", f"{kind.capitalize()} probe failed: {error}")
            verdict = machine.observe(success, early=early)
            if kind == "readiness":
                self._set_ready(verdict is Verdict.GOOD)
            elif verdict is Verdict.BAD and not state.stopping:
                told = f"Container {state.name} failed {kind} probe, will be restarted"
                grace = probe.get("terminationGracePeriodSeconds")
                self.stop(background, pod, message=told, grace=_grace(pod) if grace is None else grace)
            elif kind == "startup" and verdict is Verdict.GOOD:
                return

    def _set_ready(self, ready: bool) -> None:
        if ready != self.state.ready:
            self.state.ready = ready
            self._kick()

    # ---------------------------------------------------------------------------------------- its end

    def stop(self, background: aio.Background, pod: Object, *, message: str, grace: float) -> None:
        """Ask it to end; it is to be killed after ``grace`` seconds. A start under way is given up."""
        state, run = self.state, self.run
        if state.stopping:
            return
        state.stopping = True
        state.kill_at = self._node.clock() + grace
        if run is None:
            if self._task is not None:
                self._task.cancel()
            return
        self._tell(pod, "Normal", "Killing", message)
        if grace > 0:
            background.start(self._stop(run, pod, grace), name=f"stop {state.name}")
        else:
            run.process.kill(signal.SIGKILL)
        self._kick()

    def prepare(self, background: aio.Background, pod: Object, *, grace: float) -> None:
        """Run its preStop hook now, since it is asked to end later."""
        self.state.prepared = True
        if self.run is not None and grace > 0:
            work = self._run_pre_stop(self.run, pod, grace)
            self._preparation = background.start(work, name=f"prepare {self.state.name}")

    async def _run_pre_stop(self, run: Run, pod: Object, grace: float) -> None:
        hook = (self.state.spec.get("lifecycle") or {}).get("preStop")
        if not hook:
            return
        target = Target(self.state.spec, run.id, self._sandbox.address, run.spec)
        try:
            await self._node.checks.run(hook, target, grace)
        except CheckFailedError:
            self._tell(pod, "Warning", "FailedPreStopHook", "PreStopHook failed")

    async def _stop(self, run: Run, pod: Object, grace: float) -> None:
        lifecycle = self.state.spec.get("lifecycle") or {}
        if not self.state.prepared:
            await self._run_pre_stop(run, pod, grace)
        elif self._preparation is not None:
            await asyncio.wait([self._preparation])
        run.process.kill(parse_signal(lifecycle.get("stopSignal") or run.image.config.stop_signal))

    def hasten(self, kill_at: float) -> None:
        """Bring the moment of its killing forward."""
        if self.state.stopping:
            self.state.kill_at = min(self.state.kill_at, kill_at)

    def kill(self) -> None:
        """End it at once."""
        if self.run is not None:
            self.run.process.kill(signal.SIGKILL)


def _grace(pod: Object) -> float:
    grace = pod["spec"].get("terminationGracePeriodSeconds")
    return 30.0 if grace is None else float(grace)


def parse_signal(text: str) -> int:
    """Give the signal that an image names (``SIGQUIT``, ``QUIT``, ``3``); SIGTERM for what is none."""
    if match := _REAL_TIME.fullmatch(text):
        return min(int(signal.SIGRTMIN) + int(match.group(1)), int(signal.SIGRTMAX))
    if text.isdecimal():
        return int(text) if 0 < int(text) <= int(signal.SIGRTMAX) else int(signal.SIGTERM)
    with contextlib.suppress(KeyError):
        return int(signal.Signals[text if text.startswith("SIG") else f"SIG{text}"])
    return int(signal.SIGTERM)
