"""The control plane's Deployment and Service."""

from __future__ import annotations

from collections.abc import Iterator

from alcove.app.install import kinds, workloads
from alcove.app.install.settings import InstallSettings
from alcove.app.install.workloads import Part
from alcove.kube import resources
from alcove.kube.client import Object

HTTPS_PORT = 8443
"""Where the webhook, the pods' certificates and the probes are answered."""
XDS_PORT = 15010
_GRACE_SECONDS = 30
_TMP = "/var/run/alcove"
"""The one directory that can be written; not /tmp, below which an image may have its programs."""


def part_of(settings: InstallSettings) -> Part:
    """Give how it runs."""
    return Part(
        kinds.CONTROL_PLANE,
        kinds.CONTROL_PLANE_COMPONENT,
        settings.controlplane,
        mounts_account=True,
        grace_seconds=_GRACE_SECONDS,
    )


def render_controlplane(settings: InstallSettings) -> Iterator[Object]:
    """Give all of it."""
    part = part_of(settings)
    yield _service()
    if part.pods.replicas > 1:
        yield workloads.render_budget(part)
    volume = {"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}}
    yield workloads.render_deployment(part, settings, containers=[_container(settings)], volumes=[volume])


def _service() -> Object:
    ports = (("https", 443, HTTPS_PORT, "https"), ("xds", XDS_PORT, XDS_PORT, "grpc"))
    return kinds.typed(
        resources.SERVICES,
        kinds.metadata(kinds.SERVICE, component=kinds.CONTROL_PLANE_COMPONENT),
        spec={
            "type": "ClusterIP",
            "selector": kinds.pod_labels(kinds.CONTROL_PLANE_COMPONENT),
            "ports": [
                {"name": name, "protocol": "TCP", "port": port, "targetPort": name, "appProtocol": protocol}
                for name, port, _target, protocol in ports
            ],
        },
    )


def _container(settings: InstallSettings) -> Object:
    return {
        "name": "controlplane",
        "image": settings.control_plane_image,
        "imagePullPolicy": settings.pull_policy,
        "args": ["controlplane"],
        "env": [
            workloads.from_field("ALCOVE_NAMESPACE", "metadata.namespace"),
            workloads.from_field("ALCOVE_POD_NAME", "metadata.name"),
            {"name": "ALCOVE_PROXY_IMAGE", "value": settings.proxy_image},
            {"name": "ALCOVE_BUILDER_IMAGE", "value": settings.builder_image},
            {"name": "TMPDIR", "value": _TMP},
            {"name": "ALCOVE_PULL_POLICY", "value": settings.pull_policy},
        ],
        "ports": [
            {"name": "https", "containerPort": HTTPS_PORT, "protocol": "TCP"},
            {"name": "xds", "containerPort": XDS_PORT, "protocol": "TCP"},
        ],
        "readinessProbe": {**_probe("/readyz"), "periodSeconds": 5, "failureThreshold": 2},
        "livenessProbe": {**_probe("/healthz"), "periodSeconds": 10, "failureThreshold": 6},
        "resources": settings.controlplane.resources.render(),
        "securityContext": workloads.container_security(),
        "volumeMounts": [{"name": "tmp", "mountPath": _TMP}],
    }


def _probe(path: str) -> Object:
    return {"httpGet": {"path": path, "port": "https", "scheme": "HTTPS"}, "timeoutSeconds": 3}
