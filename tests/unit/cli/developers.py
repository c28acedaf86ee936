"""A developer at a terminal: a folder, a cluster spoken to over HTTP, a space in it whose hub answers."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import struct
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from aiohttp import web
from tests.unit.app.hub.workstations import Hub
from tests.unit.app.hub.workstations import serving as serving_hub
from tests.unit.app.hub.worlds import Space
from tests.unit.app.spaces.worlds import namespace
from tests.unit.app.up.worlds import UserClient, hub_pod, make_folder
from tests.unit.kube.api_server import ApiServer, serving

from alcove import aio
from alcove.app.up import hubs
from alcove.cli import main
from alcove.kube import resources
from alcove.kube.errors import KubeError

INSTALLED = {"controlPlane": "10.96.0.20:443", "trust": "PEM", "hostSuffix": "apps.example", "version": "1"}


class ForwardingServer(ApiServer):
    """An API server whose port-forwards carry both ways."""

    async def _portforward(self, request: web.BaseRequest, namespace: str, pod: str) -> web.StreamResponse:
        port = int(request.query["ports"])
        socket = web.WebSocketResponse(protocols=["v4.channel.k8s.io"], max_msg_size=0)
        await socket.prepare(request)
        for channel in (0, 1):
            await socket.send_bytes(bytes([channel]) + struct.pack("<H", port))
        try:
            async with (
                self.cluster.connect(namespace, pod, port) as connection,
                aio.open_background(name="forward") as tasks,
            ):

                async def down() -> None:
                    while content := await connection.read():
                        await socket.send_bytes(b"\x00" + content)
                    await socket.close()

                tasks.start(down(), name="down")
                async for message in socket:
                    await connection.write(message.data[1:])
        except KubeError as error:
            if not socket.closed:
                await socket.send_bytes(b"\x01" + error.message.encode())
        await socket.close()
        return socket


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


@dataclass
class Developer:
    """One who has the space ``dev`` selected and stands in the folder ``web``."""

    hub: Hub
    client: UserClient
    folder: Path
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    async def __call__(self, line: str) -> Outcome:
        words = shlex.split(line)
        self.monkeypatch.setattr("sys.argv", ["alcove", *words])
        code = await asyncio.to_thread(run, words)
        told = self.capsys.readouterr()
        return Outcome(code, told.out, told.err)


def run(words: list[str]) -> int:
    """Run a command line; commands that have a code of their own end by it."""
    try:
        return main.run(words)
    except SystemExit as ended:
        return int(ended.code or 0)


@contextlib.asynccontextmanager
async def developing(
    directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> AsyncIterator[Developer]:
    client = UserClient()
    client.kinds += [hubs._CLASSES, hubs._CLAIMS, hubs._BINDINGS]
    for item in (namespace("kube-system", space=False), namespace("azds", space=False), namespace("dev")):
        await client.create(resources.NAMESPACES, item)
    installed = {"metadata": {"name": "alcove", "namespace": "azds"}, "data": INSTALLED}
    await client.create(resources.CONFIG_MAPS, installed)
    (directory / "logs").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(directory / "logs"))
    folder = make_folder(directory)
    monkeypatch.chdir(folder)
    async with serving_hub(Space(directory / "hub")) as hub, serving(ForwardingServer(client)) as url:
        client.hubs["alcove-hub-1"] = hub.port
        await client.create(resources.PODS, hub_pod())
        config = {
            "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "c", "namespace": "dev"}}],
            "clusters": [{"name": "c", "cluster": {"server": str(url)}}],
        }
        (directory / "kubeconfig").write_text(yaml.safe_dump(config))
        monkeypatch.setenv("KUBECONFIG", str(directory / "kubeconfig"))
        monkeypatch.setenv("XDG_CONFIG_HOME", str(directory / "config"))
        developer = Developer(hub, client, folder, monkeypatch, capsys)
        assert (await developer("space select dev")).code == 0
        yield developer
