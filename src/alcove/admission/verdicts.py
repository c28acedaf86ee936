"""Whether a pod is to be injected, and if not, why: looked at before anything is changed.

The order of the rules is the order in which a user can mend them: what the user asked for, what cannot be
otherwise, what the namespace says, what stands in the way inside the pod.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from alcove.admission import markers
from alcove.admission.facts import PodSecurity, SpaceFacts, pod_mesh
from alcove.admission.ports import tcp_ports
from alcove.admission.resources import exceeded_budget, share_resources
from alcove.admission.settings import InjectionSettings

_OS_KEYS = ("kubernetes.io/os", "beta.kubernetes.io/os")


class Verdict(Enum):
    """Why a pod is left as it is."""

    IN_ORDER = "it is injected already, completely and in the right order"
    NO_PROXY = f"its label {markers.NO_PROXY_LABEL} asks for that"
    MIRROR_POD = "it mirrors a static pod, which only its node can change"
    NOT_A_SPACE = "its namespace is not known to be a space (yet)"
    HOST_NETWORK = "it uses its node's network, where a redirect would take the whole node down"
    WINDOWS = "it runs on Windows, where there is no redirect; it is reached, and does not route"
    POD_SECURITY = "the Pod Security level of its namespace does not allow NET_ADMIN"
    MESH = "a service mesh injects into it, and two redirects exclude each other"
    NAME_TAKEN = "it has a container or volume of a name that Alcove reserves"
    PORT_TAKEN = "a container listens on a port of the proxy"
    NO_BUDGET = "what it requests as a whole leaves no room for the proxy"

    @property
    def is_silent(self) -> bool:
        """Whether nobody needs to be told: it is as somebody wanted it."""
        return self in (Verdict.IN_ORDER, Verdict.NO_PROXY, Verdict.MIRROR_POD)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A pod that is left as it is."""

    verdict: Verdict
    detail: str = ""
    """What exactly, where the verdict leaves it open."""
    warnings: tuple[str, ...] = ()
    """What else its author should know."""

    def __str__(self) -> str:
        return f"{self.verdict.value} ({self.detail})" if self.detail else self.verdict.value


_Rule = Callable[[Mapping[str, Any], SpaceFacts, InjectionSettings], Skipped | None]


def judge(pod: Mapping[str, Any], facts: SpaceFacts, settings: InjectionSettings) -> Skipped | None:
    """Give the first reason to leave a pod alone, None when it is to be injected."""
    found = (rule(pod, facts, settings) for rule in _RULES)
    return next((skipped for skipped in found if skipped is not None), None)


def judge_session(pod: Mapping[str, Any]) -> Skipped | None:
    """Give the reason for which a pod cannot be of a session, whatever its images; None when it can be."""
    # The agents listen on the pod's loopback, which has to be the pod's own.
    return _mirrored(pod) or _on_host(pod) or _windows(pod)


def _asked(pod: Mapping[str, Any], _facts: SpaceFacts, _settings: InjectionSettings) -> Skipped | None:
    return Skipped(Verdict.NO_PROXY) if markers.labels_of(pod).get(markers.NO_PROXY_LABEL) == "true" else None


def _mirrored(pod: Mapping[str, Any], *_: object) -> Skipped | None:
    return Skipped(Verdict.MIRROR_POD) if markers.MIRROR_ANNOTATION in markers.annotations_of(pod) else None


def _on_host(pod: Mapping[str, Any], *_: object) -> Skipped | None:
    return Skipped(Verdict.HOST_NETWORK) if markers.mapping(pod, "spec").get("hostNetwork") else None


def _windows(pod: Mapping[str, Any], *_: object) -> Skipped | None:
    spec = markers.mapping(pod, "spec")
    selector = markers.mapping(spec, "nodeSelector")
    named = markers.mapping(spec, "os").get("name") == "windows"
    selected = any(selector.get(key) == "windows" for key in _OS_KEYS)
    return Skipped(Verdict.WINDOWS) if named or selected or _requires_windows(spec) else None


def _requires_windows(spec: Mapping[str, Any]) -> bool:
    """Tell whether every alternative of the required node affinity asks for Windows."""
    required = markers.mapping(spec, "affinity", "nodeAffinity").get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    )
    terms = markers.sequence(required, "nodeSelectorTerms") if isinstance(required, dict) else ()
    return bool(terms) and all(
        any(
            one.get("key") in _OS_KEYS and one.get("operator") == "In" and one.get("values") == ["windows"]
            for one in markers.sequence(term, "matchExpressions")
        )
        for term in terms
    )


def _forbidden(_pod: Mapping[str, Any], facts: SpaceFacts, _settings: InjectionSettings) -> Skipped | None:
    if facts.pod_security is PodSecurity.PRIVILEGED:
        return None
    return Skipped(Verdict.POD_SECURITY, f"it is {facts.pod_security.value}, privileged is needed")


def _meshed(pod: Mapping[str, Any], facts: SpaceFacts, _settings: InjectionSettings) -> Skipped | None:
    mesh = pod_mesh(pod, facts)
    return Skipped(Verdict.MESH, mesh) if mesh else None


def _named(pod: Mapping[str, Any], _facts: SpaceFacts, _settings: InjectionSettings) -> Skipped | None:
    """Find names of ours that are not ours: anywhere in a new pod, among the app containers in any."""
    spec = markers.mapping(pod, "spec")
    found = [one.get("name") for one in markers.sequence(spec, "containers")]
    taken = [name for name in found if name in markers.CONTAINERS]
    if not markers.is_marked(pod):
        inits = [one.get("name") for one in markers.sequence(spec, "initContainers")]
        volumes = [one.get("name") for one in markers.sequence(spec, "volumes")]
        taken += [name for name in inits if name in markers.CONTAINERS]
        shared = markers.SESSION_VOLUMES if markers.is_of_session(pod) else ()
        taken += [name for name in volumes if name in markers.VOLUMES and name not in shared]
    return Skipped(Verdict.NAME_TAKEN, str(taken[0])) if taken else None


def _listening(pod: Mapping[str, Any], _facts: SpaceFacts, settings: InjectionSettings) -> Skipped | None:
    ours = settings.ports.taken()
    for container in markers.users_containers(markers.mapping(pod, "spec")):
        for number, _ in tcp_ports(container):
            if number in ours:
                return Skipped(Verdict.PORT_TAKEN, f"{container.get('name')}: {number}")
    return None


def _budgeted(pod: Mapping[str, Any], facts: SpaceFacts, settings: InjectionSettings) -> Skipped | None:
    name = exceeded_budget(pod, share_resources(pod, facts, settings))
    return Skipped(Verdict.NO_BUDGET, name) if name else None


_RULES: tuple[_Rule, ...] = (
    _asked,
    _mirrored,
    _on_host,
    _windows,
    _forbidden,
    _meshed,
    _named,
    _listening,
    _budgeted,
)
