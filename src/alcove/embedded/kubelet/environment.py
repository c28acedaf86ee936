"""The environment and the command line of a container: pure, from the pod and the objects it names."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping, Sequence

from alcove.embedded.kubelet import downward
from alcove.embedded.kubelet.downward import PodFacts
from alcove.embedded.objects import GroupResource, Object, metadata
from alcove.embedded.ports import ClusterReader, ImageConfig

_REFERENCE = re.compile(r"\$(?:\$|\(([^)]*)\))")


class ConfigError(Exception):
    """The container cannot be made as it is described (``CreateContainerConfigError``)."""


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Replace ``$(NAME)`` by its value; ``$$`` is a plain ``$``, unknown names stay as they are."""
    if "$" not in text:
        return text

    def replace(match: re.Match[str]) -> str:
        name = match.group(1)
        if name is None:
            return "$"
        return variables.get(name, match.group(0))

    return _REFERENCE.sub(replace, text)


def command_line(container: Object, image: ImageConfig, variables: Mapping[str, str]) -> tuple[str, ...]:
    """Give what to run: ``command`` replaces the image's entrypoint and command, ``args`` only the latter."""
    command = tuple(expand(word, variables) for word in container.get("command") or ())
    arguments = tuple(expand(word, variables) for word in container.get("args") or ())
    if command:
        return command + arguments
    return image.entrypoint + (arguments or image.command)


def container_environment(container: Object, facts: PodFacts, reader: ClusterReader) -> dict[str, str]:
    """Give the variables that the pod describes and those of the Services around it.

    Raises:
        ConfigError: an object or a key that it names is not there.
    """
    namespace = facts.namespace
    services = _service_links(facts.pod, reader)
    result: dict[str, str] = {}
    for source in container.get("envFrom") or ():
        result |= _all_of(source, namespace, reader)
    for item in container.get("env") or ():
        value: str | None = item.get("value") or ""
        if value:
            value = expand(value, services | result)
        elif source := item.get("valueFrom"):
            value = _value_from(source, container, facts, reader)
        if value is not None:
            result[item["name"]] = value
    return services | result


def _all_of(source: Object, namespace: str, reader: ClusterReader) -> dict[str, str]:
    prefix = source.get("prefix") or ""
    if reference := source.get("configMapRef"):
        found = find_content("configmaps", namespace, reference, reader)
    else:
        found = find_content("secrets", namespace, source.get("secretRef") or {}, reader)
    return {prefix + key: value.decode(errors="replace") for key, value in (found or {}).items()}


def _value_from(source: Object, container: Object, facts: PodFacts, reader: ClusterReader) -> str | None:
    try:
        if reference := source.get("fieldRef"):
            return downward.field_value(reference["fieldPath"], facts)
        if reference := source.get("resourceFieldRef"):
            return downward.resource_value(reference, facts, container)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    for name, resource, kind in (
        ("configMapKeyRef", "configmaps", "ConfigMap"),
        ("secretKeyRef", "secrets", "Secret"),
    ):
        if reference := source.get(name):
            return _value_of_key(reference, (resource, kind), facts.namespace, reader)
    raise ConfigError("this source of an environment variable is not supported")


def _value_of_key(
    reference: Object, source: tuple[str, str], namespace: str, reader: ClusterReader
) -> str | None:
    resource, kind = source
    found = find_content(resource, namespace, reference, reader)
    key = reference["key"]
    if found is not None and key in found:
        return found[key].decode(errors="replace")
    if reference.get("optional"):
        return None
    raise ConfigError(f"couldn't find key {key} in {kind} {namespace}/{reference.get('name', '')}")


def find_content(
    resource: str, namespace: str, reference: Object, reader: ClusterReader
) -> dict[str, bytes] | None:
    """Give what a ConfigMap or Secret holds, None when it is not there and ``optional``.

    Raises:
        ConfigError: it is not there.
    """
    name = reference.get("name") or reference.get("secretName") or ""
    item = reader.get(GroupResource(resource), namespace, name)
    if item is None:
        if reference.get("optional"):
            return None
        kind = "configmap" if resource == "configmaps" else "secret"
        raise ConfigError(f'{kind} "{name}" not found')
    if resource == "secrets":
        return _decoded(item.get("data") or {})
    plain = {key: value.encode() for key, value in (item.get("data") or {}).items()}
    return plain | _decoded(item.get("binaryData") or {})


def _decoded(encoded: Mapping[str, str]) -> dict[str, bytes]:
    try:
        return {key: base64.b64decode(value or "") for key, value in encoded.items()}
    except ValueError as error:
        raise ConfigError(f"illegal base64 data: {error}") from error


def _service_links(pod: Object, reader: ClusterReader) -> dict[str, str]:
    services = GroupResource("services")
    result: dict[str, str] = {}
    master = reader.get(services, "default", "kubernetes")
    if master is not None:
        result |= service_variables([master])
    if pod["spec"].get("enableServiceLinks", True):
        result |= service_variables(reader.list(services, metadata(pod).get("namespace", "")))
    return result


def service_variables(services: Sequence[Object]) -> dict[str, str]:
    """Give the variables that tell a container where Services are."""
    return {name: value for service in services for name, value in _service_variables(service)}


def _service_variables(service: Object) -> Iterator[tuple[str, str]]:
    spec = service.get("spec") or {}
    address, ports = spec.get("clusterIP"), spec.get("ports") or ()
    if not address or address == "None" or not ports:
        return
    prefix = metadata(service)["name"].upper().replace("-", "_")
    yield f"{prefix}_SERVICE_HOST", address
    yield f"{prefix}_SERVICE_PORT", str(ports[0]["port"])
    for index, port in enumerate(ports):
        if port.get("name"):
            yield f"{prefix}_SERVICE_PORT_{port['name'].upper().replace('-', '_')}", str(port["port"])
        protocol = port.get("protocol") or "TCP"
        url = f"{protocol.lower()}://{address}:{port['port']}"
        if index == 0:
            yield f"{prefix}_PORT", url
        link = f"{prefix}_PORT_{port['port']}_{protocol}"
        yield link, url
        yield f"{link}_PROTO", protocol.lower()
        yield f"{link}_PORT", str(port["port"])
        yield f"{link}_ADDR", address
