"""A developer's workstation: a folder, and a cluster in which a hub runs that can be lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from tests.unit.app.hub.trees import SOURCES
from tests.unit.app.hub.workstations import Hub, Socket
from tests.unit.app.hub.worlds import PATIENCE

from alcove.app.up import hubs
from alcove.app.up.calling import HubClient
from alcove.app.up.ports import OpenPort
from alcove.app.up.projects import Choices, LocalProject, open_project
from alcove.app.up.upping import ProjectUp, UpChoices
from alcove.config.azds.tokens import make_tokens
from alcove.kube import resources
from alcove.kube.client import Object
from alcove.kube.errors import UnreachableError, translated
from alcove.kube.fake import FakeKubeClient
from alcove.sessions import calls

T = TypeVar("T", bound=calls.Told)

AZDS = b"""\
kind: helm-release
apiVersion: 1.1
build: {context: ., dockerfile: Dockerfile}
install: {chart: charts/web, set: {image: {tag: $(tag)}}}
configurations:
  develop:
    container:
      sync: ["**/*"]
      iterate: {processesToKill: [python]}
"""
FOLDER = {**SOURCES, "azds.yaml": AZDS}
TOKENS = make_tokens("", "dev", "dev", "apps.example")


def write(directory: Path, files: dict[str, bytes]) -> Path:
    for path, content in files.items():
        place = directory / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    return directory


def make_folder(directory: Path, **more: bytes) -> Path:
    return write(directory / "web", {**FOLDER, **more})


def open_folder(directory: Path, **choices: Any) -> LocalProject:
    return open_project(directory, {}, Choices(**choices), TOKENS)


def hub_pod(name: str = "alcove-hub-1", created: str = "2030-01-01T00:00:00Z", **status: Any) -> Object:
    return {
        "metadata": {
            "name": name,
            "namespace": "dev",
            "labels": dict(hubs.COMPONENT),
            "creationTimestamp": created,
        },
        "spec": {"containers": []},
        "status": {"phase": "Running", **status},
    }


class Forwarded(Socket):
    """A socket whose errors are those of port-forwards."""

    async def read(self) -> bytes:
        with translated("here"):
            return await super().read()

    async def write(self, content: bytes) -> None:
        with translated("here"):
            await super().write(content)


class UserClient(FakeKubeClient):
    """A cluster in which port-forwards to the pods of hubs lead to sockets."""

    def __init__(self) -> None:
        super().__init__()
        self.hubs: dict[str, int] = {}
        """What port of this machine a pod's hub listens at."""
        self.writers: list[asyncio.StreamWriter] = []

    @contextlib.asynccontextmanager
    async def connect(self, namespace: str, pod: str, port: int) -> AsyncIterator[Socket]:  # type: ignore[override]
        await self.get(resources.PODS, pod, namespace=namespace)
        if port != calls.HUB_PORT or pod not in self.hubs:
            raise UnreachableError(f"error forwarding port {port}: connection refused")
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.hubs[pod])
        except OSError as error:
            raise UnreachableError(str(error)) from error
        self.writers.append(writer)
        try:
            yield Forwarded(reader, writer)
        finally:
            writer.close()

    def break_connections(self) -> None:
        """Lose every port-forward."""
        for writer in self.writers:
            writer.close()
        self.writers.clear()


async def open_user(hub: Hub | None = None) -> UserClient:
    """Give a client of a cluster with the space ``dev``, in which a hub runs."""
    client = UserClient()
    await client.create(resources.NAMESPACES, {"metadata": {"name": "dev"}})
    if hub is not None:
        await client.create(resources.PODS, hub_pod())
        client.hubs["alcove-hub-1"] = hub.port
    return client


def is_so(told: calls.Told, fields: Mapping[str, object]) -> bool:
    return all(getattr(told, key) == one for key, one in fields.items())


class Screen:
    """What ``up`` tells; it can be waited for."""

    def __init__(self) -> None:
        self.told: list[calls.Told] = []
        self.ports: tuple[OpenPort, ...] = ()
        self._news = asyncio.Event()

    def tell(self, told: calls.Told) -> None:
        self.told.append(told)
        self._news.set()

    async def opened(self, running: calls.Running, ports: tuple[OpenPort, ...]) -> None:
        self.ports = ports
        self.tell(running)

    async def until(self, kind: type[T], since: int = 0, /, **fields: object) -> T:
        """Give the first of a kind whose fields are so, of what is told after ``since`` things."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for told in self.told[since:]:
                    if isinstance(told, kind) and all(
                        getattr(told, key) == one for key, one in fields.items()
                    ):
                        return told
                self._news.clear()
                await self._news.wait()

    def notices(self) -> list[str]:
        return [one.message for one in self.told if isinstance(one, calls.Notice)]


async def no_revival() -> None:
    """See to nothing: the hub comes again by itself."""


def make_up(client: UserClient, folder: Path, screen: Screen, **choices: Any) -> ProjectUp:
    project = open_folder(folder)
    return ProjectUp(
        HubClient(client, "dev"),
        project,
        UpChoices(**choices),
        tell=screen.tell,
        opened=screen.opened,
        revive=no_revival,
        reopen=lambda: open_folder(folder),
    )
