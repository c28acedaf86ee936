"""Pod security standards: what a namespace's labels allow its pods.

``pod-security.kubernetes.io/enforce`` refuses pods, ``/warn`` tells about pods and what makes them. Each
check looks at a pod's spec and gives what is wrong in the words of Kubernetes. Windows, SELinux and AppArmor
options are not checked: the embedded cluster's node has none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from alcove.embedded import faults
from alcove.embedded.objects import GroupResource, Object, labels_of
from alcove.embedded.ports import AdmissionRequest, ClusterReader

_LABEL = "pod-security.kubernetes.io/"
_TEMPLATES = {
    "replicationcontrollers",
    "replicasets.apps",
    "deployments.apps",
    "statefulsets.apps",
    "daemonsets.apps",
    "jobs.batch",
}
_CAPABILITIES = (
    "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE SETFCAP SETGID SETPCAP "
    "SETUID SYS_CHROOT"
)
_SYSCTLS = (
    "kernel.shm_rmid_forced net.ipv4.ip_local_port_range net.ipv4.tcp_syncookies "
    "net.ipv4.ping_group_range net.ipv4.ip_unprivileged_port_start net.ipv4.ip_local_reserved_ports "
    "net.ipv4.tcp_keepalive_time net.ipv4.tcp_fin_timeout net.ipv4.tcp_keepalive_intvl "
    "net.ipv4.tcp_keepalive_probes net.ipv4.tcp_rmem net.ipv4.tcp_wmem"
)
_VOLUMES = "configMap csi downwardAPI emptyDir ephemeral image persistentVolumeClaim projected secret"
_BASELINE_CAPABILITIES = frozenset(_CAPABILITIES.split())
_SAFE_SYSCTLS = frozenset(_SYSCTLS.split())
_RESTRICTED_VOLUMES = frozenset(_VOLUMES.split())
_SECCOMP = ("RuntimeDefault", "Localhost")

_Containers = Sequence[Mapping[str, Any]]
_Check = Callable[[Mapping[str, Any], _Containers], str]


def check(request: AdmissionRequest, reader: ClusterReader) -> None:
    """Refuse a pod that its namespace does not allow; add what is only worth a warning to the request.

    Raises:
        ApiError: 403 with every violated check.
    """
    spec = _pod_spec(request)
    namespace = reader.get(GroupResource("namespaces"), "", request.namespace) if spec is not None else None
    if spec is None or namespace is None:
        return
    labels = labels_of(namespace)
    enforced, warned = (_policy(labels, mode) for mode in ("enforce", "warn"))
    if request.resource_type.resource == "pods":
        found = violations(enforced[0], spec)
        if found:
            raise faults.forbidden("pods", request.name, f"violates {_told(enforced, found)}")
    found = violations(warned[0], spec)
    if found:
        request.warnings.append(f"would violate {_told(warned, found)}")


def violations(level: str, spec: Mapping[str, Any]) -> list[str]:
    """Give what of a pod's spec the level (``privileged``, ``baseline``, ``restricted``) does not allow."""
    containers = [
        container
        for field in ("initContainers", "containers", "ephemeralContainers")
        for container in spec.get(field) or ()
    ]
    found = []
    for reason, judge in _LEVELS.get(level, _LEVELS["restricted"]):
        detail = judge(spec, containers)
        if detail:
            found.append(f"{reason} ({detail})")
    return found


def _pod_spec(request: AdmissionRequest) -> Mapping[str, Any] | None:
    """Give the pod spec that a request is about, None when there is none or it stays as it was."""
    resource, item = request.resource_type.resource, request.object
    if item is None or request.operation not in ("CREATE", "UPDATE"):
        return None
    if resource == "pods" and request.subresource in ("", "ephemeralcontainers"):
        spec = item.get("spec") or {}
        if request.old is not None and _images(spec) == _images(request.old.get("spec") or {}):
            return None
        return spec
    if request.subresource:
        return None
    if resource in _TEMPLATES:
        return _under(item, "spec", "template", "spec")
    if resource == "cronjobs.batch":
        return _under(item, "spec", "jobTemplate", "spec", "template", "spec")
    return None


