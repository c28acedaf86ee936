"""Which rights installing takes: those on each object, and those that its roles hand out."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from alcove.admission.markers import mapping, sequence
from alcove.app.install import kinds
from alcove.kube.client import KubeClient, Object, object_key
from alcove.kube.resources import Resource

_REVIEWS = Resource(
    "authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", namespaced=False
)
_VERBS = ("create", "patch", "list", "delete")
_ROLES = (kinds.CLUSTER_ROLES, kinds.ROLES)
_AT_ONCE = 8
"""Questions that are asked at the same time, out of consideration for the API server."""


class Right(NamedTuple):
    """One verb on one resource."""

    verb: str
    group: str
    resource: str
    namespace: str = ""
    name: str = ""

    def __str__(self) -> str:
        kind = f"{self.resource}.{self.group}" if self.group else self.resource
        named = f" {self.name!r}" if self.name else ""
        return f"{self.verb} {kind}{named}" + (f" in {self.namespace!r}" if self.namespace else "")


EVERYTHING = Right("*", "*", "*")


def needed_rights(objects: Iterable[Object]) -> tuple[Right, ...]:
    """Give the rights that applying these objects, and removing what they replace, takes."""
    return tuple(sorted(_on_each(objects, _VERBS)))


def handed_out(objects: Iterable[Object]) -> tuple[Right, ...]:
    """Give the rights that the roles among these objects hold: nobody may hand out what they do not have."""
    return tuple(sorted({right for item in objects for right in _rights_of_role(item)}))


def escalation(objects: Iterable[Object]) -> tuple[Right, ...]:
    """Give the rights that allow to write and to bind roles without holding what they hold."""
    roles = [item for item in objects if kinds.resource_of(item) in _ROLES]
    return tuple(sorted(_on_each(roles, ("bind", "escalate"))))


async def find_missing(client: KubeClient, objects: Sequence[Object]) -> tuple[Right, ...]:
    """Ask the cluster what the caller lacks to install these objects.

    Raises:
        KubeError: the cluster does not answer.
    """
    if not await _denied(client, [EVERYTHING]):
        return ()
    missing = await _denied(client, needed_rights(objects))
    if await _denied(client, escalation(objects)):
        missing = (*missing, *await _denied(client, handed_out(objects)))
    return missing


async def _denied(client: KubeClient, rights: Sequence[Right]) -> tuple[Right, ...]:
    limit = asyncio.Semaphore(_AT_ONCE)

    async def ask(right: Right) -> bool:
        async with limit:
            answer = await client.create(_REVIEWS, _question(right))
        return mapping(answer, "status").get("allowed") is True

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(ask(right), name=f"may I {right}") for right in rights]
    return tuple(right for right, task in zip(rights, tasks, strict=True) if not task.result())


def _question(right: Right) -> Object:
    asked = {key: value for key, value in right._asdict().items() if value}
    return {
        "apiVersion": _REVIEWS.api_version,
        "kind": _REVIEWS.kind,
        "metadata": {},
        "spec": {"resourceAttributes": asked},
    }


def _on_each(objects: Iterable[Object], verbs: Iterable[str]) -> set[Right]:
    places = {(kinds.resource_of(item), object_key(item)[0]) for item in objects}
    return {Right(verb, one.group, one.plural, where) for one, where in places for verb in verbs}


def _rights_of_role(item: Object) -> Iterator[Right]:
    if kinds.resource_of(item) not in _ROLES:
        return
    where = object_key(item)[0]
    for rule in sequence(item, "rules"):
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                for verb in rule["verbs"]:
                    for name in rule.get("resourceNames") or ("",):
                        yield Right(verb, group, resource, where, name)
