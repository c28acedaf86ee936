"""Rules about pod specs, in pods and in templates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from alcove.embedded.faults import Cause
from alcove.embedded.objects import Object
from alcove.embedded.schema import causes, container_rules, syntax
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
    parts,
    port_or_name,
    present,
    unique,
)

_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc", "sleep")
_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")


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
_PROBE: tuple[tuple[str, Check], ...] = (
    ("", _HANDLER),
    ("initialDelaySeconds", at_least(0)),
    ("periodSeconds", at_least(0)),
    ("timeoutSeconds", at_least(0)),
    ("failureThreshold", at_least(0)),
    ("exec", present("command")),
    ("httpGet.port", port_or_name),
    ("httpGet.scheme", one_of("HTTP", "HTTPS")),
    ("tcpSocket.port", port_or_name),
)
_CONTAINER: tuple[tuple[str, Check], ...] = (
    ("", present("image")),
    ("name", named(syntax.dns_label)),
    ("imagePullPolicy", one_of("Always", "IfNotPresent", "Never")),
    ("terminationMessagePolicy", one_of("File", "FallbackToLogsOnError")),
    (
        "ports[*]",
        parts(
            ("", present("containerPort")),
            ("containerPort", container_rules.container_port),
            ("hostPort", between(0, 65535)),
            ("protocol", one_of("TCP", "UDP", "SCTP")),
            ("name", like(syntax.port_name)),
        ),
    ),
    ("ports", unique("name")),
    (
        "env[*]",
        parts(("name", named(syntax.env_name)), ("valueFrom", _env_source), ("", container_rules.env)),
    ),
    ("image", container_rules.image),
    ("securityContext", container_rules.identity),
    ("securityContext.procMount", one_of("Default", "Unmasked")),
    ("resources.limits.*", _amount),
    ("resources.requests.*", _amount),
    ("volumeMounts[*].mountPath", filled()),
    ("lifecycle.postStart", _HANDLER),
    ("lifecycle.preStop", _HANDLER),
    ("livenessProbe", parts(("", container_rules.always_once), *_PROBE)),
    ("readinessProbe", parts(*_PROBE)),
    ("startupProbe", parts(("", container_rules.always_once), *_PROBE)),
)


def _container_rules(field: str) -> Iterator[Rule]:
    yield Rule(field, unique("name"))
    yield Rule(f"{field}[*]", parts(*_CONTAINER))


def cross_references(spec: Object, old: Object | None) -> Iterator[Cause]:
    """Yield mounts of volumes that there are not, and names that two containers share."""
    volumes = {each.get("name") for each in spec.get("volumes") or ()}
    names = {each.get("name") for each in spec.get("containers") or ()}
    for field in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(field) or ()):
            name = container.get("name", "")
            if field == "initContainers" and name in names:
                yield causes.duplicate(f"{field}[{index}].name", name)
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


_MODES = (("defaultMode", container_rules.file_mode), ("items[*].mode", container_rules.file_mode))
_VOLUME: tuple[tuple[str, Check], ...] = (
    ("name", named(syntax.dns_label)),
    ("", _sources),
    ("hostPath", container_rules.host_path),
    ("secret", parts(("", present("secretName")), ("items[*]", container_rules.file_item), *_MODES)),
    ("configMap", parts(("", present("name")), ("items[*]", container_rules.file_item), *_MODES)),
    ("downwardAPI", parts(*_MODES)),
    ("projected", parts(*_MODES)),
    ("persistentVolumeClaim", present("claimName")),
)

FIELDS: tuple[Rule | Whole, ...] = (
    Rule("containers", filled()),
    *_container_rules("containers"),
    *_container_rules("initContainers"),
    Rule("restartPolicy", one_of("Always", "OnFailure", "Never")),
    Rule("dnsPolicy", one_of("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")),
    Rule("activeDeadlineSeconds", between(1, 2**31 - 1)),
    Rule("hostname", like(syntax.dns_label)),
    Rule("subdomain", like(syntax.dns_label)),
    Rule("serviceAccountName", like(syntax.dns_subdomain)),
    Rule("volumes", unique("name")),
    Rule("volumes[*]", parts(*_VOLUME)),
    Rule("securityContext", container_rules.identity),
    Rule("tolerations[*]", container_rules.toleration),
    Rule("topologySpreadConstraints[*]", container_rules.spread),
    Rule("readinessGates[*].conditionType", container_rules.gate),
    Rule("hostAliases[*].ip", like(syntax.ip_address)),
    Rule("tolerations[*].operator", one_of("Equal", "Exists", "Lt", "Gt")),
    Rule("tolerations[*].effect", one_of("NoSchedule", "PreferNoSchedule", "NoExecute", "")),
    container_rules.check_pod,
)
"""Of a PodSpec, but for what its parts have to do with each other."""

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
