"""One run of a container: from its image and its pod's description to a process with a log."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from alcove.embedded.events import timestamp
from alcove.embedded.kubelet import environment, hosts, pipes, security
from alcove.embedded.kubelet.context import NodeContext, log_path
from alcove.embedded.kubelet.logfiles import ContainerLog, OutputPump, remove_log
from alcove.embedded.kubelet.loglines import parse_line
from alcove.embedded.kubelet.sandbox import Sandbox
from alcove.embedded.kubelet.state import ContainerState
from alcove.embedded.objects import Object
from alcove.embedded.ports import (
    NODE_NETNS,
    ContainerSpec,
    ExitStatus,
    Image,
    Mount,
    Process,
    ProcessSpec,
    RootFilesystem,
)

_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_LONGEST_MESSAGE = 4096
_FALLBACK_BYTES = 2048
_FALLBACK_LINES = 80


@dataclass(slots=True)
class Run:
    """A container's process and what belongs to this one run of it."""

    id: str
    image: Image
    spec: ProcessSpec
    process: Process
    log: ContainerLog
    pump: OutputPump
    message_file: Path


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The pod that a container is started in."""

    pod: Object
    sandbox: Sandbox
    node: NodeContext
    shared_pids: str = ""
    """The container whose pid namespace is joined; empty for one of its own."""


async def start_run(container: ContainerState, image: Image, around: Surroundings) -> Run:
    """Start the container; ``container`` is only read.

    Raises:
        ConfigError: it cannot be made as it is described.
        StartError: its process could not be started.
        OSError: its files cannot be made.
    """
    home = around.sandbox.directory / "containers" / container.name / str(container.restarts)
    if home.parent.exists():
        # Each run starts with the image's files: what the one before wrote is gone.
        await asyncio.to_thread(shutil.rmtree, home.parent, ignore_errors=True)
    message_file = _make_home(home)
    node, pod = around.node, around.pod
    facts = node.facts_of(pod, around.sandbox.address)
    variables = environment.container_environment(container.spec, facts, node.api)
    process = _process_spec(container.spec, image, variables, around)
    path = container.spec.get("terminationMessagePath") or "/dev/termination-log"
    spec = _container_spec(
        container.spec,
        process,
        (*around.sandbox.mounts(container.spec, variables), Mount(path, str(message_file))),
        RootFilesystem(image.layers, image.machine_trees, home, _read_only(container.spec)),
        around,
    )
    if container.restarts >= 2:
        remove_log(log_path(around.sandbox.directory, container.name, container.restarts - 2))
    log = ContainerLog(log_path(around.sandbox.directory, container.name, container.restarts))
    try:
        started, pump = await _start(spec, log, node)
    except BaseException:
        log.close()
        raise
    return Run(spec.id, image, process, started, log, pump, message_file)


def _make_home(home: Path) -> Path:
    home.mkdir(parents=True)
    message_file = home / "termination-log"
    message_file.touch()
    message_file.chmod(0o666)
    return message_file


def _read_only(container: Object) -> bool:
    return bool((container.get("securityContext") or {}).get("readOnlyRootFilesystem"))


def _process_spec(
    container: Object, image: Image, variables: Mapping[str, str], around: Surroundings
) -> ProcessSpec:
    pod, config = around.pod, image.config
    context = security.security_of(pod, container)
    security.check_non_root(pod, container, context, config.user)
    identity = security.resolve_identity(context, config.user, security.read_accounts(image.layers))
    terminal = {"TERM": "xterm"} if container.get("tty") else {}
    defaults = {"PATH": _DEFAULT_PATH, "HOSTNAME": _host_name(around), **terminal}
    argv = environment.command_line(container, config, variables)
    if not argv:
        raise environment.ConfigError("no command specified")
    return ProcessSpec(
        argv=argv,
        environment=defaults | dict(config.environment) | dict(variables),
        directory=container.get("workingDir") or config.directory or "/",
        user=identity.user,
        group=identity.group,
        groups=identity.groups,
        capabilities=security.capabilities_of(context),
        no_new_privileges=context.get("allowPrivilegeEscalation") is False,
        tty=bool(container.get("tty")),
    )


def _host_name(around: Surroundings) -> str:
    return hosts.pod_host_name(around.pod, around.node.settings.name)[0]


def _container_spec(
    container: Object,
    process: ProcessSpec,
    mounts: tuple[Mount, ...],
    root: RootFilesystem,
    around: Surroundings,
) -> ContainerSpec:
    pod_security = around.pod["spec"].get("securityContext") or {}
    attachment = around.sandbox.attachment
    return ContainerSpec(
        id=secrets.token_hex(32),
        root=root,
        mounts=mounts,
        process=process,
        netns=attachment.netns if attachment else NODE_NETNS,
        hostname=_host_name(around),
        share_pids_with=around.shared_pids,
        sysctls={item["name"]: item["value"] for item in pod_security.get("sysctls") or ()},
        privileged=bool((container.get("securityContext") or {}).get("privileged")),
    )


async def _start(spec: ContainerSpec, log: ContainerLog, node: NodeContext) -> tuple[Process, OutputPump]:
    streams: tuple[int | None, int, int]
    if spec.process.tty:
        reading, writing = os.openpty()
        streams, ours = (writing, writing, writing), [("stdout", reading)]
    else:
        out, out_end = os.pipe()
        err, err_end = os.pipe()
        streams, ours = (None, out_end, err_end), [("stdout", out), ("stderr", err)]
    try:
        stdin, stdout, stderr = streams
        process = await node.launcher.start_container(spec, stdin=stdin, stdout=stdout, stderr=stderr)
    except BaseException:
        pipes.close_quietly(*(descriptor for _, descriptor in ours))
        raise
    finally:
        pipes.close_quietly(*{descriptor for descriptor in streams if descriptor is not None})
    return process, OutputPump(log, ours, node.clock)


def describe_end(run: Run, container: ContainerState, status: ExitStatus, now: float) -> Object:
    """Give the ``terminated`` state of a run that has ended."""
    reason = "StartError" if status.message else "Completed" if status.code == 0 else "Error"
    ended: Object = {
        "exitCode": status.code,
        "reason": reason,
        "startedAt": timestamp(container.started_at),
        "finishedAt": timestamp(now),
        "containerID": f"alcove://{run.id}",
    }
    if message := status.message or _termination_message(run, container.spec, status.code):
        ended["message"] = message
    return ended


def _termination_message(run: Run, spec: Object, code: int) -> str:
    try:
        with run.message_file.open("rb") as file:
            content = file.read(_LONGEST_MESSAGE)
    except OSError:
        content = b""
    if not content and code and spec.get("terminationMessagePolicy") == "FallbackToLogsOnError":
        content = _last_of_log(run.log.path)
    return content.decode(errors="replace")


def _last_of_log(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4 * _FALLBACK_BYTES))
        lines = [parse_line(raw) for raw in file.read().split(b"\n")]
    shown = b"".join(
        line.content + (b"\n" if line.full else b"") for line in lines[-_FALLBACK_LINES:] if line
    )
    return shown[-_FALLBACK_BYTES:]
