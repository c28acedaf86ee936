"""Every object of an installation, in the order in which they are applied."""

from __future__ import annotations

from collections.abc import Iterator

from alcove.admission.configuration import ServiceTarget, render_configuration
from alcove.app.install import kinds
from alcove.app.install.controlplane import render_controlplane
from alcove.app.install.gateway import render_gateway
from alcove.app.install.rights import render_rights
from alcove.app.install.sessions import render_sessions
from alcove.app.install.settings import Endpoint, InstallSettings, Record
from alcove.kube import resources
from alcove.kube.client import Object

_ENFORCED = "pod-security.kubernetes.io/enforce"
_TOLD = ("pod-security.kubernetes.io/audit", "pod-security.kubernetes.io/warn")


def render_objects(settings: InstallSettings) -> tuple[Object, ...]:
    """Give them all; equal settings, equal objects."""
    order = {(kind.api_version, kind.kind): place for place, kind in enumerate(kinds.KINDS)}
    found = (_namespace(), _builders_namespace(), *_rest(settings))
    return tuple(sorted(found, key=lambda item: order[item["apiVersion"], item["kind"]]))


def _rest(settings: InstallSettings) -> Iterator[Object]:
    yield from render_sessions()
    gateway = settings.endpoint is not Endpoint.NONE
    yield from render_rights(gateway=gateway, pull_secrets=settings.pull_secrets)
    yield _record(settings)
    yield _webhook()
    yield from render_controlplane(settings)
    yield from render_gateway(settings)


def _namespace() -> Object:
    """Give the namespace; it enforces that nothing in it runs with more than our own pods need."""
    meta = kinds.metadata(kinds.NAMESPACE, namespace="")
    meta["labels"] = {**meta["labels"], _ENFORCED: "restricted"}
    return kinds.typed(resources.NAMESPACES, meta)


def _builders_namespace() -> Object:
    """Give the namespace of builders, which hand images to their node: no other level lets them."""
    meta = kinds.metadata(kinds.BUILDS, component=kinds.BUILDER_COMPONENT, namespace="")
    levels = dict.fromkeys((_ENFORCED, *_TOLD), "privileged")
    return kinds.typed(resources.NAMESPACES, {**meta, "labels": {**meta["labels"], **levels}})


def _record(settings: InstallSettings) -> Object:
    """Give what the installation remembers of itself; a suffix that was not chosen is found out later."""
    content = {
        Record.VERSION: settings.version,
        Record.ENDPOINT: settings.endpoint.value,
        Record.REGISTRY: settings.registry,
    }
    if settings.host_suffix:
        content |= {Record.HOST_SUFFIX: settings.host_suffix, Record.SUFFIX_SOURCE: Record.CHOSEN}
    return kinds.typed(resources.CONFIG_MAPS, kinds.metadata(kinds.INSTALLATION), data=content)


def _webhook() -> Object:
    """Give the webhook's configuration without what to trust: the control plane makes that, and writes it."""
    item = render_configuration(ServiceTarget(kinds.NAMESPACE, kinds.SERVICE), b"")
    item["metadata"] = kinds.metadata(
        item["metadata"]["name"], component=kinds.CONTROL_PLANE_COMPONENT, namespace=""
    )
    for webhook in item["webhooks"]:
        webhook["clientConfig"].pop("caBundle", None)
    return item
