"""Puts the hub of a space together, and runs it until a signal ends it: from_env -> build -> run."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Mapping

from alcove import aio
from alcove.app.hub.deploying import Deployer
from alcove.app.hub.images import ClusterBuilders
from alcove.app.hub.kit import Kit
from alcove.app.hub.manifests import ManifestBook
from alcove.app.hub.projects import Projects
from alcove.app.hub.records import Records
from alcove.app.hub.serving import HubServer
from alcove.app.hub.settings import HubSettings
from alcove.builds.identity import IdentitySettings, open_identity
from alcove.charts.helm import open_helm
from alcove.kube.access import load_access
from alcove.kube.http import open_client
from alcove.sync.store import Store

_log = logging.getLogger(__name__)


async def serve_hub(environment: Mapping[str, str]) -> None:
    """Serve until cancelled.

    Raises:
        AlcoveError: the environment lacks something, or there is no way to the cluster.
    """
    settings = HubSettings.from_env(environment)
    access = await load_access(environment)
    async with contextlib.AsyncExitStack() as stack:
        client = await stack.enter_async_context(open_client(access))
        identity = await stack.enter_async_context(open_identity(IdentitySettings.from_env(environment)))
        helm = await stack.enter_async_context(open_helm(client, environment=environment))
        store = Store(settings.store / "blobs", settings.store_limit)
        book = ManifestBook(store, settings.store / "changes")
        kit = Kit(
            settings.namespace,
            client,
            book,
            Records(client, settings.namespace, time.time),
            Deployer(helm, client, store, settings.namespace),
            ClusterBuilders(client, identity),
            time.monotonic,
            time.time,
        )
        tasks = await stack.enter_async_context(aio.open_background(name="hub"))
        projects = Projects(kit, tasks)
        await projects.load()
        server = HubServer(kit, projects, persistent=settings.persistent)
        port = await stack.enter_async_context(server.serve(settings.port))
        _log.info("the hub of %s listens on 127.0.0.1:%s", settings.namespace, port)
        await asyncio.Event().wait()


async def run_hub(environment: Mapping[str, str]) -> None:
    """Run until SIGTERM or SIGINT."""
    async with aio.open_background(name="process") as tasks:
        serving = tasks.start(serve_hub(environment), name="hub")
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, serving.cancel)
        await asyncio.wait({serving})
