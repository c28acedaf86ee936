"""What it takes to make a space: of nothing, of a namespace, or of a space that lacks something.

A space is a namespace with two labels, a service account for the sessions that run in it, and the binding of
that account to the built-in role ``admin`` in this namespace alone. The labels come with the namespace, so
that nobody sees it half made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from alcove import errors
from alcove.admission import names as dns
from alcove.admission.facts import SpaceFacts
from alcove.admission.markers import PARENT_LABEL, SPACE_LABEL, mapping, sequence
from alcove.admission.settings import ClusterDns
from alcove.app.spaces import world as worlds
from alcove.app.spaces.observing import ACCOUNT, EMPTY, ROLE_BINDINGS, Contents
from alcove.app.spaces.paths import SpacePath
from alcove.app.spaces.plans import Action, Plan
from alcove.app.spaces.world import World
from alcove.kube import resources
from alcove.kube.client import Object
from alcove.model import SpaceName
from alcove.spaces.tree import Fault

OWN_NAMESPACE = "azds"
BUILDS_NAMESPACE = "azds-build"
"""Where builder pods run."""
OWN_NAMESPACES = (OWN_NAMESPACE, BUILDS_NAMESPACE)
MADE_BY = {"app.kubernetes.io/managed-by": "alcove"}
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
ROLE = "admin"
TLS_ROLE = "alcove-tls"
"""The ClusterRole, and the binding of it in a space, by which the gateway gets certificates."""
CONTROL_PLANE_ACCOUNT = "alcove-controlplane"
_SUBJECT = "ServiceAccount"


@dataclass(frozen=True, slots=True)
class CreationRequest:
    """What a user asked for."""

    path: SpacePath
    move: bool = False
    """Whether a space that is elsewhere in the tree goes where the path says."""
    restarted_at: str = ""
    """The time to mark workloads with, so that their pods are made anew; empty to leave them alone."""
    tls: bool = False
    """Whether the gateway may show the certificates that the space's Ingresses name."""


def plan_creation(world: World, request: CreationRequest, contents: Contents = EMPTY) -> Plan:
    """Plan to make the space, or what it lacks.

    Raises:
        ConflictError: it cannot be made; says why.
    """
    name = request.path.name
    _check_name(world, name)
    parent = _decide_parent(world, request)
    after = worlds.with_namespace(world, _as_space(world, name, parent))
    _check_after(after, name, parent)
    labels = _label_actions(world, name, parent)
    account = _account_actions(name, contents)
    actions = (*labels, *account, *_tls_actions(request), *_restarts(request, contents))
    return Plan(
        actions,
        summary=_summary(world, after, name, actions),
        question=_question(world, after, name),
        warnings=tuple(_warnings(world, after, request, contents)),
    )


def is_reserved(name: str) -> bool:
    """Tell whether a namespace is the cluster's own, or Alcove's."""
    return name.startswith("kube-") or name in OWN_NAMESPACES


def _check_name(world: World, name: SpaceName) -> None:
    if is_reserved(name):
        owner = "Alcove" if name in OWN_NAMESPACES else "the cluster"
        raise errors.ConflictError(
            f"the namespace {str(name)!r} cannot be a space",
            cause=f"it belongs to {owner} itself",
            hint="choose another name",
        )
    if world.ending(name):
        raise errors.ConflictError(
            f"the namespace {str(name)!r} is being deleted",
            hint=f"wait for it: kubectl wait --for=delete namespace/{name}",
        )


def _decide_parent(world: World, request: CreationRequest) -> SpaceName | None:
    path = request.path
    present = world.labelled_parent(path.name) if world.is_space(path.name) else None
    if path.parent is None:
        return None if request.move else present
    _check_parent(world, path)
    if world.is_space(path.name) and path.parent != present and not request.move:
        there = f"a child of {str(present)!r}" if present else "a root"
        raise errors.ConflictError(
            f"the space {str(path.name)!r} exists and is {there}",
            cause="another parent changes which services its users see",
            hint=f"if that is what you want: alcove space create {path} --move",
        )
    return path.parent


