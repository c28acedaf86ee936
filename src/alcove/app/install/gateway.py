"""The gateway's Deployment, Service and classes: an Envoy at the edge of the cluster.

Its pods are nodes of the control plane like any other, but for the redirect. What they begin with, the
authorities to trust included, is not known when they are rendered: the control plane writes it into the
ConfigMap ``alcove-gateway`` (keys ``exchange`` and ``bootstrap``), and until that exists they wait.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from alcove.admission import containers
from alcove.admission.bootstrap import NODE_ID
from alcove.admission.markers import IDENTITY, MASK, RUN, TOKEN
from alcove.admission.settings import INIT_RESOURCES, Images, InjectionSettings
from alcove.admission.variables import render_variables
from alcove.app.controlplane.writing import BOOTSTRAP_KEY, EXCHANGE_KEY
from alcove.app.install import kinds, workloads
from alcove.app.install.settings import Endpoint, InstallSettings
from alcove.app.install.workloads import Part
from alcove.app.observation.entries import CLASSES
from alcove.kube import resources
from alcove.kube.client import Object

HTTP_PORT, HTTPS_PORT = 8080, 8443
CONTAINER = "proxy"
_TOKEN_PATH = "/var/run/secrets/alcove/token"  # noqa: S105  # a path
_RUN_PATH = "/var/run/alcove"
_CONCURRENCY = 2
_GRACE_SECONDS = 30
_DRAIN_SECONDS = 5
"""Of that, until Envoy is asked to end."""
_INTERNAL: Mapping[str, str] = {
    "service.beta.kubernetes.io/azure-load-balancer-internal": "true",
    "service.beta.kubernetes.io/aws-load-balancer-internal": "true",
    "service.beta.kubernetes.io/aws-load-balancer-scheme": "internal",
    "networking.gke.io/load-balancer-type": "Internal",
}
"""What AKS, EKS (both of its controllers) and GKE read as: from the cluster's network only."""


def part_of(settings: InstallSettings) -> Part:
    """Give how it runs."""
    return Part(
        kinds.GATEWAY,
        kinds.GATEWAY_COMPONENT,
        settings.gateway,
        mounts_account=False,
        grace_seconds=_GRACE_SECONDS,
    )


def render_gateway(settings: InstallSettings) -> Iterator[Object]:
    """Give all of it; nothing where there is to be no gateway."""
    if settings.endpoint is Endpoint.NONE:
        return
    part = part_of(settings)
    yield _service(settings)
    if part.pods.replicas > 1:
        yield workloads.render_budget(part)
    for name in CLASSES:
        meta = kinds.metadata(name, component=kinds.GATEWAY_COMPONENT, namespace="")
        yield kinds.typed(kinds.INGRESS_CLASSES, meta, spec={"controller": kinds.CLASS_CONTROLLER})
    yield workloads.render_deployment(
        part,
        settings,
        inits=[_init(settings)],
        containers=[_proxy(settings)],
        volumes=[one for one in containers.render_volumes() if one["name"] != MASK],
    )


def _service(settings: InstallSettings) -> Object:
    internal = _INTERNAL if settings.endpoint is Endpoint.PRIVATE else {}
    annotations = {**internal, **settings.service_annotations}
    meta = kinds.metadata(kinds.GATEWAY, component=kinds.GATEWAY_COMPONENT)
    ports = (("http", 80), ("https", 443))
    return kinds.typed(
        resources.SERVICES,
        {**meta, **({"annotations": annotations} if annotations else {})},
        spec={
            "type": "LoadBalancer",
            "selector": kinds.pod_labels(kinds.GATEWAY_COMPONENT),
            "ports": [
                {"name": name, "protocol": "TCP", "port": port, "targetPort": name, "appProtocol": name}
                for name, port in ports
            ],
        },
    )


def _init(settings: InstallSettings) -> Object:
    """Give what trades the pod's token for its certificate, before Envoy begins."""
    return {
        **_container("identity", settings, {containers.BOOTSTRAP: EXCHANGE_KEY}),
        "command": containers.init_command(_told(settings), redirect=False, node=NODE_ID),
        "resources": INIT_RESOURCES.render(),
        "volumeMounts": _mounts(),
    }


def _proxy(settings: InstallSettings) -> Object:
    """Give Envoy below the agent; it is ready once it was told what to serve, and until it is to end.

    Then it serves a few seconds more, and ends every connection with its next answer: so load balancers
    and clients have turned to others before it is gone.
    """
    awaiting = containers.admin_command("await-proxy", seconds=1)
    draining = containers.admin_command("drain", seconds=_DRAIN_SECONDS)
    told = {containers.BOOTSTRAP: BOOTSTRAP_KEY, containers.EXCHANGE: EXCHANGE_KEY}
    return {
        **_container(CONTAINER, settings, told),
        "command": containers.proxy_command(_told(settings), node=NODE_ID),
        "ports": [
            {"name": "http", "containerPort": HTTP_PORT, "protocol": "TCP"},
            {"name": "https", "containerPort": HTTPS_PORT, "protocol": "TCP"},
        ],
        "lifecycle": {"preStop": {"exec": {"command": draining}}},
        "readinessProbe": {"exec": {"command": awaiting}, "periodSeconds": 5, "timeoutSeconds": 3},
        "resources": settings.gateway.resources.render(),
        "volumeMounts": [*_mounts(), {"name": RUN, "mountPath": _RUN_PATH}],
    }


def _container(name: str, settings: InstallSettings, told: Mapping[str, str]) -> Object:
    """Give what both have; ``told`` are the keys of the ConfigMap by the variables that get their values.

    Who the Envoys are comes by their command lines: the kubelet fills nothing in inside of such values.
    """
    keys = ((name, {"name": kinds.GATEWAY, "key": key}) for name, key in told.items())
    variables = [{"name": name, "valueFrom": {"configMapKeyRef": key}} for name, key in keys]
    return {
        "name": name,
        "image": settings.proxy_image,
        "imagePullPolicy": settings.pull_policy,
        "env": [*render_variables(), *variables],
        "securityContext": workloads.container_security(),
    }


def _told(settings: InstallSettings) -> InjectionSettings:
    images = Images(settings.proxy_image, settings.proxy_image, settings.pull_policy)
    return InjectionSettings(settings.version, images, control_plane="", concurrency=_CONCURRENCY)


def _mounts() -> list[Object]:
    return [
        {"name": TOKEN, "mountPath": _TOKEN_PATH, "readOnly": True},
        {"name": IDENTITY, "mountPath": containers.IDENTITY_VOLUME_PATH},
    ]
