"""What a builder's pod looks like. Pure.

It is made for one node, by its name, and runs wherever a session's pod runs. With containerd it holds the
node's socket, which is as much as being root there: so builders are in a namespace of their own, which no
user of a space needs rights in. Buildah needs SYS_ADMIN to mount, and nothing else that a container has not
got anyway; a runtime that builds by itself needs nothing at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alcove.builds.identity import CONTROL_PLANE, TOKEN_DIRECTORY, TRUST
from alcove.builds.requests import PORT
from alcove.builds.runtimes import CONTAINERD, Runtime

NAMESPACE = "azds-build"
ACCOUNT = "alcove-builder"
COMPONENT_LABEL, COMPONENT = "app.kubernetes.io/component", "builder"
VERSION_ANNOTATION = "alcove.dev/builder-version"
"""What the pod was made from: another one is another pod."""

RUNTIME, REFUSAL = "ALCOVE_RUNTIME", "ALCOVE_REFUSAL"
"""Variables: the kind of runtime, and why there can be no images, where there can be none."""
SOCKET = "/run/alcove/images.sock"
SCRATCH = "/var/lib/alcove-scratch"
"""For what is written for a moment; not /tmp, below which an image may have its programs."""
STATE = "/var/lib/alcove-build"
"""Where the cache is, on the node and in the pod."""
_AUDIENCE = "azds"
_TOKEN_SECONDS = 3600
_APPARMOR = "container.apparmor.security.beta.kubernetes.io/builder"

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class BuilderSettings:
    """What all builders have in common."""

    image: str
    pull_policy: str
    control_plane: str
    """Its address and port."""
    trust: str
    """PEM certificates of the authorities that vouch for it."""


def builder_name(node: str) -> str:
    """Name the builder of a node: always the same, so that there are never two."""
    return f"alcove-builder-{hashlib.sha256(node.encode()).hexdigest()[:12]}"


def render_builder(node: str, runtime: Runtime, settings: BuilderSettings) -> Object:
    """Give the pod."""
    spec = _spec(node, runtime, settings)
    annotations = {VERSION_ANNOTATION: _version(runtime, settings)}
    if runtime.kind == CONTAINERD:
        annotations[_APPARMOR] = "unconfined"  # the usual profile forbids every mount
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": builder_name(node),
            "namespace": NAMESPACE,
            "labels": {
                "app.kubernetes.io/managed-by": "alcove",
                "app.kubernetes.io/name": "alcove",
                COMPONENT_LABEL: COMPONENT,
            },
            "annotations": annotations,
        },
        "spec": spec,
    }


def is_outdated(pod: Mapping[str, Any], runtime: Runtime, settings: BuilderSettings) -> bool:
    """Tell whether a builder was made from something else than would be used now."""
    annotations = pod["metadata"].get("annotations") or {}
    return bool(annotations.get(VERSION_ANNOTATION) != _version(runtime, settings))


def _version(runtime: Runtime, settings: BuilderSettings) -> str:
    """Name what a pod is made from. Not the trust: a running builder renews that by itself."""
    parts = (
        _FORMAT,
        settings.image,
        settings.pull_policy,
        settings.control_plane,
        runtime.kind,
        runtime.socket,
    )
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


_FORMAT = "1"
"""Changes with the manifest."""


def _spec(node: str, runtime: Runtime, settings: BuilderSettings) -> Object:
    return {
        "nodeName": node,
        "serviceAccountName": ACCOUNT,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 5,
        # Whatever keeps other pods away does not keep a session's pod's image from being made.
        "tolerations": [{"operator": "Exists"}],
        "containers": [_container(runtime, settings)],
        "volumes": _volumes(runtime),
    }


def _container(runtime: Runtime, settings: BuilderSettings) -> Object:
    environment = {
        CONTROL_PLANE: settings.control_plane,
        TRUST: settings.trust,
        RUNTIME: runtime.kind,
        "TMPDIR": SCRATCH,
        **({} if runtime.is_supported else {REFUSAL: runtime.refusal}),
    }
    return {
        "name": "builder",
        "image": settings.image,
        "imagePullPolicy": settings.pull_policy,
        "args": ["builder"],
        "env": [{"name": name, "value": value} for name, value in environment.items()],
        "ports": [{"name": "https", "containerPort": PORT, "protocol": "TCP"}],
        "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1, "failureThreshold": 3},
        # No limits: a build needs what it needs, and what it may take is the node's rest.
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
        "securityContext": _security(runtime),
        "volumeMounts": _mounts(runtime),
    }


def _security(runtime: Runtime) -> Object:
    confined: Object = {
        "runAsUser": 0,
        "runAsGroup": 0,
        "runAsNonRoot": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    if runtime.kind != CONTAINERD:
        return {**confined, "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    return {
        **confined,
        "capabilities": {"add": ["SYS_ADMIN"]},
        "appArmorProfile": {"type": "Unconfined"},
        "seLinuxOptions": {"type": "spc_t"},
    }


def _mounts(runtime: Runtime) -> list[Object]:
    mounts: list[Object] = [
        {"name": "token", "mountPath": TOKEN_DIRECTORY, "readOnly": True},
        {"name": "run", "mountPath": "/run"},
        {"name": "tmp", "mountPath": SCRATCH},
    ]
    if runtime.is_supported:
        mounts.append({"name": "socket", "mountPath": SOCKET})
    if runtime.kind == CONTAINERD:
        mounts.append({"name": "state", "mountPath": STATE})
        # Where Buildah writes, whatever it is told: names it has found, archives it unpacks.
        mounts.append({"name": "tmp", "mountPath": "/tmp", "subPath": "tmp"})  # noqa: S108  # in the pod
        mounts.append({"name": "tmp", "mountPath": "/var/cache", "subPath": "cache"})
        mounts.append({"name": "tmp", "mountPath": "/var/tmp", "subPath": "unpacked"})  # noqa: S108
    return mounts


def _volumes(runtime: Runtime) -> list[Object]:
    token = {"audience": _AUDIENCE, "expirationSeconds": _TOKEN_SECONDS, "path": "token"}
    volumes: list[Object] = [
        {"name": "token", "projected": {"sources": [{"serviceAccountToken": token}]}},
        {"name": "run", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}},
        {"name": "tmp", "emptyDir": {}},
    ]
    if runtime.is_supported:
        volumes.append({"name": "socket", "hostPath": {"path": runtime.socket, "type": "Socket"}})
    if runtime.kind == CONTAINERD:
        volumes.append({"name": "state", "hostPath": {"path": STATE, "type": "DirectoryOrCreate"}})
    return volumes