def _check_parent(world: World, path: SpacePath) -> None:
    parent = str(path.parent)
    if parent in world.hidden:
        return
    if not world.is_space(parent):
        known = ", ".join(map(world.tree.path, world.spaces)) or "none"
        there = parent in world.namespaces
        raise errors.ConflictError(
            f"the parent {parent!r} is no space",
            cause="it is an ordinary namespace" if there else f"it does not exist; spaces are: {known}",
            hint=f"make it first: alcove space create {'/'.join(path.ancestors)}",
        )
    worlds.check_place(world, SpacePath(SpaceName(parent), path.ancestors[:-1]))
    if world.ending(parent):
        raise errors.ConflictError(f"the parent {parent!r} is being deleted")


def _check_after(after: World, name: SpaceName, parent: SpaceName | None) -> None:
    if after.tree.faults.get(name) is Fault.CYCLE:
        raise errors.ConflictError(
            f"{str(name)!r} cannot be a child of {str(parent)!r}",
            cause=f"{str(parent)!r} falls back to {str(name)!r} already: requests would go in a circle",
            hint=f"give one of them another parent: alcove space create PARENT/{name} --move",
        )
    if mesh := after.mesh(name):
        raise errors.ConflictError(
            f"the namespace {str(name)!r} cannot be a space",
            cause=f"{mesh} puts its proxy into the namespace's pods, and two proxies cannot redirect one pod",
            hint=f"switch {mesh}'s injection off for the namespace, or take another one",
        )


def _as_space(world: World, name: SpaceName, parent: SpaceName | None) -> Object:
    """Give the namespace as it will be."""
    before = world.namespaces.get(name, {})
    meta = mapping(before, "metadata")
    kept = {key: value for key, value in mapping(meta, "labels").items() if key != PARENT_LABEL}
    wanted = {**kept, SPACE_LABEL: "true"} | ({PARENT_LABEL: str(parent)} if parent else {})
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        **before,
        "metadata": {**meta, "name": name, "labels": wanted},
    }


def _label_actions(world: World, name: SpaceName, parent: SpaceName | None) -> Iterator[Action]:
    if name not in world.namespaces:
        item = _as_space(world, name, parent)
        yield Action("create", resources.NAMESPACES, name, body=item, told=f"Namespace '{name}' created")
        return
    before = mapping(world.namespaces[name], "metadata", "labels")
    wanted: dict[str, str | None] = {SPACE_LABEL: "true", PARENT_LABEL: parent}
    changed = {key: value for key, value in wanted.items() if before.get(key) != value}
    if changed:
        body = {"metadata": {"labels": changed}}
        yield Action("patch", resources.NAMESPACES, name, body=body, told=f"Namespace '{name}' labelled")


def _account_actions(name: SpaceName, contents: Contents) -> Iterator[Action]:
    told = f"Service account '{ACCOUNT}' may do in '{name}' what the role '{ROLE}' allows"
    meta = {"name": ACCOUNT, "namespace": name, "labels": MADE_BY}
    if contents.account is None:
        item = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta}
        yield Action("create", resources.SERVICE_ACCOUNTS, ACCOUNT, name, item)
    subject = {"kind": _SUBJECT, "name": ACCOUNT, "namespace": name}
    role = {"apiGroup": ROLE_BINDINGS.group, "kind": "ClusterRole", "name": ROLE}
    if contents.binding is None:
        item = {"apiVersion": ROLE_BINDINGS.api_version, "kind": ROLE_BINDINGS.kind, "metadata": meta}
        body: Object = {**item, "roleRef": role, "subjects": [subject]}
        yield Action("create", ROLE_BINDINGS, ACCOUNT, name, body, told=told)
        return
    _check_role(name, mapping(contents.binding, "roleRef"))
    subjects = list(sequence(contents.binding, "subjects"))
    if not any(subject.items() <= one.items() for one in subjects):
        body = {"subjects": [*subjects, subject]}
        yield Action("patch", ROLE_BINDINGS, ACCOUNT, name, body, told=told)


