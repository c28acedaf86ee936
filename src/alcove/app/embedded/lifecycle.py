"""Start, ask, load into and end the embedded cluster from outside its process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alcove import __version__, errors
from alcove.app.embedded import control, record, settings

START_SECONDS = 30.0
STOP_SECONDS = 40.0
"""Far more than a healthy daemon needs: its pods end with it."""


@dataclass(frozen=True, slots=True)
class ClusterStatus:
    """What is known of one cluster."""

    pid: int | None
    server: str | None
    ready: bool
    data_directory: Path
    version: str = __version__

    def document(self) -> dict[str, Any]:
        """Give it in the form that ``-o json`` prints."""
        return {
            "pid": self.pid,
            "server": self.server,
            "ready": self.ready,
            "dataDir": str(self.data_directory),
            "version": self.version,
        }


def daemon_argv(
    chosen: settings.EmbeddedSettings, kubeconfig: Path, *, report: int | None = None
) -> list[str]:
    """Give the command line of the daemon; ``report`` is a descriptor it says ready (or why not) to."""
    argv = [sys.executable, "-m", "alcove.app.embedded.daemon", "--data-dir", str(chosen.data_directory)]
    argv += ["--kubeconfig", str(kubeconfig)]
    if chosen.port is not None:
        argv += ["--port", str(chosen.port)]
    return argv if report is None else [*argv, "--report", str(report)]


def running(chosen: settings.EmbeddedSettings) -> record.DaemonRecord | None:
    """Give the record of the daemon that runs now, None when none does."""
    found = record.read_record(chosen.record)
    return found if found is not None and record.is_alive(found) else None


def start_cluster(chosen: settings.EmbeddedSettings, kubeconfig: Path) -> dict[str, Any]:
    """Start the daemon in the background and wait until it is ready; give what it reports.

    Raises:
        AlcoveError: what the daemon could not do, or that it did not get ready in time.
    """
    make_private(chosen.data_directory)
    reading, writing = os.pipe()
    with chosen.log.open("ab") as log:
        child = subprocess.Popen(
            daemon_argv(chosen, kubeconfig, report=writing),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(writing,),
            start_new_session=True,
            cwd="/",
        )
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        report = _read_report(stream.fileno())
    if report is None:
        child.poll()
        raise errors.AlcoveError(
            "the embedded cluster ended before it was ready"
            if child.returncode is not None
            else f"the embedded cluster is not ready after {START_SECONDS:.0f} s",
            cause=_last_line(chosen.log),
            hint=f"the whole story is in {chosen.log}",
        )
    if "error" in report:
        raise _raised(report["error"])
    return report


def _read_report(descriptor: int) -> dict[str, Any] | None:
    received = b""
    poller = select.poll()
    poller.register(descriptor, select.POLLIN | select.POLLHUP)
    while not received.endswith(b"\n"):
        if not poller.poll(START_SECONDS * 1000):
            return None
        chunk = os.read(descriptor, 65536)
        if not chunk:
            return None
        received += chunk
    return dict(json.loads(received))


def _raised(told: dict[str, Any]) -> errors.AlcoveError:
    kinds = {
        kind.exit_code: kind for kind in (errors.UsageError, errors.UnavailableError, errors.ConflictError)
    }
    kind = kinds.get(told.pop("exit_code", 1), errors.AlcoveError)
    return kind(told["message"], cause=told["cause"], hint=told["hint"])


def _last_line(path: Path) -> str:
    lines = path.read_text(errors="replace").strip().splitlines() if path.exists() else []
    return lines[-1] if lines else ""


def read_status(chosen: settings.EmbeddedSettings) -> ClusterStatus:
    """Tell whether the cluster runs and answers."""
    found = running(chosen)
    if found is None:
        return ClusterStatus(None, None, ready=False, data_directory=chosen.data_directory)
    try:
        answer = asyncio.run(control.call_control(chosen.control, "status", {}, lambda _: None))
    except errors.AlcoveError:
        answer = {}
    return ClusterStatus(
        found.pid, found.server, ready=bool(answer.get("ready")), data_directory=chosen.data_directory
    )


def stop_cluster(chosen: settings.EmbeddedSettings) -> bool:
    """End the daemon and its pods, keeping all objects; tell whether one ran.

    Raises:
        AlcoveError: it did not end in time.
    """
    found = running(chosen)
    if found is None:
        return False
    pidfd = os.pidfd_open(found.pid)
    try:
        if record.is_alive(found):
            signal.pidfd_send_signal(pidfd, signal.SIGTERM)
        if not _ended(pidfd, STOP_SECONDS):
            raise errors.AlcoveError(
                f"the embedded cluster (pid {found.pid}) did not end within {STOP_SECONDS:.0f} s",
                hint=f"see {chosen.log}; kill -9 {found.pid} loses nothing that was acknowledged",
            )
    finally:
        os.close(pidfd)
    return True


def _ended(pidfd: int, seconds: float) -> bool:
    poller = select.poll()
    poller.register(pidfd, select.POLLIN)
    return bool(poller.poll(seconds * 1000))


def reset_cluster(chosen: settings.EmbeddedSettings) -> None:
    """Stop the cluster and remove everything it ever wrote into its data directory.

    Raises:
        ConflictError: the directory is not one of an embedded cluster, so nothing is removed.
    """
    directory = chosen.data_directory
    if not directory.exists():
        return
    if any(directory.iterdir()) and not (
        chosen.database.exists() or chosen.keys.exists() or chosen.log.exists()
    ):
        raise errors.ConflictError(
            f"{directory} holds no embedded cluster", hint="name the cluster's directory with --data-dir"
        )
    stop_cluster(chosen)
    try:
        shutil.rmtree(directory)
    except OSError as error:
        raise errors.AlcoveError(f"cannot remove {directory}", cause=str(error)) from error
    if directory.parent.name == settings.STATE_DIRECTORY:
        with contextlib.suppress(OSError):  # another cluster may live in it
            directory.parent.rmdir()


def load_image(chosen: settings.EmbeddedSettings, source: Path, name: str, say: Callable[[str], None]) -> str:
    """Load a docker or OCI archive, or build a directory with a Dockerfile; give the image's id."""
    if not source.exists():
        raise errors.UsageError(f"{source} does not exist", hint="give an image archive or a directory")
    _require_running(chosen)
    parameters = {"source": str(source.resolve()), "name": name}
    return str(asyncio.run(control.call_control(chosen.control, "load-image", parameters, say))["id"])


def read_kubeconfig(chosen: settings.EmbeddedSettings) -> str:
    """Give a kubeconfig for the cluster's administrator."""
    _require_running(chosen)
    answer = asyncio.run(control.call_control(chosen.control, "kubeconfig", {}, lambda _: None))
    return str(answer["kubeconfig"])


def _require_running(chosen: settings.EmbeddedSettings) -> None:
    if running(chosen) is None:
        raise errors.UnavailableError(
            "the embedded cluster does not run",
            cause=f"no daemon serves {chosen.data_directory}",
            hint="start it: alcove cluster start",
        )


def make_private(directory: Path) -> None:
    """Make the data directory, for its owner alone.

    Raises:
        AlcoveError: it cannot be made or written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        directory.chmod(0o700)
        probe = directory / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise errors.AlcoveError(
            f"cannot use {directory}",
            cause=error.strerror or str(error),
            hint="name another one with --data-dir",
        ) from error
