"""Rules about pods that look at several fields at once: resources, ports, mounts, probes, privileges."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from alcove.embedded.faults import Cause
from alcove.embedded.objects import Object
from alcove.embedded.schema import causes, quantities, syntax
from alcove.embedded.schema.metadata_rules import check_labels

_STANDARD = frozenset({"cpu", "memory", "ephemeral-storage"})
_FIELD_PATH = re.compile(
    r"metadata\.(name|namespace|uid|labels|annotations)|metadata\.(labels|annotations)\['[^']+'\]|"
    r"spec\.(nodeName|serviceAccountName)|status\.(hostIPs?|podIPs?)"
)
_INIT_ONLY_SIDECARS = ("lifecycle", "livenessProbe", "readinessProbe", "startupProbe")


def check_pod(spec: Object, old: Object | None) -> Iterator[Cause]:
    """Yield what is wrong with a PodSpec beyond its single fields."""
    for field in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(field) or ()):
            path = f"{field}[{index}]"
            yield from _resources(f"{path}.resources", container.get("resources") or {})
            yield from _privileges(f"{path}.securityContext", container.get("securityContext") or {})
            yield from _subpaths(f"{path}.volumeMounts", container)
            if field == "initContainers" and container.get("restartPolicy") != "Always":
                for name in _INIT_ONLY_SIDECARS:
                    if container.get(name):
                        why = "may not be set for init containers without restartPolicy=Always"
                        yield causes.forbidden(f"{path}.{name}", why)
    yield from _host_ports(spec)
    if spec.get("dnsPolicy") == "None" and not (spec.get("dnsConfig") or {}).get("nameservers"):
        yield causes.required("dnsConfig", "must provide `dnsConfig` when `dnsPolicy` is None")
    yield from check_labels("nodeSelector", spec.get("nodeSelector") or {})


def _resources(path: str, value: Object) -> Iterator[Cause]:
    limits, requests = value.get("limits") or {}, value.get("requests") or {}
    for kind, amounts in (("limits", limits), ("requests", requests)):
        for name in amounts:
            if "/" not in name and name not in _STANDARD and not name.startswith("hugepages-"):
                place = f"{path}.{kind}[{name}]"
                yield causes.invalid(place, name, "must be a standard resource type or fully qualified")
                yield causes.invalid(place, name, "must be a standard resource for containers")
    for name, text in requests.items():
        asked, most = quantities.parse(text), quantities.parse(limits.get(name))
        if "/" in name and not name.startswith("kubernetes.io/") and name not in limits:
            yield causes.required(f"{path}.limits", "Limit must be set for non overcommitable resources")
        if asked is not None and most is not None and asked.nano > most.nano:
            why = f"must be less than or equal to {name} limit of {limits[name]}"
            yield causes.invalid(f"{path}.requests", text, why)


def _privileges(path: str, value: Object) -> Iterator[Cause]:
    if value.get("privileged") and value.get("allowPrivilegeEscalation") is False:
        why = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
        yield causes.invalid(path, value, why)


def _subpaths(path: str, container: Object) -> Iterator[Cause]:
    # Kubernetes names the list here, not the entry.
    for mount in container.get("volumeMounts") or ():
        for name in ("subPath", "subPathExpr"):
            if mount.get(name):
                yield from _relative(f"{path}.{name}", mount[name])


def _relative(path: str, value: str) -> Iterator[Cause]:
    if value.startswith("/"):
        yield causes.invalid(path, value, "must be a relative path")
    if ".." in value.split("/"):
        yield causes.invalid(path, value, "must not contain '..'")


def _host_ports(spec: Object) -> Iterator[Cause]:
    taken = set()
    for index, container in enumerate(spec.get("containers") or ()):
        for place, port in enumerate(container.get("ports") or ()):
            number = port.get("hostPort")
            if not number:
                continue
            path = f"containers[{index}].ports[{place}].hostPort"
            key = (port.get("protocol", "TCP"), port.get("hostIP", ""), number)
            if key in taken:
                yield causes.duplicate(path, f"{key[0]}/{key[1]}/{number}")
            taken.add(key)
            if spec.get("hostNetwork") and number != port.get("containerPort"):
                yield causes.invalid(path, number, "must match `containerPort` when `hostNetwork` is true")


# -------------------------------------------------------------------------------- checks of one field


def env(path: str, value: Any) -> Iterator[Cause]:
    """A variable with one source, which is there."""
    source = value.get("valueFrom")
    if source is None:
        return
    if value.get("value"):
        yield causes.invalid(f"{path}.valueFrom", "", "may not be specified when `value` is not empty")
    field = source.get("fieldRef")
    if field and not _FIELD_PATH.fullmatch(field.get("fieldPath", "")):
        why = f"error converting fieldPath: field label not supported: {field.get('fieldPath', '')}"
        yield causes.invalid(f"{path}.valueFrom.fieldRef.fieldPath", field.get("fieldPath", ""), why)


def image(path: str, value: Any) -> Iterator[Cause]:
    """A reference without spaces around it."""
    if value != value.strip():
        yield causes.invalid(path, value, "must not have leading or trailing whitespace")


def container_port(path: str, value: Any) -> Iterator[Cause]:
    """A port's number; none is told of elsewhere."""
    if value and not 1 <= value <= 65535:
        yield causes.invalid(path, value, "must be between 1 and 65535, inclusive")


