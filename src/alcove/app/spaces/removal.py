"""What it takes to remove a space: its namespace with all that is in it, or only what made it a space."""

from __future__ import annotations

from collections.abc import Iterator

from alcove import errors
from alcove.admission.markers import PARENT_LABEL, SPACE_LABEL, labels_of, mapping
from alcove.app.spaces import world as worlds
from alcove.app.spaces.creation import MADE_BY, is_reserved
from alcove.app.spaces.observing import ACCOUNT, EMPTY, ROLE_BINDINGS, Contents
from alcove.app.spaces.paths import SpacePath
from alcove.app.spaces.plans import Action, Ending, Plan
from alcove.app.spaces.world import World
from alcove.kube import resources
from alcove.kube.client import Object
from alcove.model import SpaceName

PERMANENT = "default"
_CHILDREN_UNKNOWN = (
    "you may not list the cluster's namespaces: whether other spaces have it as parent is not known"
)


def plan_removal(world: World, path: SpacePath, contents: Contents = EMPTY, *, keep: bool = False) -> Plan:
    """Plan to remove the space; with ``keep`` its namespace and workloads stay.

    A space that is not there any more needs nothing.

    Raises:
        ConflictError: it must not be removed, is no space, or is not where ``path`` says.
    """
    name = path.name
    if name not in world.namespaces and name not in world.hidden:
        return Plan((), summary=f"'{path}' does not exist: nothing to remove", unselects=name)
    if keep and name in world.namespaces and not world.is_space(name):
        return _plan_leftovers(world, name, contents)
    worlds.locate(world, path)
    _check_removable(world, name, keep=keep)
    warnings = () if world.complete else (_CHILDREN_UNKNOWN,)
    real = world.tree.path(name)
    if keep:
        told = f"Space '{real}' is an ordinary namespace again; its workloads stay"
        actions = tuple(_dismantling(world, name, contents))
        return Plan(actions, summary=told, warnings=warnings, unselects=name)
    meta = mapping(world.namespaces[name], "metadata")
    ends = Ending(name, str(meta.get("uid") or ""))
    summary = f"Space '{real}' and its namespace are gone"
    if world.ending(name):
        return Plan((), summary=summary, warnings=warnings, unselects=name, ends=ends)
    told = f"Namespace '{name}' is being deleted"
    action = Action("delete", resources.NAMESPACES, name, uid=ends.uid, told=told)
    question = _question(real, contents)
    return Plan((action,), summary, question, warnings, unselects=name, ends=ends)


def _plan_leftovers(world: World, name: SpaceName, contents: Contents) -> Plan:
    """Finish a removal that failed half-way."""
    actions = tuple(_dismantling(world, name, contents))
    did = "what was left of it is removed" if actions else "nothing to remove"
    return Plan(actions, summary=f"'{name}' is no space any more: {did}", unselects=name)


def _check_removable(world: World, name: SpaceName, *, keep: bool) -> None:
    if not keep and (name == PERMANENT or is_reserved(name)):
        raise errors.ConflictError(
            f"the space {str(name)!r} cannot be removed",
            cause=f"Kubernetes needs the namespace {str(name)!r}",
            hint=f"to make it an ordinary namespace again: alcove space remove {name} --no-delete",
        )
    children = world.tree.children(name)
    if children:
        raise errors.ConflictError(
            f"the space {world.tree.path(name)!r} has children",
            cause=f"these fall back to it: {', '.join(map(world.tree.path, children))}",
            hint="remove them first, or give them another parent: alcove space create PARENT/NAME --move",
        )


def _question(path: str, contents: Contents) -> str:
    counts = ((len(contents.workloads), "workload"), (len(contents.services), "service"))
    told = " and ".join(f"{count} {what}{'' if count == 1 else 's'}" for count, what in counts if count)
    inside = f" ({told})" if told else ""
    return f"Space '{path}' and its namespace will be deleted with everything in it{inside}. Continue?"


def _dismantling(world: World, name: SpaceName, contents: Contents) -> Iterator[Action]:
    """Take away what ``create`` made.

    The labels first: the right to change them is the one that is missing most often, and until then nothing
    is lost.
    """
    present = labels_of(world.namespaces[name])
    labels = {key: None for key in (SPACE_LABEL, PARENT_LABEL) if key in present}
    if labels:
        yield Action("patch", resources.NAMESPACES, name, body={"metadata": {"labels": labels}})
    binding = (ROLE_BINDINGS, contents.binding)
    account = (resources.SERVICE_ACCOUNTS, contents.account)
    for resource, item in (binding, account):
        if item is not None and _ours(item):
            uid = str(mapping(item, "metadata").get("uid") or "")
            yield Action("delete", resource, ACCOUNT, name, uid=uid)


def _ours(item: Object) -> bool:
    return MADE_BY.items() <= labels_of(item).items()
