"""From a pod to the pod that Alcove runs: one pure function, the same however often it is asked.

Nothing of the user's is lost or reordered. What changes in the user's part is said here, all of it: probes
that a redirect would falsify (*probes*), the DNS search list of pods of child spaces (*names*), and one label
and one annotation more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from alcove.admission import markers
from alcove.admission.conformity import settle_container, settle_volume
from alcove.admission.containers import render_init, render_proxy, render_volumes
from alcove.admission.facts import SpaceFacts
from alcove.admission.markers import Object
from alcove.admission.names import with_search_list
from alcove.admission.probes import collect_checks, rewrite_probes
from alcove.admission.resources import Shares, share_resources
from alcove.admission.settings import InjectionSettings
from alcove.admission.verdicts import Skipped, Verdict, judge


@dataclass(frozen=True, slots=True)
class Injected:
    """A pod as it is to be created."""

    pod: Object
    warnings: tuple[str, ...] = ()
    """What its author should know; each is one sentence."""


def inject(pod: Object, facts: SpaceFacts, settings: InjectionSettings) -> Injected | Skipped:
    """Give the injected pod, or why the pod is to be left as it is. ``pod`` itself is not changed.

    A pod that was injected before is put in order again: our init containers go back to the front, and
    containers that another webhook added since are taken care of like all others.
    """
    skipped = judge(pod, facts, settings)
    if skipped is not None:
        return skipped
    before = dict(markers.mapping(pod, "spec"))
    spec, probe_warnings = _with_probes(before, settings)
    spec, name_warnings = with_search_list(spec, facts, settings.dns)
    shares = share_resources(pod, facts, settings)
    spec |= {"initContainers": _with_containers(spec, shares, settings), "volumes": _with_volumes(spec)}
    injected = {**pod, "metadata": _with_marks(pod, settings), "spec": spec}
    if injected == pod:
        return Skipped(Verdict.IN_ORDER)
    warnings = (*shares.warnings, *probe_warnings, *name_warnings, *_warn_of_uid(before, settings))
    return Injected(injected, warnings)


def _with_probes(spec: Object, settings: InjectionSettings) -> tuple[Object, tuple[str, ...]]:
    changed = dict(spec)
    warnings: list[str] = []
    for field in ("initContainers", "containers"):
        if not spec.get(field):
            continue
        containers = []
        for container in spec[field]:
            rewritten, told = rewrite_probes(container, settings.ports.probes)
            containers.append(rewritten)
            warnings += told
        changed[field] = containers
    return changed, tuple(warnings)


def _with_containers(spec: Object, shares: Shares, settings: InjectionSettings) -> list[Object]:
    """Give the pod's init containers: ours, then all others in their order."""
    users = markers.users_containers(spec)
    wanted = [
        render_init(settings, shares.init),
        render_proxy(settings, shares.proxy, checks=collect_checks(users, settings.ports.probes)),
    ]
    existing = markers.sequence(spec, "initContainers")
    ours = [settle_container(_named(existing, one["name"]), one) for one in wanted]
    others = [one for one in existing if one.get("name") not in markers.CONTAINERS]
    return [*ours, *others]


def _with_volumes(spec: Mapping[str, Any]) -> list[Object]:
    """Give the pod's volumes in their order, ours where they are already, or at the end."""
    existing = markers.sequence(spec, "volumes")
    ours = {one["name"]: settle_volume(_named(existing, one["name"]), one) for one in render_volumes()}
    kept = [ours.pop(one["name"], one) if one.get("name") in ours else one for one in existing]
    return [*kept, *ours.values()]


def _with_marks(pod: Object, settings: InjectionSettings) -> Object:
    meta = dict(markers.mapping(pod, "metadata"))
    meta["labels"] = {**markers.labels_of(pod), markers.INJECTED_LABEL: "true"}
    meta["annotations"] = {**markers.annotations_of(pod), markers.VERSION_ANNOTATION: settings.version}
    return meta


def _named(items: Iterable[Object], name: str) -> Object | None:
    return next((one for one in items if one.get("name") == name), None)


def _warn_of_uid(spec: Mapping[str, Any], settings: InjectionSettings) -> tuple[str, ...]:
    """Find containers whose traffic the redirect would take for the proxy's own."""
    pods = markers.mapping(spec, "securityContext").get("runAsUser")
    names = [
        str(container.get("name"))
        for container in markers.users_containers(spec)
        if markers.mapping(container, "securityContext").get("runAsUser", pods) == settings.uid
    ]
    if not names:
        return ()
    told = f"runs as uid {settings.uid}, the proxy's own: its requests are not routed; choose another user"
    return (f"container {', '.join(names)} {told}",)
