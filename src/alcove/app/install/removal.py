"""What it takes to take Alcove out of a cluster: everything of it goes but spaces' namespaces and workloads.

Spaces keep their labels, so that a later ``enable`` finds them. First goes what would put things back (the
webhook and the hubs, then the control plane with its namespace, then builders with theirs), then what they
left in other namespaces.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from alcove import errors
from alcove.admission.markers import mapping
from alcove.app.gateway.prefixing import COPY_LABEL
from alcove.app.install import kinds
from alcove.app.install.hubs import (
    Leftovers,
    observe_leftovers,
    plan_hubs,
    plan_leftovers,
    warn_of_sessions,
)
from alcove.app.install.observing import Key, count_proxied, is_ours, list_ours
from alcove.app.observation.spaces import ALIASES_ANNOTATION
from alcove.app.spaces.creation import RESTARTED_AT
from alcove.app.spaces.observing import ROLE_BINDINGS, Workload, list_objects, observe_contents
from alcove.app.spaces.plans import Action, Ending
from alcove.kube import resources
from alcove.kube.client import KubeClient, Object, Selection, object_key
from alcove.model import SpaceName


@dataclass(frozen=True, slots=True)
class Installed:
    """What there is of Alcove in a cluster."""

    namespaces: Sequence[Object] = ()
    """Those of an installation that are there, whoever made them."""
    helm_release: str = ""
    objects: Sequence[Key] = ()
    """Those of the installation, the namespace included."""
    traces: Sequence[Key] = ()
    """What the control plane made in other namespaces, or was allowed there."""
    annotated: Sequence[str] = ()
    """Namespaces in which it wrote addresses down."""
    proxied: Mapping[str, int] | None = None
    """How many pods with a proxy run, by namespace; None where they may not be listed."""
    workloads: Mapping[str, Sequence[Workload]] | None = None
    """What runs pods in these namespaces."""
    leftovers: Leftovers = field(default_factory=Leftovers)
    """Of sessions."""


@dataclass(frozen=True, slots=True)
class DisablePlan:
    """The steps of one ``disable``: ``first``, then the end of our namespaces, then ``last``."""

    question: str
    summary: str
    first: tuple[Action, ...] = ()
    ends: tuple[Ending, ...] = ()
    last: tuple[Action, ...] = ()
    warnings: tuple[str, ...] = ()


async def observe_installed(client: KubeClient) -> Installed:
    """Read what there is of Alcove.

    Raises:
        KubeError: the cluster does not answer, or its namespaces may not be listed.
    """
    namespaces = (await client.list(resources.NAMESPACES)).items
    by_name = {object_key(one)[1]: one for one in namespaces}
    record = [
        one
        for one in await list_objects(client, resources.CONFIG_MAPS, kinds.NAMESPACE) or ()
        if object_key(one)[1] == kinds.INSTALLATION
    ]
    proxied = await count_proxied(client)
    return Installed(
        [by_name[name] for name in kinds.NAMESPACES if name in by_name],
        str(mapping(record[0], "metadata", "annotations").get(kinds.HELM_RELEASE) or "") if record else "",
        await list_ours(client, strict=True),
        await _list_traces(client),
        [
            object_key(one)[1]
            for one in namespaces
            if ALIASES_ANNOTATION in mapping(one, "metadata", "annotations")
        ],
        proxied,
        {name: (await observe_contents(client, name)).workloads for name in proxied or ()},
        await observe_leftovers(client),
    )


def plan_disable(seen: Installed, *, cluster: str, restarted_at: str = "") -> DisablePlan:
    """Plan to remove it; ``restarted_at`` marks the workloads of spaces, so that their pods are made anew.

    Raises:
        ConflictError: Helm has it in its hands.
    """
    if seen.helm_release:
        raise errors.ConflictError(
            f"Alcove was installed in {cluster} by Helm",
            cause=f"it is the release {seen.helm_release!r}",
            hint=f"helm uninstall {seen.helm_release} -n {kinds.NAMESPACE}",
        )
    ends = tuple(_ending(one) for one in seen.namespaces if is_ours(one))
    first, last = tuple(_first(seen)), tuple(_last(seen, restarted_at))
    if not (first or last or ends):
        return DisablePlan("", f"Alcove is not installed in {cluster}: nothing to remove")
    return DisablePlan(
        f"Alcove will be removed from {cluster}: its namespaces {kinds.NAMESPACE!r} and {kinds.BUILDS!r}, "
        "and what it has elsewhere. Spaces keep their namespaces, labels and workloads. Continue?",
        f"Alcove is gone from {cluster}; what its users made is still there",
        first,
        ends,
        last,
        tuple(_warnings(seen, restarted_at)),
    )


def _first(seen: Installed) -> Iterator[Action]:
    for key in seen.objects:
        if key.resource == kinds.WEBHOOKS:
            yield _deletion(key, "New pods get no proxy any more")
    yield from plan_hubs(seen.leftovers)


def _ending(namespace: Object) -> Ending:
    uid = str(mapping(namespace, "metadata").get("uid") or "")
    return Ending(SpaceName(object_key(namespace)[1]), uid)


def _last(seen: Installed, restarted_at: str) -> Iterator[Action]:
    yield from plan_leftovers(seen.leftovers)
    for key in seen.objects:
        if not key.resource.namespaced and key.resource not in (kinds.WEBHOOKS, resources.NAMESPACES):
            yield _deletion(key)
    for key in seen.traces:
        yield _deletion(key, f"{key} removed from '{key.namespace}'")
    gone = {"metadata": {"annotations": {ALIASES_ANNOTATION: None}}}
    for name in seen.annotated:
        yield Action("patch", resources.NAMESPACES, name, body=gone)
    mark = {"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: restarted_at}}}}}
    for space, workloads in (seen.workloads or {}).items() if restarted_at else ():
        for resource, name in workloads:
            told = f"{resource.kind} '{name}' in '{space}' restarted"
            yield Action("patch", resource, name, space, mark, told=told)


def _deletion(key: Key, told: str = "") -> Action:
    return Action("delete", key.resource, key.name, key.namespace, told=told)


def _warnings(seen: Installed, restarted_at: str) -> Iterator[str]:
    yield from warn_of_sessions(seen.leftovers)
    if seen.proxied is None:
        yield "you may not list pods: whether some still have a proxy is not known"
    elif seen.proxied and not restarted_at:
        count, where = sum(seen.proxied.values()), ", ".join(sorted(seen.proxied))
        yield (
            f"pods that run keep their proxies and the last routes until they are made anew ({count} in "
            f"{where}): alcove disable --restart, or kubectl rollout restart"
        )


async def _list_traces(client: KubeClient) -> list[Key]:
    """Give copies of Ingresses, and bindings to what reads TLS secrets, in the namespaces of others."""
    copies = (await client.list(resources.INGRESSES, Selection(labels=COPY_LABEL))).items
    bindings = (await client.list(ROLE_BINDINGS)).items
    reading = [one for one in bindings if mapping(one, "roleRef").get("name") == kinds.TLS_READER]
    pairs = [(resources.INGRESSES, copies), (ROLE_BINDINGS, reading)]
    return [Key(resource, *object_key(item)) for resource, items in pairs for item in items]
