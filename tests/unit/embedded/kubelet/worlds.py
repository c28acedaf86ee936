"""A node without a machine: containers are objects of the test, and time passes when nothing happens."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
import selectors
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from tests.unit.embedded.fake_api import FakeCluster

from alcove import aio
from alcove.embedded.kubelet.agent import Kubelet
from alcove.embedded.kubelet.context import PODS, NodeSettings
from alcove.embedded.objects import GroupResource, Object
from alcove.embedded.ports import (
    ContainerSpec,
    ExitStatus,
    Image,
    ImageConfig,
    ImageError,
    NetnsId,
    PodAttachment,
    ProcessSpec,
    StartError,
)

EPOCH = 1_700_000_000.0


class JumpingLoop(asyncio.SelectorEventLoop):
    """A loop whose clock jumps to the next timer instead of waiting for it, unless a thread is at work."""

    def __init__(self) -> None:
        self.jumped = 0.0
        self.threads = 0
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        return self.jumped

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]
        self.threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._end_thread)
        return future

    def _end_thread(self, _future: object) -> None:
        self.threads -= 1


class _JumpingSelector(selectors.EpollSelector):
    def __init__(self, loop: JumpingLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self._loop.threads:
            return super().select(0.01 if timeout is None or timeout > 0 else timeout)
        if timeout is None:
            return super().select(None)
        found = super().select(0)
        if not found and timeout > 0:
            self._loop.jumped += timeout
        return found


def in_world(scenario: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a scenario, whose first parameter is a World with a running agent, in jumping time."""

    def test(tmp_path: Path, **given: Any) -> None:
        async def run() -> None:
            async with World(tmp_path).running() as world:
                await scenario(world, **given)

        with asyncio.Runner(loop_factory=JumpingLoop) as runner:
            runner.run(run())

    signature = inspect.signature(scenario)
    path = inspect.Parameter("tmp_path", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    rest = list(signature.parameters.values())[1:]
    test.__signature__ = signature.replace(parameters=[path, *rest])  # type: ignore[attr-defined]
    test.__name__, test.__doc__ = scenario.__name__, scenario.__doc__
    return test


class FakeProcess:
    """A process that ends when it is told to, or by a signal that it does not ignore."""

    def __init__(self, spec: ContainerSpec, process: ProcessSpec, stdout: int, stderr: int) -> None:
        self.spec = spec
        self.process = process
        self.signals: list[int] = []
        self.ignored: set[int] = set()
        self.on_signal: Callable[[str], None] = lambda name: None
        self.pid = 0
        self._ended: asyncio.Future[ExitStatus] = asyncio.get_running_loop().create_future()
        self._stdout, self._stderr = os.dup(stdout), os.dup(stderr)

    @property
    def name(self) -> str:
        return self.spec.root.upper.parent.name

    def write(self, content: bytes) -> None:
        os.write(self._stdout, content)

    def exit(self, code: int, signal: int = 0) -> None:
        if not self._ended.done():
            os.close(self._stdout)
            os.close(self._stderr)
            self._ended.set_result(ExitStatus(code, signal))

    async def wait(self) -> ExitStatus:
        return await asyncio.shield(self._ended)

    def kill(self, signal: int) -> None:
        self.signals.append(signal)
        self.on_signal(self.name)
        if signal not in self.ignored:
            self.exit(128 + signal, signal)

    def mounted(self, target: str) -> Path:
        return Path(next(mount.source for mount in self.spec.mounts if mount.target == target))


class FakeLauncher:
    """Starts FakeProcesses; ``script`` decides how each goes on."""

    def __init__(self) -> None:
        self.started: list[FakeProcess] = []
        self.execs: list[FakeProcess] = []
        self.script: Callable[[FakeProcess], None] = lambda process: None
        self.exec_script: Callable[[FakeProcess], None] = lambda process: process.exit(0)
        self.refusal = ""

    async def start_container(
        self, spec: ContainerSpec, *, stdin: int | None, stdout: int, stderr: int
    ) -> FakeProcess:
        await asyncio.sleep(0)
        if self.refusal:
            raise StartError(self.refusal)
        process = FakeProcess(spec, spec.process, stdout, stderr)
        self.started.append(process)
        self.script(process)
        return process

    async def start_beside(
        self, container_id: str, process: ProcessSpec, *, stdin: int | None, stdout: int, stderr: int
    ) -> FakeProcess:
        if self.refusal:
            raise StartError(self.refusal)
        spec = next(one.spec for one in self.started if one.spec.id == container_id)
        beside = FakeProcess(spec, process, stdout, stderr)
        self.execs.append(beside)
        self.exec_script(beside)
        return beside

    async def remove_container(self, container_id: str) -> None:
        await asyncio.sleep(0)

    def names(self) -> list[str]:
        return [process.name for process in self.started]

    def latest(self, name: str) -> FakeProcess:
        return next(process for process in reversed(self.started) if process.name == name)

    def __getattr__(self, name: str) -> Any:
        raise NotImplementedError(name)


class _Writer:
    def write(self, content: bytes) -> None:
        pass

    async def drain(self) -> None:
        pass


class FakeNetwork:
    """Hands out addresses; ``answers`` is what the servers on ports say, others refuse."""

    node_address = "10.0.0.1"
    dns_address = "10.96.0.10"

    def __init__(self) -> None:
        self.attached: dict[str, PodAttachment] = {}
        self.answers: dict[int, bytes] = {}
        self.asked: list[tuple[str, int]] = []

    async def attach(self, pod_uid: str, *, host_network: bool) -> PodAttachment:
        await asyncio.sleep(0)
        number = len(self.attached) + 1
        return self.attached.setdefault(pod_uid, PodAttachment(NetnsId(number), f"10.1.0.{number}"))

    async def detach(self, pod_uid: str) -> None:
        self.attached.pop(pod_uid, None)

    @contextlib.asynccontextmanager
    async def open_connection(
        self, netns: NetnsId, host: str, port: int, *, seconds: float
    ) -> AsyncIterator[tuple[Any, Any]]:
        self.asked.append((host, port))
        if port not in self.answers:
            raise ConnectionRefusedError(111, "Connection refused")
        reader = asyncio.StreamReader()
        reader.feed_data(self.answers[port])
        reader.feed_eof()
        yield reader, _Writer()


class FakeImages:
    """Has every image but those that are ``missing``."""

    def __init__(self) -> None:
        self.missing: dict[str, str] = {}
        self.config = ImageConfig(environment={"FROM_IMAGE": "yes"}, entrypoint=("/app",), user="")

    async def resolve(self, reference: str, pull_policy: str) -> Image:
        if reference in self.missing:
            raise ImageError(self.missing[reference], f"{reference} cannot be had")
        return Image(reference, "sha256:1", (), (), self.config)

    def images(self) -> Sequence[Image]:
        return ()


class FakeTokens:
    """Numbers its tokens."""

    def __init__(self) -> None:
        self.issued = 0

    def issue(self, namespace: str, service_account: str, **options: Any) -> tuple[str, str]:
        self.issued += 1
        return f"token-{self.issued}", ""


class PodCluster(FakeCluster):
    """A FakeCluster that binds pods."""

    async def update(self, resource: GroupResource, item: Object, *, subresource: str = "") -> Object:
        if subresource != "binding":
            return await super().update(resource, item, subresource=subresource)
        meta = item["metadata"]
        merge = {"metadata": {"uid": meta["uid"]}, "spec": {"nodeName": item["target"]["name"]}}
        return await self.patch(resource, meta["namespace"], meta["name"], merge)


class World:
    """A running node agent and what it works with."""

    def __init__(self, directory: Path) -> None:
        self.loop = asyncio.get_running_loop()
        self.api = PodCluster(self.clock)
        self.launcher = FakeLauncher()
        self.network = FakeNetwork()
        self.images = FakeImages()
        self.tokens = FakeTokens()
        self.settings = NodeSettings(
            name="node-1",
            data_directory=directory,
            kubernetes_version="v1.36.0",
            alcove_version="1.0",
            resolver_file=directory / "none",
            hosts_file=directory / "none",
        )
        self.kubelet = self.new_kubelet()

    def new_kubelet(self) -> Kubelet:
        return Kubelet(
            self.api,
            self.launcher,
            self.network,
            self.images,
            self.tokens,
            settings=self.settings,
            clock=self.clock,
        )

    def clock(self) -> float:
        return EPOCH + self.loop.time()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[World]:
        async with aio.open_background(name="world") as background:
            background.start(self.kubelet.run(), name="kubelet")
            yield self

    async def create(self, *containers: Object, name: str = "web", **spec: Any) -> Object:
        return await self.api.create(PODS, pod(*containers, name=name, **spec))

    def get(self, name: str = "web") -> Object:
        found = self.api.get(PODS, "default", name)
        assert found is not None
        return found

    async def until(self, check: Callable[[Object], object], name: str = "web") -> Object:
        """Wait until the pod is as ``check`` wants it; None is given to it when the pod is gone."""
        async for event in self.api.watch(PODS):
            if event.type != "SYNCED" and event.object["metadata"]["name"] == name:
                now = self.api.get(PODS, "default", name)
                if now is not None and check(now):
                    return now
        raise AssertionError

    async def until_gone(self, name: str = "web") -> Object:
        async for event in self.api.watch(PODS):
            if event.type == "DELETED" and event.object["metadata"]["name"] == name:
                return event.object
        raise AssertionError

    async def phase(self, wanted: str, name: str = "web") -> Object:
        return await self.until(lambda item: item["status"].get("phase") == wanted, name)

    async def ready(self, name: str = "web") -> Object:
        return await self.until(lambda item: condition(item, "Ready") == "True", name)

    def events(self) -> list[tuple[str, str]]:
        return [(event["reason"], event["message"]) for event in self.api.list(GroupResource("events"))]

    async def event(self, reason: str) -> str:
        """Wait for an event and give its message."""
        async for event in self.api.watch(GroupResource("events")):
            if event.object.get("reason") == reason:
                message: str = event.object["message"]
                return message
        raise AssertionError


def container(name: str = "main", **fields: Any) -> Object:
    return {"name": name, "image": "app", **fields}


def pod(*containers: Object, name: str = "web", **spec: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"containers": list(containers) or [container()], **spec},
    }


def condition(item: Object, kind: str) -> str:
    found = (c for c in item["status"].get("conditions") or () if c["type"] == kind)
    return next((str(c.get("status")) for c in found), "")


def state_of(item: Object, name: str = "main") -> Object:
    fields = ("containerStatuses", "initContainerStatuses")
    every = (status for field in fields for status in item["status"].get(field) or ())
    return next((status for status in every if status["name"] == name), {})
