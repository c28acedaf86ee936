"""What the Deployments of an installation have in common: how their pods run, and what keeps them up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alcove.app.install import kinds
from alcove.app.install.settings import InstallSettings, PodSettings
from alcove.kube import resources
from alcove.kube.client import Object

USER = 65532
"""The user and group of our pods: no user of any image we know, and not root."""
_HISTORY = 3


@dataclass(frozen=True, slots=True)
class Part:
    """One of the things that run."""

    name: str
    component: str
    pods: PodSettings
    mounts_account: bool
    """Whether its pods speak to the API server."""
    grace_seconds: int


def render_deployment(
    part: Part,
    settings: InstallSettings,
    *,
    containers: Sequence[Object],
    volumes: Sequence[Object],
    inits: Sequence[Object] = (),
) -> Object:
    """Give the Deployment: a new pod is ready before an old one goes."""
    spec: Object = {
        "serviceAccountName": part.name,
        "automountServiceAccountToken": part.mounts_account,
        "securityContext": pod_security(),
        "nodeSelector": {"kubernetes.io/os": "linux", **part.pods.node_selector},
        "topologySpreadConstraints": [
            _spread(part, key) for key in ("kubernetes.io/hostname", "topology.kubernetes.io/zone")
        ],
        "terminationGracePeriodSeconds": part.grace_seconds,
        "containers": list(containers),
        "volumes": list(volumes),
    }
    if inits:
        spec["initContainers"] = list(inits)
    if part.pods.tolerations:
        spec["tolerations"] = [dict(one) for one in part.pods.tolerations]
    if settings.pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in settings.pull_secrets]
    labels = {**kinds.OURS, kinds.COMPONENT: part.component}
    return kinds.typed(
        resources.DEPLOYMENTS,
        kinds.metadata(part.name, component=part.component),
        spec={
            "replicas": part.pods.replicas,
            "revisionHistoryLimit": _HISTORY,
            "selector": {"matchLabels": kinds.pod_labels(part.component)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    )


def render_budget(part: Part) -> Object:
    """Give what keeps a drain of nodes from taking all of them at once; one alone does not block a drain."""
    return kinds.typed(
        kinds.DISRUPTION_BUDGETS,
        kinds.metadata(part.name, component=part.component),
        spec={"maxUnavailable": 1, "selector": {"matchLabels": kinds.pod_labels(part.component)}},
    )


def pod_security() -> Object:
    """Give what holds for all containers; it passes the level ``restricted``."""
    return {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "fsGroup": USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def container_security() -> Object:
    """Give what each container may not."""
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def from_field(name: str, path: str) -> Object:
    """Give a variable that the kubelet fills in from the pod."""
    return {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}


def _spread(part: Part, key: str) -> Object:
    return {
        "maxSkew": 1,
        "topologyKey": key,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": kinds.pod_labels(part.component)},
    }
