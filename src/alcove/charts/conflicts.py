"""What a release would have to take from somebody else, found before anything is changed.

The rule is Helm's own: an object is a release's when its label ``app.kubernetes.io/managed-by`` says Helm and
its annotations name the release. Helm would refuse too, but in the middle, and without saying what to do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from alcove.charts import naming
from alcove.charts.model import Object, Release
from alcove.charts.reading import mapping, mappings, metadata, name_of
from alcove.errors import ConflictError

PROJECT_LABEL = "alcove.dev/project"
"""Label of a release (in Helm's records) with the name of the project it was started from."""

RELEASE_NAME = "meta.helm.sh/release-name"
RELEASE_NAMESPACE = "meta.helm.sh/release-namespace"
MANAGED_BY = "app.kubernetes.io/managed-by"
_LONGEST_LABEL = 63


class Reference(NamedTuple):
    """Which object of the cluster a rendered one would be."""

    api_version: str
    kind: str
    namespace: str
    """That of the release where the object names none: kinds without namespaces ignore it."""
    name: str


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose an object is."""

    release: str = ""
    """A Helm release, if it is one's."""
    namespace: str = ""
    """The release's."""
    manager: str = ""
    """Who wrote it last, as the cluster knows it: ``kubectl-client-side-apply``."""

    def __str__(self) -> str:
        if self.release:
            return f"the Helm release {self.release} in namespace {self.namespace}"
        return f"no Helm release (it was made by {self.manager})" if self.manager else "no Helm release"


@dataclass(frozen=True, slots=True)
class Conflict:
    """An object that is in the cluster already and another's."""

    kind: str
    name: str
    namespace: str
    owner: Owner

    def __str__(self) -> str:
        return f"{self.kind.lower()} {self.name!r} belongs to {self.owner}"


def project_label(project: str) -> str:
    """Write a project's name as the value of a label."""
    cut = re.sub(r"[^A-Za-z0-9._-]+", "-", project)[:_LONGEST_LABEL]
    return cut.strip("._-")


def references(objects: Iterable[Object], namespace: str) -> tuple[Reference, ...]:
    """Tell which objects of the cluster have to be looked at."""
    found = [
        Reference(
            str(item.get("apiVersion")),
            str(item.get("kind")),
            str(metadata(item).get("namespace") or namespace),
            name_of(item),
        )
        for item in _flatten(objects)
    ]
    return tuple(dict.fromkeys(found))


def find_conflicts(
    objects: Iterable[Object], live: Iterable[Object], release: Release
) -> tuple[Conflict, ...]:
    """Find what is there and another's; ``live`` holds the cluster's objects that ``references`` names."""
    wanted = {_key(reference) for reference in references(objects, release.namespace)}
    return tuple(
        Conflict(
            str(item.get("kind")),
            name_of(item),
            str(metadata(item).get("namespace") or ""),
            find_owner(item),
        )
        for item in live
        if _is_wanted(item, wanted, release.namespace) and not _is_of(item, release)
    )


def find_owner(item: Object) -> Owner:
    """Tell whose an object is."""
    annotations = mapping(metadata(item).get("annotations"))
    managed = mapping(metadata(item).get("labels")).get(MANAGED_BY) == "Helm"
    if annotations.get(RELEASE_NAME) and managed:
        return Owner(str(annotations[RELEASE_NAME]), str(annotations.get(RELEASE_NAMESPACE) or ""))
    fields = [
        entry for entry in mappings(metadata(item).get("managedFields")) if not entry.get("subresource")
    ]
    return Owner(manager=str(fields[-1].get("manager") or "") if fields else "")


def conflict_error(
    conflicts: Iterable[Conflict], release: Release, projects: Mapping[str, str] | None = None
) -> ConflictError:
    """Say what is another's and what to do about it; ``projects`` names projects by their releases."""
    conflicts = tuple(conflicts)
    first = conflicts[0]
    others = [f"; {conflict}" for conflict in conflicts[1:]]
    return ConflictError(
        f"{first.kind.lower()} {first.name!r} is in space {release.namespace!r} already, and another's",
        cause="".join([str(first), *others]),
        hint=_advise(first, release, projects or {}),
    )


def _advise(conflict: Conflict, release: Release, projects: Mapping[str, str]) -> str:
    owner = conflict.owner
    other = "or work in another space ('alcove space select')"
    if owner.release.startswith(naming.PREFIX):
        project = projects.get(owner.release)
        where = f"the project {project}" if project else "another project"
        return (
            f"it was started from {where}, whose chart makes the same: run 'alcove down' there, {other},"
            " or set install.set.fullnameOverride in azds.yaml if it is to be another service"
        )
    if owner.release:
        remove = f"helm uninstall {owner.release} --namespace {owner.namespace}"
        return f"a space holds either what Helm installed or what 'alcove up' did: run '{remove}', {other}"
    where = f" --namespace {conflict.namespace}" if conflict.namespace else ""
    return f"run 'kubectl delete {conflict.kind.lower()} {conflict.name}{where}' if it is of no use, {other}"


def _is_of(item: Object, release: Release) -> bool:
    owner = find_owner(item)
    return (owner.release, owner.namespace) == (release.name, release.namespace)


def _is_wanted(item: Object, wanted: set[tuple[str, str, str, str]], namespace: str) -> bool:
    there = str(metadata(item).get("namespace") or namespace)
    reference = Reference(str(item.get("apiVersion")), str(item.get("kind")), there, name_of(item))
    return _key(reference) in wanted


def _key(reference: Reference) -> tuple[str, str, str, str]:
    """Leave out the version: an object is the same in all of them."""
    group = reference.api_version.rpartition("/")[0]
    return group, reference.kind, reference.namespace, reference.name


def _flatten(objects: Iterable[Object]) -> Iterator[Object]:
    for item in objects:
        if item.get("kind") == "List":
            yield from _flatten(mappings(item.get("items")))
        else:
            yield item