def _under(item: Object, *path: str) -> Mapping[str, Any] | None:
    found: Any = item
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None


def _images(spec: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    fields = ("initContainers", "containers", "ephemeralContainers")
    return [(one.get("name"), one.get("image")) for field in fields for one in spec.get(field) or ()]


def _policy(labels: Mapping[str, str], mode: str) -> tuple[str, str]:
    level = labels.get(_LABEL + mode, "privileged")
    return level, labels.get(f"{_LABEL}{mode}-version", "latest")


def _told(policy: tuple[str, str], found: Sequence[str]) -> str:
    return f'PodSecurity "{policy[0]}:{policy[1]}": {", ".join(found)}'


def _names(word: str, names: Iterable[str]) -> str:
    listed = list(names)
    return f"{word if len(listed) == 1 else word + 's'} {_quoted(listed)}"


def _quoted(values: Iterable[object]) -> str:
    return ", ".join(f'"{value}"' for value in values)


def _context(item: Mapping[str, Any]) -> Mapping[str, Any]:
    return item.get("securityContext") or {}


def _bad(containers: _Containers, wrong: Callable[[Mapping[str, Any]], Any], told: str) -> str:
    names = [one.get("name", "") for one in containers if wrong(one)]
    return f"{_names('container', names)} {told}" if names else ""


def _host_namespaces(spec: Mapping[str, Any], _containers: _Containers) -> str:
    return ", ".join(f"{field}=true" for field in ("hostNetwork", "hostPID", "hostIPC") if spec.get(field))


def _host_paths(spec: Mapping[str, Any], _containers: _Containers) -> str:
    names = [volume.get("name", "") for volume in spec.get("volumes") or () if volume.get("hostPath")]
    return _names("volume", names) if names else ""


def _host_ports(_spec: Mapping[str, Any], containers: _Containers) -> str:
    names, used = [], set()
    for container in containers:
        ports = {str(port["hostPort"]) for port in container.get("ports") or () if port.get("hostPort")}
        names += [container.get("name", "")] if ports else []
        used |= ports
    verb, noun = "uses" if len(names) == 1 else "use", "hostPort" if len(used) == 1 else "hostPorts"
    return f"{_names('container', names)} {verb} {noun} {', '.join(sorted(used))}" if names else ""


def _privileged(_spec: Mapping[str, Any], containers: _Containers) -> str:
    return _bad(
        containers,
        lambda one: _context(one).get("privileged"),
        "must not set securityContext.privileged=true",
    )


def _added_capabilities(containers: _Containers, allowed: frozenset[str]) -> str:
    def extra(one: Mapping[str, Any]) -> set[str]:
        return set((_context(one).get("capabilities") or {}).get("add") or ()) - allowed

    every = sorted(set().union(*map(extra, containers)))
    return _bad(containers, extra, f"must not include {_quoted(every)} in securityContext.capabilities.add")


def _baseline_capabilities(_spec: Mapping[str, Any], containers: _Containers) -> str:
    return _added_capabilities(containers, _BASELINE_CAPABILITIES)


def _restricted_capabilities(_spec: Mapping[str, Any], containers: _Containers) -> str:
    def keeps(one: Mapping[str, Any]) -> bool:
        return "ALL" not in ((_context(one).get("capabilities") or {}).get("drop") or ())

    kept = _bad(containers, keeps, 'must set securityContext.capabilities.drop=["ALL"]')
    added = _added_capabilities(containers, frozenset({"NET_BIND_SERVICE"}))
    return "; ".join(filter(None, (kept, added)))


def _proc_mount(spec: Mapping[str, Any], containers: _Containers) -> str:
    if spec.get("hostUsers") is False:
        return ""
    return _bad(
        containers,
        lambda one: _context(one).get("procMount", "Default") != "Default",
        'must not set securityContext.procMount to "Unmasked"',
    )


def _sysctls(spec: Mapping[str, Any], _containers: _Containers) -> str:
    named = [one.get("name", "") for one in _context(spec).get("sysctls") or ()]
    return ", ".join(name for name in named if name not in _SAFE_SYSCTLS)


def _seccomp(spec: Mapping[str, Any], containers: _Containers) -> str:
    def wrong(one: Mapping[str, Any]) -> bool:
        return (_context(one).get("seccompProfile") or {}).get("type", _SECCOMP[0]) not in _SECCOMP

    who = _setters(wrong, spec, containers)
    return f'{who} must not set securityContext.seccompProfile.type to "Unconfined"' if who else ""


def _setters(
    wrong: Callable[[Mapping[str, Any]], bool], spec: Mapping[str, Any], containers: _Containers
) -> str:
    told = ["pod"] if wrong(spec) else []
    names = [one.get("name", "") for one in containers if wrong(one)]
    return " and ".join(told + ([_names("container", names)] if names else []))


def _required(field: str, spec: Mapping[str, Any], containers: _Containers, told: str) -> str:
    if _context(spec).get(field) is not None:
        return ""
    missing = _bad(containers, lambda one: _context(one).get(field) is None, told)
    return f"pod or {missing}" if missing else ""


def _seccomp_set(spec: Mapping[str, Any], containers: _Containers) -> str:
    told = 'must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'
    return _seccomp(spec, containers) or _required("seccompProfile", spec, containers, told)


def _restricted_volumes(spec: Mapping[str, Any], _containers: _Containers) -> str:
    names, kinds = [], set()
    for volume in spec.get("volumes") or ():
        sources = {key for key, value in volume.items() if key != "name" and value is not None}
        if not sources & _RESTRICTED_VOLUMES:
            names.append(volume.get("name", ""))
            kinds |= sources or {"unknown"}
    verb = "uses" if len(names) == 1 else "use"
    told = _names("restricted volume type", sorted(kinds))
    return f"{_names('volume', names)} {verb} {told}" if names else ""


def _privilege_escalation(_spec: Mapping[str, Any], containers: _Containers) -> str:
    return _bad(
        containers,
        lambda one: _context(one).get("allowPrivilegeEscalation") is not False,
        "must set securityContext.allowPrivilegeEscalation=false",
    )


def _non_root(spec: Mapping[str, Any], containers: _Containers) -> str:
    if spec.get("hostUsers") is False:
        return ""
    who = _setters(lambda one: _context(one).get("runAsNonRoot") is False, spec, containers)
    if who:
        return f"{who} must not set securityContext.runAsNonRoot=false"
    return _required("runAsNonRoot", spec, containers, "must set securityContext.runAsNonRoot=true")


def _root_user(spec: Mapping[str, Any], containers: _Containers) -> str:
    if spec.get("hostUsers") is False:
        return ""
    who = _setters(lambda one: _context(one).get("runAsUser") == 0, spec, containers)
    return f"{who} must not set runAsUser=0" if who else ""


_BOTH: tuple[tuple[str, _Check], ...] = (
    ("host namespaces", _host_namespaces),
    ("hostPort", _host_ports),
    ("privileged", _privileged),
    ("procMount", _proc_mount),
    ("forbidden sysctls", _sysctls),
)
_LEVELS: Mapping[str, tuple[tuple[str, _Check], ...]] = {
    "privileged": (),
    "baseline": (
        ("non-default capabilities", _baseline_capabilities),
        *_BOTH,
        ("hostPath volumes", _host_paths),
        ("seccompProfile", _seccomp),
    ),
    "restricted": (
        *_BOTH,
        ("allowPrivilegeEscalation != false", _privilege_escalation),
        ("unrestricted capabilities", _restricted_capabilities),
        ("restricted volume types", _restricted_volumes),
        ("runAsNonRoot != true", _non_root),
        ("runAsUser=0", _root_user),
        ("seccompProfile", _seccomp_set),
    ),
}
