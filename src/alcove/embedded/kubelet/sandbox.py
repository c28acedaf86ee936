"""What the containers of a pod share: network, volumes and the files by which they know names."""

from __future__ import annotations

import asyncio
import functools
import math
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from alcove.embedded.faults import ApiError
from alcove.embedded.kubelet import hosts, payload, volumes
from alcove.embedded.kubelet.context import NodeContext
from alcove.embedded.kubelet.environment import ConfigError, expand
from alcove.embedded.kubelet.volumes import MachinePath, Payload, VolumeError
from alcove.embedded.objects import Object, metadata
from alcove.embedded.ports import Mount, PodAttachment, ToolError

_REFRESH_SHARE = 0.8
_LONGEST_REFRESH = 24 * 3600.0


class SandboxError(Exception):
    """The pod cannot be prepared for now; ``reason`` is the event's."""

    def __init__(self, reason: str, message: str) -> None:
        """Keep the event's reason apart from its text."""
        super().__init__(message)
        self.reason = reason


class Sandbox:
    """The surroundings of one pod's containers."""

    def __init__(self, pod: Object, node: NodeContext) -> None:
        """Nothing is made before ``open``."""
        self.directory = node.directory_of(pod)
        self.attachment: PodAttachment | None = None
        self.refresh_at = math.inf
        """When a volume has to be written anew (clock seconds)."""
        self._failure = ""
        self._node = node
        self._group = (pod["spec"].get("securityContext") or {}).get("fsGroup")
        self._payloads: dict[str, Payload] = {}
        self._places: dict[str, tuple[Path, bool]] = {}
        self._memory: dict[str, str] = {}
        self._tokens: dict[tuple[str, int], tuple[str, float]] = {}

    @property
    def address(self) -> str:
        """The pod's address; empty before ``open``."""
        return self.attachment.address if self.attachment else ""

    async def open(self, pod: Object) -> None:
        """Attach the network and prepare the volumes meanwhile.

        Raises:
            SandboxError: something is missing; trying again later may help.
        """
        if pod["spec"].get("hostPID") or pod["spec"].get("hostIPC"):
            told = "the embedded cluster does not implement hostPID and hostIPC"
            raise SandboxError("FailedCreatePodSandBox", f"Failed to create pod sandbox: {told}")
        async with asyncio.TaskGroup() as group:
            if self.attachment is None:
                group.create_task(self._attach(pod), name="attach")
                # The network is asked before the files are written, so that both take their time together.
                await asyncio.sleep(0)
            failure = self._prepare(pod)
        if failure is not None:
            raise failure
        if self.attachment is None:
            told = f"Failed to create pod sandbox: {self._failure}"
            raise SandboxError("FailedCreatePodSandBox", told)
        self._write_names(pod)

    async def _attach(self, pod: Object) -> None:
        host_network = bool(pod["spec"].get("hostNetwork"))
        network = self._node.network
        try:
            self.attachment = await network.attach(metadata(pod)["uid"], host_network=host_network)
        except (ToolError, OSError, LookupError) as error:
            self._failure = str(error)

    def _prepare(self, pod: Object) -> SandboxError | None:
        try:
            self.refresh(pod)
        except SandboxError as error:
            return error
        return None

    def refresh(self, pod: Object) -> None:
        """Bring every volume up to date with the objects it is made from.

        Raises:
            SandboxError: one of them cannot be set up.
        """
        facts = self._node.facts_of(pod, self.address)
        alone = _mounted_once(pod)
        token = functools.partial(self._token, pod)
        for volume in pod["spec"].get("volumes") or ():
            name = volume["name"]
            if name in self._places or name in self._memory:
                continue
            try:
                self._realize(name, volumes.plan_volume(volume, facts, self._node.api, token), name in alone)
            except (VolumeError, OSError) as error:
                told = f'MountVolume.SetUp failed for volume "{name}" : {error}'
                raise SandboxError("FailedMount", told) from error
        self.refresh_at = min((plan.refresh_at for plan in self._payloads.values()), default=math.inf)

    def _realize(self, name: str, plan: volumes.VolumePlan, alone: bool) -> None:
        directory = self.directory / "volumes" / name
        if isinstance(plan, Payload):
            known = self._payloads.get(name)
            if known is None or known.files != plan.files:
                payload.write_payload(directory, plan, self._group)
            self._payloads[name] = plan
        elif isinstance(plan, MachinePath):
            self._places[name] = (payload.check_machine_path(plan), plan.read_only)
        elif plan.memory and alone:
            self._memory[name] = plan.size
        else:
            payload.make_scratch(directory, self._group, sticky=plan.memory)
            self._places[name] = (directory, False)

    def _token(self, pod: Object, audience: str, seconds: int) -> tuple[str, float]:
        now = self._node.clock()
        known = self._tokens.get((audience, seconds))
        if known and known[1] > now:
            return known
        meta = metadata(pod)
        try:
            token, _ = self._node.tokens.issue(
                meta.get("namespace", ""),
                pod["spec"].get("serviceAccountName") or "default",
                audiences=(audience,) if audience else (),
                seconds=seconds,
                bound={"apiVersion": "v1", "kind": "Pod", "name": meta["name"], "uid": meta["uid"]},
            )
        except ApiError as error:
            raise VolumeError(f"failed to fetch token: {error.message}") from error
        renew_at = now + min(seconds * _REFRESH_SHARE, _LONGEST_REFRESH)
        self._tokens[audience, seconds] = (token, renew_at)
        return token, renew_at

    def _write_names(self, pod: Object) -> None:
        resolver = hosts.pod_resolver(pod, self._node.resolver, self._node.network.dns_address)
        names = hosts.pod_host_name(pod, self._node.settings.name)
        text = hosts.render_hosts(pod, self.address, names, self._node.machine_hosts)
        directory = self.directory / "etc"
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "hosts").write_text(text)
        (directory / "resolv.conf").write_text(hosts.render_resolver(resolver))
        (directory / "hostname").write_text(names[0] + "\n")

    def mounts(self, container: Object, variables: Mapping[str, str]) -> Iterator[Mount]:
        """Yield what a container of the pod mounts, its own file for the termination message apart.

        Raises:
            ConfigError: a subPath cannot be had.
        """
        taken = {item["mountPath"].rstrip("/") for item in container.get("volumeMounts") or ()}
        for name in ("hosts", "resolv.conf", "hostname"):
            if f"/etc/{name}" not in taken:
                yield Mount(f"/etc/{name}", str(self.directory / "etc" / name))
        for item in container.get("volumeMounts") or ():
            try:
                yield self._mount(item, variables)
            except (VolumeError, OSError) as error:
                told = f'failed to prepare subPath for volumeMount "{item["name"]}" of container'
                raise ConfigError(f'{told} "{container["name"]}": {error}') from error

    def _mount(self, item: Object, variables: Mapping[str, str]) -> Mount:
        name, target = item["name"], item["mountPath"]
        read_only = bool(item.get("readOnly"))
        if name in self._memory:
            return Mount(target, read_only=read_only, size=self._memory[name])
        if name in self._payloads:
            source, read_only = self.directory / "volumes" / name, True
        elif name in self._places:
            source, locked = self._places[name]
            read_only |= locked
        else:
            raise VolumeError(f"there is no volume {name}")
        inside = item.get("subPath") or ""
        if template := item.get("subPathExpr"):
            inside = expand(template, variables)
            if "$(" in inside:
                raise VolumeError(f"missing value for {inside}")
        return Mount(target, str(payload.resolve_inside(source, inside) if inside else source), read_only)

    async def close(self, pod: Object, *, keep_logs: bool) -> None:
        """Give the network back and remove the pod's files, its logs only when they are not kept."""
        await self._node.network.detach(metadata(pod)["uid"])
        self.attachment = None
        await asyncio.to_thread(remove_files, self.directory, keep_logs=keep_logs)


def remove_files(directory: Path, *, keep_logs: bool) -> None:
    """Remove what a pod has on disk; may take long, so not for the event loop."""
    if not keep_logs:
        shutil.rmtree(directory, ignore_errors=True)
        return
    for name in ("volumes", "containers", "etc"):
        shutil.rmtree(directory / name, ignore_errors=True)


def _mounted_once(pod: Object) -> set[str]:
    """Give the volumes that one container mounts as a whole: only these may be a tmpfs of its own."""
    spec = pod["spec"]
    every = (*spec["containers"], *(spec.get("initContainers") or ()))
    mounts = [item for container in every for item in container.get("volumeMounts") or ()]
    count = Counter(item["name"] for item in mounts)
    partial = {item["name"] for item in mounts if item.get("subPath") or item.get("subPathExpr")}
    return {name for name, times in count.items() if times == 1} - partial
