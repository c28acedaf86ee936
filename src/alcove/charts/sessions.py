"""What a session needs of a chart: which pods run the image that is built, and how they are reached.

All of it is read from rendered objects, before anything is installed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from alcove.charts.errors import ChartError
from alcove.charts.model import Object
from alcove.charts.reading import mapping, mappings, metadata, name_of, text

NO_PROXY_LABEL = "azds.io/no-proxy"

_VIRTUAL = ("virtual-kubelet", "azure.com/aci")
"""What nodes without a container runtime of their own are known by, in labels and taints."""


@dataclass(frozen=True, slots=True)
class PodTemplate:
    """What a workload makes pods of."""

    kind: str
    name: str
    labels: Mapping[str, str]
    spec: Mapping[str, Any]

    @property
    def title(self) -> str:
        """Name it in messages."""
        return f"{self.kind} {self.name}"

    def containers(self) -> Iterator[tuple[Mapping[str, Any], bool]]:
        """Yield every container, and whether it is an init container."""
        for field in ("initContainers", "containers"):
            for container in mappings(self.spec.get(field)):
                yield container, field == "initContainers"


@dataclass(frozen=True, slots=True)
class SessionContainer:
    """A container that runs the image that is built."""

    kind: str
    workload: str
    container: str
    image: str
    init: bool = False


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A port of a session's container, and the port of a Service that leads to it."""

    workload: str
    container: str
    port: int
    """Of the container."""
    name: str = ""
    service: str = ""
    """Empty when no Service leads there."""
    service_port: int = 0


@dataclass(frozen=True, slots=True)
class Host:
    """A place of an Ingress under which a Service is reached."""

    host: str
    path: str
    secure: bool
    service: str

    @property
    def url(self) -> str:
        """Where a browser finds it."""
        return f"{'https' if self.secure else 'http'}://{self.host}{self.path}"


def find_session_containers(objects: Iterable[Object], tag: str) -> tuple[SessionContainer, ...]:
    """Find the containers that run an image with this tag: the expanded ``$(tag)``.

    Raises:
        ChartError: there is none, so that nothing would be built.
    """
    templates = tuple(find_pod_templates(objects))
    found = tuple(
        SessionContainer(
            template.kind, template.name, text(container.get("name")), text(container.get("image")), init
        )
        for template in templates
        for container, init in template.containers()
        if _tag_of(container) == tag
    )
    if not found:
        raise ChartError(
            "no pod of the chart runs the image that is built from this project",
            cause=_describe_images(templates),
            hint="install.set.image.tag must be $(tag) in azds.yaml, and a pod template must use it",
        )
    return found


def find_warnings(objects: Iterable[Object], tag: str) -> tuple[str, ...]:
    """Say what speaks against the session's pods as they are rendered."""
    return tuple(warning for template in _session_templates(objects, tag) for warning in _warn_of(template))


def find_pull_secrets(objects: Iterable[Object], tag: str) -> tuple[str, ...]:
    """Name the Secrets by which the session's pods pull images: the build's base images need them."""
    found = [
        text(reference.get("name"))
        for template in _session_templates(objects, tag)
        for reference in mappings(template.spec.get("imagePullSecrets"))
    ]
    return tuple(dict.fromkeys(filter(None, found)))


def find_endpoints(objects: Iterable[Object], tag: str) -> tuple[Endpoint, ...]:
    """Find the TCP ports of the session's pods: those that Services lead to first, in the chart's order."""
    objects = tuple(objects)
    templates = tuple(_session_templates(objects, tag))
    served = [
        endpoint
        for service in objects
        if service.get("kind") == "Service" and service.get("apiVersion") == "v1"
        for endpoint in _endpoints_of(service, templates)
    ]
    reached = {(endpoint.workload, endpoint.port) for endpoint in served}
    bare = [
        Endpoint(template.name, container, number, name)
        for template in templates
        for container, number, name in _ports_of(template)
        if (template.name, number) not in reached
    ]
    return tuple(dict.fromkeys([*served, *bare]))


def find_hosts(objects: Iterable[Object]) -> tuple[Host, ...]:
    """Give the places under which the chart's Ingresses (of the current API version) publish its Services."""
    return tuple(
        host
        for item in objects
        if item.get("kind") == "Ingress" and item.get("apiVersion") == "networking.k8s.io/v1"
        for host in _hosts_of(mapping(item.get("spec")))
    )