def _tls_actions(request: CreationRequest) -> Iterator[Action]:
    """Let the control plane read the space's Secrets, which it may nowhere else."""
    if not request.tls:
        return
    name = request.path.name
    item: Object = {
        "apiVersion": ROLE_BINDINGS.api_version,
        "kind": ROLE_BINDINGS.kind,
        "metadata": {"name": TLS_ROLE, "namespace": name, "labels": MADE_BY},
        "roleRef": {"apiGroup": ROLE_BINDINGS.group, "kind": "ClusterRole", "name": TLS_ROLE},
        "subjects": [{"kind": _SUBJECT, "name": CONTROL_PLANE_ACCOUNT, "namespace": OWN_NAMESPACE}],
    }
    told = f"The control plane may read the Secrets of '{name}', for the certificates of its Ingresses"
    yield Action("create", ROLE_BINDINGS, TLS_ROLE, name, item, told=told)


def _check_role(name: SpaceName, bound: Mapping[str, Any]) -> None:
    if (bound.get("kind"), bound.get("name")) != ("ClusterRole", ROLE):
        raise errors.ConflictError(
            f"the role binding '{ACCOUNT}' in '{name}' is of another role",
            cause=f"it binds {bound.get('kind')} {bound.get('name')!r}, and a binding's role cannot change",
            hint=f"if nothing else needs it: kubectl delete rolebinding {ACCOUNT} -n {name}, then try again",
        )


def _restarts(request: CreationRequest, contents: Contents) -> Iterator[Action]:
    mark = {"metadata": {"annotations": {RESTARTED_AT: request.restarted_at}}}
    for resource, name in contents.workloads if request.restarted_at else ():
        told = f"{resource.kind} '{name}' restarted"
        yield Action("patch", resource, name, request.path.name, {"spec": {"template": mark}}, told=told)


def _warnings(world: World, after: World, request: CreationRequest, contents: Contents) -> Iterator[str]:
    name = request.path.name
    if (unseen := after.unseen_root(name)) is not None:
        yield f"you may not see '{unseen}': whether it is a space, and below which one, is not known"
    if after.tree.faults.get(name) is Fault.UNKNOWN_PARENT:
        yield (
            f"its parent '{after.labelled_parent(name)}' is not a space, so it falls back to nothing; "
            f"give it another one, or none: alcove space create [PARENT/]{name} --move"
        )
    for space in (name, *after.tree.descendants(name)):
        facts = SpaceFacts(space, after.tree.chain(space)[1:])
        for warning in dns.warn_of_length(dns.search_list(facts, ClusterDns())):
            yield f"space '{after.tree.path(space)}': {warning}"
    if contents.workloads and not world.is_space(name) and not request.restarted_at:
        running = ", ".join(sorted(workload.name for workload in contents.workloads))
        yield (
            f"pods that run already are no part of the space until they are made anew ({running}): "
            f"alcove space create {request.path} --restart"
        )


def _question(world: World, after: World, name: SpaceName) -> str:
    if name not in world.namespaces or world.is_space(name):
        return ""
    return (
        f"Kubernetes namespace '{name}' will be configured as the space '{after.tree.path(name)}'. "
        "New pods in it become part of the space. Continue?"
    )


def _summary(world: World, after: World, name: SpaceName, actions: tuple[Action, ...]) -> str:
    path = after.tree.path(name)
    if not world.is_space(name):
        return f"Space '{path}' created"
    if world.labelled_parent(name) != after.labelled_parent(name):
        return f"Space '{world.tree.path(name)}' is now '{path}'"
    return f"Space '{path}' exists already: {'completed' if actions else 'nothing changed'}"
