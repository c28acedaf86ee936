"""Rules about pod specs, in pods and in templates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from alcove.embedded.faults import Cause
from alcove.embedded.objects import Object
from alcove.embedded.schema import causes, syntax
from alcove.embedded.schema.rules import (
    Check,
    Rule,
    Whole,
    at_least,
    between,
    exactly_one,
    filled,
    like,
    named,
    one_of,
    present,
    unique,
)

_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc", "sleep")
_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")
_PORT = between(1, 65535)


def _env_source(path: str, value: Any) -> Iterator[Cause]:
    found = [name for name in _SOURCES if value.get(name) is not None]
    if not found:
        why = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"
        yield causes.invalid(path, "", why)
    elif len(found) > 1:
        yield causes.invalid(path, "", "may not have more than one field specified at a time")


def _amount(path: str, value: Any) -> Iterator[Cause]:
    for complaint in syntax.quantity(value):
        yield causes.invalid(path, value, complaint)
    if str(value).startswith("-"):
        yield causes.invalid(path, value, "must be greater than or equal to 0")


def _sources(path: str, value: Any) -> Iterator[Cause]:
    sources = sorted(value.keys() - {"name"})
    for name in sources[1:]:
        yield causes.forbidden(f"{path}.{name}", "may not specify more than 1 volume type")


_HANDLER = exactly_one(
    *_HANDLERS, missing="must specify a handler type", more="may not specify more than 1 handler type"
)
_CONTAINER: tuple[tuple[str, Check], ...] = (
    ("", present("image")),
    ("name", named(syntax.dns_label)),
    ("imagePullPolicy", one_of("Always", "IfNotPresent", "Never")),
    ("terminationMessagePolicy", one_of("File", "FallbackToLogsOnError")),
    ("ports[*]", present("containerPort")),
    ("ports[*].containerPort", _PORT),
    ("ports[*].hostPort", between(0, 65535)),
    ("ports[*].protocol", one_of("TCP", "UDP", "SCTP")),
    ("ports[*].name", like(syntax.port_name)),
    ("ports", unique("name")),
    ("env[*].name", named(syntax.env_name)),
    ("env[*].valueFrom", _env_source),
    ("resources.limits.*", _amount),
    ("resources.requests.*", _amount),
    ("volumeMounts[*].mountPath", filled()),
    ("lifecycle.postStart", _HANDLER),
    ("lifecycle.preStop", _HANDLER),
    *(
        (f"{probe}{path}", check)
        for probe in ("livenessProbe", "readinessProbe", "startupProbe")
        for path, check in (
            ("", _HANDLER),
            (".initialDelaySeconds", at_least(0)),
            (".httpGet.port", _PORT),
            (".tcpSocket.port", _PORT),
        )
    ),
)


def _container_rules(field: str) -> Iterator[Rule]:
    yield Rule(field, unique("name"))
    for path, check in _CONTAINER:
        yield Rule(f"{field}[*].{path}" if path else f"{field}[*]", check)


def cross_references(spec: Object, old: Object | None) -> Iterator[Cause]:
    """Yield mounts of volumes that there are not, and names that two containers share."""
    volumes = {each.get("name") for each in spec.get("volumes") or ()}
    names: set[str] = set()
    for field in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(field) or ()):
            name = container.get("name", "")
            if field == "containers" and name in names:
                yield causes.duplicate(f"{field}[{index}].name", name)
            if field == "initContainers":
                names.add(name)
            yield from _mounts(f"{field}[{index}]", container, volumes)


def _mounts(path: str, container: Object, volumes: set[Any]) -> Iterator[Cause]:
    seen = set()
    for index, mount in enumerate(container.get("volumeMounts") or ()):
        place = f"{path}.volumeMounts[{index}]"
        if mount.get("name") not in volumes:
            yield causes.not_found(f"{place}.name", mount.get("name", ""))
        if mount.get("mountPath") in seen:
            yield causes.invalid(f"{place}.mountPath", mount["mountPath"], "must be unique")
        seen.add(mount.get("mountPath"))


FIELDS: tuple[Rule | Whole, ...] = (
    Rule("containers", filled()),
    *_container_rules("containers"),
    *_container_rules("initContainers"),
    Rule("restartPolicy", one_of("Always", "OnFailure", "Never")),
    Rule("dnsPolicy", one_of("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")),
    Rule("terminationGracePeriodSeconds", at_least(0)),
    Rule("activeDeadlineSeconds", between(1, 2**31 - 1)),
    Rule("hostname", like(syntax.dns_label)),
    Rule("subdomain", like(syntax.dns_label)),
    Rule("serviceAccountName", like(syntax.dns_subdomain)),
    Rule("volumes", unique("name")),
    Rule("volumes[*].name", named(syntax.dns_label)),
    Rule("volumes[*]", _sources),
    Rule("volumes[*].hostPath", present("path")),
    Rule("volumes[*].secret", present("secretName")),
    Rule("volumes[*].configMap", present("name")),
    Rule("volumes[*].persistentVolumeClaim", present("claimName")),
    Rule("hostAliases[*].ip", like(syntax.ip_address)),
    Rule("tolerations[*].operator", one_of("Equal", "Exists", "Lt", "Gt")),
    Rule("tolerations[*].effect", one_of("NoSchedule", "PreferNoSchedule", "NoExecute", "")),
)
"""Of the fields of a PodSpec, each for itself."""

SPEC = (*FIELDS, cross_references)
"""Of a PodSpec, wherever it is."""

_CHANGEABLE = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def unchanged_spec(pod: Object, old: Object | None) -> Iterator[Cause]:
    """Yield a cause when a pod's spec differs in more than may change.

    A pod without a node may get one, since binding is an update here.
    """
    if old is None:
        return
    before, after = old.get("spec") or {}, pod.get("spec") or {}
    if before != after and _fixed(before, after) != _fixed(after, after):
        yield causes.forbidden("spec", _CHANGEABLE)


def _fixed(spec: Object, other: Object) -> Object:
    fixed = {
        name: value for name, value in spec.items() if name not in ("activeDeadlineSeconds", "tolerations")
    }
    fixed["nodeName"] = spec.get("nodeName") or other.get("nodeName")
    for field in ("containers", "initContainers"):
        if field in fixed:
            fixed[field] = [each | {"image": ""} for each in fixed[field]]
    return fixed
