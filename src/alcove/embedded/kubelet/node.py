"""The Node object and its Lease: what the cluster knows of the machine that it runs on."""

from __future__ import annotations

import asyncio
import os
import platform
import time
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path

from alcove.embedded.events import timestamp
from alcove.embedded.faults import ApiError
from alcove.embedded.kubelet.context import NodeSettings
from alcove.embedded.objects import GroupResource, Object
from alcove.embedded.ports import ClusterApi, Image

NODES = GroupResource("nodes")
_LEASES = GroupResource("leases.coordination.k8s.io")
_LEASE_NAMESPACE = "kube-node-lease"

ENDPOINT_ANNOTATION = "alcove.dev/image-endpoint"
"""Says where the node's images are built: where a container runtime's socket would be."""
LEASE_SECONDS = 40
_RENEW_SECONDS = 10.0
_STATUS_SECONDS = 300.0
_MOST_PODS = 500
_MOST_IMAGES = 50
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}


def machine_capacity(directory: Path) -> dict[str, str]:
    """Give what this machine has, as quantities; ``directory`` is where pods' files lie."""
    pages, page = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    disk = os.statvfs(directory)
    return {
        "cpu": str(os.cpu_count() or 1),
        "memory": f"{pages * page // 1024}Ki",
        "ephemeral-storage": f"{disk.f_blocks * disk.f_frsize // 1024}Ki",
        "pods": str(_MOST_PODS),
        "hugepages-1Gi": "0",
        "hugepages-2Mi": "0",
    }


def node_object(settings: NodeSettings) -> Object:
    """Give the Node to create."""
    architecture = _ARCHITECTURES.get(platform.machine(), platform.machine())
    labels = {
        "kubernetes.io/hostname": settings.name,
        "node-role.kubernetes.io/control-plane": "",
    }
    for prefix in ("kubernetes.io", "beta.kubernetes.io"):
        labels |= {f"{prefix}/os": "linux", f"{prefix}/arch": architecture}
    annotations = {ENDPOINT_ANNOTATION: settings.image_endpoint} if settings.image_endpoint else {}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": settings.name, "labels": labels, "annotations": annotations},
        "spec": {},
    }


def node_status(
    settings: NodeSettings,
    address: str,
    capacity: dict[str, str],
    images: Iterable[Image],
    times: tuple[float, float],
) -> Object:
    """Give the Node's status; ``times`` are when its conditions began and now."""
    return {
        "capacity": capacity,
        "allocatable": capacity,
        "conditions": [_condition(times, *condition) for condition in _CONDITIONS],
        "addresses": [
            {"type": "InternalIP", "address": address},
            {"type": "Hostname", "address": settings.name},
        ],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 0}},
        "nodeInfo": _node_info(settings),
        "images": [
            {"names": [image.reference]} for image, _ in zip(images, range(_MOST_IMAGES), strict=False)
        ],
    }


_CONDITIONS = (
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
)


def _condition(times: tuple[float, float], kind: str, status: str, reason: str, message: str) -> Object:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastHeartbeatTime": timestamp(times[1]),
        "lastTransitionTime": timestamp(times[0]),
    }


def _node_info(settings: NodeSettings) -> Object:
    def read(path: str) -> str:
        try:
            return Path(path).read_text().strip()
        except OSError:
            return ""

    release = dict(line.partition("=")[::2] for line in read("/etc/os-release").splitlines())
    return {
        "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
        "bootID": read("/proc/sys/kernel/random/boot_id"),
        "containerRuntimeVersion": f"alcove://{settings.alcove_version}",
        "kernelVersion": platform.release(),
        "kubeProxyVersion": "",
        "kubeletVersion": settings.kubernetes_version,
        "machineID": read("/etc/machine-id"),
        "operatingSystem": "linux",
        "osImage": release.get("PRETTY_NAME", "Linux").strip('"'),
        "systemUUID": str(uuid.uuid5(uuid.NAMESPACE_DNS, read("/etc/machine-id") or settings.name)),
    }


class NodeRegistration:
    """Keeps the Node and its Lease."""

    def __init__(self, api: ClusterApi, settings: NodeSettings, clock: Callable[[], float]) -> None:
        """Write as the node of ``settings``."""
        self._api = api
        self._settings = settings
        self._clock = clock

    async def register(self, status: Object) -> None:
        """Create the Node, or take over the one there is with what users have set on it."""
        name = self._settings.name
        wanted = node_object(self._settings)
        if self._api.get(NODES, "", name) is None:
            await self._api.create(NODES, wanted)
        else:
            ours = {part: wanted["metadata"][part] for part in ("labels", "annotations")}
            await self._api.patch(NODES, "", name, {"metadata": ours})
        await self._api.patch(NODES, "", name, {"status": status}, subresource="status")

    async def serve(self, status: Callable[[], Object]) -> None:
        """Renew the Lease for ever, and now and then the Node's status."""
        told_at = self._clock()
        while True:
            try:
                await self._renew()
                if self._clock() - told_at >= _STATUS_SECONDS:
                    told_at = self._clock()
                    await self._api.patch(
                        NODES, "", self._settings.name, {"status": status()}, subresource="status"
                    )
            except ApiError:
                # Its namespace may not be there yet, or a user has deleted the Node: told by its absence.
                pass
            await asyncio.sleep(_RENEW_SECONDS)

    async def _renew(self) -> None:
        name, now = self._settings.name, self._clock()
        micros = f"{int(now * 1_000_000) % 1_000_000:06d}"
        renewed = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now))}.{micros}Z"
        if self._api.get(_LEASES, _LEASE_NAMESPACE, name) is not None:
            await self._api.patch(_LEASES, _LEASE_NAMESPACE, name, {"spec": {"renewTime": renewed}})
            return
        lease: Object = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": name, "namespace": _LEASE_NAMESPACE},
            "spec": {
                "holderIdentity": name,
                "leaseDurationSeconds": LEASE_SECONDS,
                "renewTime": renewed,
            },
        }
        await self._api.create(_LEASES, lease)