def find_pod_templates(objects: Iterable[Object]) -> Iterator[PodTemplate]:
    """Yield what pods are made of: pods themselves, and the templates of workloads."""
    for item in objects:
        kind, spec = text(item.get("kind")), mapping(item.get("spec"))
        if kind == "List":
            yield from find_pod_templates(mappings(item.get("items")))
        elif kind == "Pod":
            yield PodTemplate(kind, name_of(item), mapping(metadata(item).get("labels")), spec)
        else:
            job = mapping(spec.get("jobTemplate"))
            template = mapping(mapping(job.get("spec") if job else spec).get("template"))
            if "spec" in template:
                labels = mapping(metadata(template).get("labels"))
                yield PodTemplate(kind, name_of(item), labels, mapping(template["spec"]))


def _session_templates(objects: Iterable[Object], tag: str) -> Iterator[PodTemplate]:
    for template in find_pod_templates(objects):
        if any(_tag_of(container) == tag for container, _ in template.containers()):
            yield template


def _tag_of(container: Mapping[str, Any]) -> str:
    image = text(container.get("image")).partition("@")[0]
    return image.rpartition("/")[2].partition(":")[2]


def _describe_images(templates: Iterable[PodTemplate]) -> str:
    images = [
        f"{container.get('image')} ({template.title})"
        for template in templates
        for container, _ in template.containers()
    ]
    return f"it renders these images: {', '.join(images)}" if images else "it renders no pods at all"


def _warn_of(template: PodTemplate) -> Iterator[str]:
    if str(template.labels.get(NO_PROXY_LABEL, "")).lower() == "true":
        yield (
            f"{template.title} asks for no proxy (label {NO_PROXY_LABEL}): its requests are not routed"
            " to other spaces; remove the label from the pod template if they should be"
        )
    if template.spec.get("hostNetwork"):
        yield (
            f"{template.title} uses the node's network (hostNetwork): nothing is ever injected into such"
            " pods, so the image cannot be built for it; remove hostNetwork"
        )
    if _wants_virtual_node(template.spec):
        yield (
            f"{template.title} may run on a virtual node, where no image can be built: remove the"
            " nodeSelector and the tolerations for virtual nodes from the pod template"
        )


def _wants_virtual_node(spec: Mapping[str, Any]) -> bool:
    said = [f"{key}={value}" for key, value in mapping(spec.get("nodeSelector")).items()]
    said += [text(entry.get("key")) for entry in mappings(spec.get("tolerations"))]
    return any(known in each for each in said for known in _VIRTUAL)


def _ports_of(template: PodTemplate) -> Iterator[tuple[str, int, str]]:
    """Yield container, number and name of each TCP port; init containers end before anybody asks."""
    for container, init in template.containers():
        for port in () if init else mappings(container.get("ports")):
            number = port.get("containerPort")
            if isinstance(number, int) and port.get("protocol", "TCP") == "TCP":
                yield text(container.get("name")), number, text(port.get("name"))


def _endpoints_of(service: Object, templates: Iterable[PodTemplate]) -> Iterator[Endpoint]:
    spec = mapping(service.get("spec"))
    selector = mapping(spec.get("selector"))
    for template in templates:
        if not selector or any(template.labels.get(key) != value for key, value in selector.items()):
            continue
        for port in mappings(spec.get("ports")):
            outer = port.get("port")
            if port.get("protocol", "TCP") != "TCP" or not isinstance(outer, int):
                continue
            container, inner = _resolve_port(template, port.get("targetPort") or outer)
            if inner:
                name = text(port.get("name"))
                yield Endpoint(template.name, container, inner, name, name_of(service), outer)


def _resolve_port(template: PodTemplate, target: object) -> tuple[str, int]:
    """Give the container and the number of a Service's target; 0 when no container has such a port."""
    for container, number, name in _ports_of(template):
        if target in (name, number):
            return container, number
    return ("", target) if isinstance(target, int) else ("", 0)


def _hosts_of(spec: Mapping[str, Any]) -> Iterator[Host]:
    listed = [entry.get("hosts") for entry in mappings(spec.get("tls"))]
    secured = {text(host) for hosts in listed if isinstance(hosts, list) for host in hosts}
    for rule in mappings(spec.get("rules")):
        host = text(rule.get("host"))
        for path in mappings(mapping(rule.get("http")).get("paths")):
            service = mapping(mapping(path.get("backend")).get("service"))
            if host:
                yield Host(host, text(path.get("path")) or "/", host in secured, text(service.get("name")))
