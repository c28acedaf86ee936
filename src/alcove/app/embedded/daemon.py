"""The process of the embedded cluster: ``python -m alcove.app.embedded.daemon``.

It says once, on the descriptor it is given, that it is ready or why it cannot be, as one line of JSON; then
it serves until SIGTERM or SIGINT, or until something it cannot live without ends.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import gc
import json
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from alcove import __version__, aio, errors
from alcove.app.embedded import composition, control, kubeconfig, lifecycle, record
from alcove.app.embedded.settings import PREFERRED_PORT, EmbeddedSettings
from alcove.embedded.objects import GroupResource

ADMINISTRATOR = "alcove-admin"
_NODES = GroupResource("nodes")
_ACCOUNTS = GroupResource("serviceaccounts")
_HOUSEKEEPING_SECONDS = 60.0

Report = Callable[[dict[str, Any]], None]


def main() -> None:
    """Run the daemon for the arguments of this process."""
    parser = argparse.ArgumentParser(prog="alcove.app.embedded.daemon")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--port", type=int)
    parser.add_argument("--report", type=int)
    chosen = parser.parse_args()
    settings = EmbeddedSettings(chosen.data_dir, chosen.port)
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    report = functools.partial(_report, chosen.report)
    try:
        asyncio.run(run_daemon(settings, chosen.kubeconfig, report))
    except* errors.AlcoveError as group:
        error = aio.innermost(group)
        assert isinstance(error, errors.AlcoveError)  # noqa: S101 - what ``except*`` promises
        logging.getLogger(__name__).error("%s", error)  # noqa: TRY400 - told to people, not traced
        parts = {"message": error.message, "cause": error.cause, "hint": error.hint}
        report({"error": {**parts, "exit_code": error.exit_code}})
        sys.exit(error.exit_code)


def _report(descriptor: int | None, told: dict[str, Any]) -> None:
    if descriptor is None:
        error = told.get("error")
        sys.stderr.write(f"error: {error['message']}\n" if error else f"ready: {told['server']}\n")
        return
    with contextlib.suppress(OSError):
        os.write(descriptor, json.dumps(told).encode() + b"\n")
        os.close(descriptor)


async def run_daemon(settings: EmbeddedSettings, kubeconfig_path: Path, report: Report) -> None:
    """Serve one cluster until a signal ends it.

    Raises:
        AlcoveError: it cannot start, or the launcher has ended.
    """
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    previous = record.read_record(settings.record)
    async with contextlib.AsyncExitStack() as stack:
        listening = stack.enter_context(bind_port(settings.port, previous.port if previous else None))
        cluster = await stack.enter_async_context(composition.open_cluster(settings, listening))
        port = listening.getsockname()[1]
        access = _administrator(settings, cluster, port)
        serving = control.serve_control(settings.control, _commands(cluster, access))
        await stack.enter_async_context(serving)
        await _until_usable(cluster)
        record.write_record(settings.record, _own_record(access.server, port))
        context = kubeconfig.write_context(kubeconfig_path, access)
        gc.collect()
        gc.freeze()
        report({"server": access.server, "context": context, "seconds": _age_seconds()})
        background = await stack.enter_async_context(aio.open_background(name="daemon"))
        background.start(_keep_house(cluster), name="housekeeping")
        background.start(_watch_launcher(cluster), name="launcher")
        await ending.wait()


def bind_port(asked: int | None, previous: int | None) -> socket.socket:
    """Give a socket on loopback: the port that was asked for, else the last one, a usual one, or a free one.

    Raises:
        ConflictError: the port that was asked for is taken.
    """
    candidates = [asked] if asked else [*([previous] if previous else []), PREFERRED_PORT, 0]
    taken = ""
    for port in candidates:
        try:
            return socket.create_server(("127.0.0.1", port), backlog=1024)
        except OSError as error:
            taken = str(error.strerror)
    raise errors.ConflictError(
        f"cannot listen on 127.0.0.1:{asked}", cause=taken, hint="choose another port with --port"
    )


def _administrator(settings: EmbeddedSettings, cluster: composition.Cluster, port: int) -> kubeconfig.Access:
    pair = cluster.authority.client_certificate(ADMINISTRATOR, ["system:masters"])
    return kubeconfig.Access(
        server=f"https://127.0.0.1:{port}",
        authority=cluster.authority.certificate_pem,
        certificate=pair.certificate,
        key=pair.key,
        data_directory=settings.data_directory,
    )


def _commands(cluster: composition.Cluster, access: kubeconfig.Access) -> Mapping[str, control.Command]:
    async def status(_: Mapping[str, Any], __: control.Say) -> dict[str, Any]:
        return {"ready": True}

    async def give_kubeconfig(_: Mapping[str, Any], __: control.Say) -> dict[str, Any]:
        import yaml

        return {"kubeconfig": yaml.safe_dump(kubeconfig.render(access), sort_keys=False)}

    async def load_image(parameters: Mapping[str, Any], say: control.Say) -> dict[str, Any]:
        source, name = Path(parameters["source"]), str(parameters["name"])
        if source.is_dir():
            image = await cluster.images.build(source, name, output=say)
        else:
            image = await asyncio.to_thread(cluster.images.load_archive, source, name)
        cluster.image_care.note_new_image()
        return {"id": image.id}

    return {"status": status, "kubeconfig": give_kubeconfig, "load-image": load_image}


async def _until_usable(cluster: composition.Cluster) -> None:
    """Wait until pods can be created: the node is ready and the default service account is there."""
    missing = {_NODES, _ACCOUNTS}
    async with asyncio.timeout(lifecycle.START_SECONDS):
        async for event in cluster.api.watch(_NODES, _ACCOUNTS):
            if event.resource == _NODES and _is_ready(event.object):
                missing.discard(_NODES)
            if event.resource == _ACCOUNTS and event.object.get("metadata", {}).get("namespace") == "default":
                missing.discard(_ACCOUNTS)
            if not missing:
                return


def _is_ready(node: Mapping[str, Any]) -> bool:
    conditions = (node.get("status") or {}).get("conditions") or ()
    return any(entry.get("type") == "Ready" and entry.get("status") == "True" for entry in conditions)


async def _keep_house(cluster: composition.Cluster) -> None:
    while True:
        await asyncio.sleep(_HOUSEKEEPING_SECONDS)
        cluster.registry.expire_events()
        cluster.store.prune_history()


async def _watch_launcher(cluster: composition.Cluster) -> None:
    await asyncio.shield(cluster.launcher.died)
    raise errors.AlcoveError(
        "the cluster's launcher ended, and all pods with it",
        hint="start the cluster again: alcove cluster start",
    )


def _own_record(server: str, port: int) -> record.DaemonRecord:
    pid = os.getpid()
    return record.DaemonRecord(pid, record.started_ticks(pid) or 0, server, port, __version__)


def _age_seconds() -> float:
    """Give how long this process has lived, since before its interpreter started."""
    started = (record.started_ticks(os.getpid()) or 0) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started


if __name__ == "__main__":
    main()
