"""Fields that somebody changed by hand, taken back for the release.

Helm applies objects on the server and is refused when another manager holds a field with another value: after
one ``kubectl scale`` or ``kubectl edit`` every upgrade would fail. What the project says counts: its fields
are applied once with force under Helm's own name, after which Helm finds no conflict; and the user is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from alcove.charts import conflicts
from alcove.charts.errors import HelmError
from alcove.charts.model import Object, Release
from alcove.charts.reading import mapping, metadata, name_of, text
from alcove.kube.client import KubeClient, PatchKind
from alcove.kube.errors import ConflictError, KubeError
from alcove.kube.resources import Resource

_MANAGER = "helm"
_REFUSED = re.compile(r"Apply failed with \d+ conflict")
_FIELDS = re.compile(r'conflicts? with "([^"]+)"[^:\n]*:( [^\n]+|(?:\n- [^\n]+)+)')


def is_conflict(error: HelmError) -> bool:
    """Tell whether Helm was refused because others hold fields."""
    return _REFUSED.search(error.cause) is not None


async def take_fields(kube: KubeClient, objects: Iterable[Object], release: Release) -> tuple[str, ...]:
    """Take the fields of a release's objects from whoever holds them; give what was taken.

    What is not there, another's, or refused for another reason is left as it is: Helm will say why.
    """
    taken = []
    for item in objects:
        try:
            resource = await kube.find_resource(text(item.get("apiVersion")), text(item.get("kind")))
            taken += await _take(kube, resource, item, release)
        except KubeError:  # one object's refusal is no other's
            continue
    return tuple(taken)


async def _take(kube: KubeClient, resource: Resource, item: Object, release: Release) -> list[str]:
    namespace = text(metadata(item).get("namespace")) or release.namespace
    place = namespace if resource.namespaced else ""
    live = await kube.get(resource, name_of(item), namespace=place)
    if conflicts.find_conflicts([item], [live], release):
        return []
    wanted = _owned(item, release)
    try:
        await _apply(kube, resource, wanted, place)
    except ConflictError as error:
        await _apply(kube, resource, wanted, place, force=True)
        return [f"{item['kind']} {name_of(item)}: {found}" for found in describe(error.message)]
    return []


async def _apply(
    kube: KubeClient, resource: Resource, item: Object, namespace: str, *, force: bool = False
) -> None:
    await kube.patch(
        resource,
        name_of(item),
        item,
        kind=PatchKind.APPLY,
        namespace=namespace,
        field_manager=_MANAGER,
        force=force,
    )


def describe(message: str) -> tuple[str, ...]:
    """Read from a server's refusal who held what: ``.spec.replicas was changed by kubectl``."""
    found = tuple(
        f"{field.strip()} was changed by {manager}"
        for manager, fields in _FIELDS.findall(message)
        for field in fields.removeprefix("\n- ").split("\n- ")
    )
    return found or ("fields were changed by others",)


def _owned(item: Object, release: Release) -> dict[str, Any]:
    """Mark an object as Helm does, so that nothing of its marks is taken away."""
    about = metadata(item)
    labels = {**mapping(about.get("labels")), conflicts.MANAGED_BY: "Helm"}
    annotations: Mapping[str, Any] = {
        **mapping(about.get("annotations")),
        conflicts.RELEASE_NAME: release.name,
        conflicts.RELEASE_NAMESPACE: release.namespace,
    }
    return {**item, "metadata": {**about, "labels": labels, "annotations": annotations}}
