"""From a pod to the pod that Alcove runs: one pure function, the same however often it is asked.

Nothing of the user's is lost or reordered. What changes in the user's part is said here, all of it: probes
that a redirect would falsify (*probes*), the DNS search list of pods of child spaces (*names*), one label
and one annotation more, and in pods of sessions the containers whose image is built (*sessions*).

The parts of a session do not depend on the proxy's: a pod that can have none is built and synced too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from alcove.admission import markers
from alcove.admission.conformity import settle_container, settle_volume
from alcove.admission.containers import (
    render_build,
    render_init,
    render_proxy,
    render_session_volumes,
    render_volumes,
)
from alcove.admission.facts import SpaceFacts
from alcove.admission.markers import Object
from alcove.admission.names import with_search_list
from alcove.admission.probes import collect_checks, rewrite_probes
from alcove.admission.resources import Shares, share_build, share_resources
from alcove.admission.sessions import find_session, wrap_containers
from alcove.admission.settings import InjectionSettings
from alcove.admission.verdicts import Skipped, Verdict, judge
from alcove.sessions.ids import Tag


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
    found = find_session(pod, facts.name)
    told = found.warnings
    built = pod
    if found.tag is not None:
        built, more = _with_session(pod, found.tag, facts, settings)
        told += more
    skipped = judge(built, facts, settings)
    if skipped is None:
        injected, more = _with_proxy(built, facts, settings)
        told += more
    elif found.tag is None or built == pod:
        return replace(skipped, warnings=told)
    else:
        injected, told = built, (*told, *(() if skipped.verdict.is_silent else (f"no proxy: {skipped}",)))
    return Skipped(Verdict.IN_ORDER) if injected == pod else Injected(injected, told)


def _with_proxy(
    pod: Object, facts: SpaceFacts, settings: InjectionSettings
) -> tuple[Object, tuple[str, ...]]:
    before = dict(markers.mapping(pod, "spec"))
    spec, probe_warnings = _with_probes(before, settings)
    spec, name_warnings = with_search_list(spec, facts, settings.dns)
    shares = share_resources(pod, facts, settings)
    volumes = _with_volumes(spec, render_volumes())
    spec |= {"initContainers": _with_containers(spec, shares, settings), "volumes": volumes}
    injected = {**pod, "metadata": _with_marks(pod, settings), "spec": spec}
    warnings = (*shares.warnings, *probe_warnings, *name_warnings, *_warn_of_uid(before, settings))
    return injected, warnings


def _with_session(
    pod: Object, tag: Tag, facts: SpaceFacts, settings: InjectionSettings
) -> tuple[Object, tuple[str, ...]]:
    spec, warnings = wrap_containers(dict(markers.mapping(pod, "spec")), tag, settings)
    existing = markers.sequence(spec, "initContainers")
    wanted = render_build(settings, tag.session, share_build(pod, facts, settings))
    build = settle_container(_named(existing, markers.BUILD), wanted)
    first = [one for one in existing if one.get("name") in markers.CONTAINERS]
    others = [one for one in existing if one.get("name") not in markers.RESERVED]
    spec |= {
        "initContainers": [*first, build, *others],
        "volumes": _with_volumes(spec, render_session_volumes()),
    }
    labels = {markers.SESSION_LABEL: str(tag.session), markers.BUILD_LABEL: str(tag.build)}
    meta = {**markers.mapping(pod, "metadata"), "labels": {**markers.labels_of(pod), **labels}}
    return {**pod, "metadata": meta, "spec": spec}, warnings


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


def _with_volumes(spec: Mapping[str, Any], wanted: Iterable[Object]) -> list[Object]:
    """Give the pod's volumes in their order, the wanted ones where they are already, or at the end."""
    existing = markers.sequence(spec, "volumes")
    ours = {one["name"]: settle_volume(_named(existing, one["name"]), one) for one in wanted}
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