def always_once(path: str, value: Any) -> Iterator[Cause]:
    """A probe that succeeds at the first success."""
    if value.get("successThreshold", 1) != 1:
        yield causes.invalid(f"{path}.successThreshold", value["successThreshold"], "must be 1")


def file_mode(path: str, value: Any) -> Iterator[Cause]:
    """The permissions of a file."""
    if not 0 <= value <= 0o777:
        why = "must be a number between 0 and 0777 (octal), both inclusive"
        yield causes.invalid(path, value, why)


def file_item(path: str, value: Any) -> Iterator[Cause]:
    """A key and the file that it becomes."""
    if not value.get("key"):
        yield causes.required(f"{path}.key")
    if not value.get("path"):
        yield causes.required(f"{path}.path")
    else:
        yield from _relative(f"{path}.path", value["path"])


def host_path(path: str, value: Any) -> Iterator[Cause]:
    """A directory of the machine, of a known kind."""
    known = (
        "",
        "DirectoryOrCreate",
        "Directory",
        "FileOrCreate",
        "File",
        "Socket",
        "CharDevice",
        "BlockDevice",
    )
    text = value.get("path", "")
    if not text:
        yield causes.required(f"{path}.path")
    if ".." in text.split("/"):
        yield causes.invalid(f"{path}.path", text, "must not contain '..'")
    if value.get("type") is not None and value["type"] not in known:
        yield causes.not_supported(f"{path}.type", value["type"], sorted(known))


def toleration(path: str, value: Any) -> Iterator[Cause]:
    """A toleration whose operator goes with its key and value."""
    operator = value.get("operator") or "Equal"
    if not value.get("key") and operator != "Exists":
        why = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
        yield causes.invalid(f"{path}.operator", operator, why)
    elif operator == "Exists" and value.get("value"):
        why = "value must be empty when `operator` is 'Exists'"
        yield causes.invalid(f"{path}.operator", value, why)


def spread(path: str, value: Any) -> Iterator[Cause]:
    """A constraint of how pods are spread."""
    if value.get("maxSkew", 0) <= 0:
        yield causes.invalid(f"{path}.maxSkew", value.get("maxSkew", 0), "must be greater than zero")
    if not value.get("topologyKey"):
        yield causes.required(f"{path}.topologyKey", "can not be empty")
    known = ("DoNotSchedule", "ScheduleAnyway")
    if value.get("whenUnsatisfiable") not in known:
        yield causes.not_supported(f"{path}.whenUnsatisfiable", value.get("whenUnsatisfiable", ""), known)


def identity(path: str, value: Any) -> Iterator[Cause]:
    """Users and groups, which have numbers from 0 on."""
    for name in ("runAsUser", "runAsGroup", "fsGroup"):
        number = value.get(name)
        if number is not None and not 0 <= number <= 2**31 - 1:
            why = "must be between 0 and 2147483647, inclusive"
            yield causes.invalid(f"{path}.{name}", number, why)


def gate(path: str, value: Any) -> Iterator[Cause]:
    """A condition's type."""
    for complaint in syntax.qualified_name(value):
        yield causes.invalid(path, value, complaint)
