"""Prefixed copies of Ingresses whose class is another controller's: plans, and nothing but plans.

Every Ingress of a space gets a copy for each space below, beside it in its own namespace, where its Services
are: the copy leads to the same Services by hosts with the space's prefix, and the proxy at the destination
derives the route key from the host. A copy belongs to its original (owner reference) and goes with it.

What a copy should be is a function of the originals and the tree. It is written when it is not there, when it
was made of something else (a digest in an annotation says of what) or when its spec was changed by others.
What other controllers write into a copy's annotations stays until the copy is written anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from alcove.admission.markers import Object, annotations_of, labels_of, mapping
from alcove.app.gateway import naming
from alcove.app.gateway.prefixing import COPY_LABEL, UnfitError, prefix_annotations, prefix_spec
from alcove.app.observation.entries import CLASSES, find_class
from alcove.app.observation.reports import Complain, Report, Reporter, text
from alcove.kube import resources
from alcove.kube.client import object_key
from alcove.model import SpaceName
from alcove.spaces.tree import SpaceTree

ORIGINAL_ANNOTATION = "alcove.dev/copy-of"
SPACE_ANNOTATION = "alcove.dev/copy-for"
DIGEST_ANNOTATION = "alcove.dev/copy-digest"
_LABELS = {COPY_LABEL: "true", "app.kubernetes.io/managed-by": "alcove"}


@dataclass(frozen=True, slots=True)
class CopyAction:
    """One write to an Ingress that is a copy."""

    verb: Literal["create", "patch", "delete"]
    namespace: str
    name: str
    body: Object | None = None
    """The object to create, or the merge patch."""
    uid: str = ""
    """The copy that was meant, when another object of its name must not be deleted."""


@dataclass(frozen=True, slots=True)
class CopyPlan:
    """What to do, and what is not copied and why."""

    actions: tuple[CopyAction, ...] = ()
    reports: tuple[Report, ...] = ()


@dataclass(frozen=True, slots=True)
class _Draft:
    """A copy that should exist; it has no name yet."""

    original: Object
    space: SpaceName
    annotations: Mapping[str, str]
    spec: Object

    @property
    def key(self) -> tuple[str, str, str]:
        """Where it is, of what and for whom."""
        return (*object_key(self.original), self.space)


def plan_copies(ingresses: Iterable[object], tree: SpaceTree) -> CopyPlan:
    """Plan what makes the copies as they should be; the order of the Ingresses does not matter.

    Args:
        ingresses: All that the cluster has, copies among them.
        tree: The spaces.
    """
    known = sorted((each for each in ingresses if isinstance(each, dict)), key=object_key)
    existing = {object_key(each): each for each in known if is_copy(each)}
    originals = [each for each in known if not is_copy(each) and object_key(each)[0] in tree.parents]
    reporter, claimed = Reporter(), _hosts_of(originals)
    drafts = [
        draft
        for original in originals
        for draft in _draft_all(original, tree, claimed, reporter.about("Ingress", original))
    ]
    taken = {object_key(each) for each in known if not is_copy(each)}
    wanted = _named(drafts, taken)
    actions = [*_missing(wanted, existing), *_superfluous(wanted, existing)]
    return CopyPlan(tuple(sorted(actions, key=_order)), reporter.reports)


def is_copy(item: Object) -> bool:
    """Tell whether an Ingress is a copy of ours."""
    return labels_of(item).get(COPY_LABEL) == "true"


def _draft_all(
    original: Object, tree: SpaceTree, claimed: Mapping[str, str], complain: Complain
) -> Iterator[_Draft]:
    if find_class(original) in CLASSES or _is_ending(original):
        return
    namespace = object_key(original)[0]
    for space in tree.descendants(SpaceName(namespace)):
        try:
            spec = prefix_spec(original, space, claimed, complain)
        except UnfitError as error:
            complain(str(error))
            return
        if spec.get("rules"):
            yield _Draft(original, space, prefix_annotations(original, space), spec)


def _hosts_of(originals: Sequence[Object]) -> Mapping[str, str]:
    """Give the Ingress that has a host by itself: nobody makes it a copy with that host."""
    found: dict[str, str] = {}
    for item in originals:
        rules = mapping(item, "spec").get("rules")
        for rule in rules if isinstance(rules, list) else ():
            host = text(rule.get("host")).lower() if isinstance(rule, dict) else ""
            if host:
                found.setdefault(host, "/".join(object_key(item)))
    return found


def _named(drafts: Sequence[_Draft], taken: set[tuple[str, str]]) -> Mapping[tuple[str, str], Object]:
    """Give the copies by namespace and name; where two would have one name, both have a digest in it."""
    plain: dict[tuple[str, str], list[_Draft]] = {}
    for draft in drafts:
        namespace, original = object_key(draft.original)
        plain.setdefault((namespace, naming.name_copy(original, draft.space)), []).append(draft)
    found: dict[tuple[str, str], Object] = {}
    for key, same in plain.items():
        for draft in same:
            name = key[1]
            if len(same) > 1 or key in taken:
                name = naming.name_copy(object_key(draft.original)[1], draft.space, distinct=True)
            found[key[0], name] = _render(draft, key[0], name)
    return found


def _render(draft: _Draft, namespace: str, name: str) -> Object:
    meta = mapping(draft.original, "metadata")
    owner = {
        "apiVersion": resources.INGRESSES.api_version,
        "kind": resources.INGRESSES.kind,
        "name": meta.get("name"),
        "uid": meta.get("uid"),
    }
    own = {ORIGINAL_ANNOTATION: text(meta.get("name")), SPACE_ANNOTATION: draft.space}
    annotations = {**draft.annotations, **own}
    made: Object = {
        "apiVersion": resources.INGRESSES.api_version,
        "kind": resources.INGRESSES.kind,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": _LABELS,
            "annotations": annotations,
            "ownerReferences": [owner],
        },
        "spec": draft.spec,
    }
    annotations[DIGEST_ANNOTATION] = _digest(made)
    return made


def _digest(made: Object) -> str:
    written = json.dumps(made, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(written.encode()).hexdigest()[:16]


def _missing(
    wanted: Mapping[tuple[str, str], Object], existing: Mapping[tuple[str, str], Object]
) -> Iterator[CopyAction]:
    for key, made in wanted.items():
        found = existing.get(key)
        if found is None:
            yield CopyAction("create", *key, body=made)
        elif not _is_ending(found) and not _is_current(made, found):
            yield CopyAction("patch", *key, body=_patch(made, found))


def _superfluous(
    wanted: Mapping[tuple[str, str], Object], existing: Mapping[tuple[str, str], Object]
) -> Iterator[CopyAction]:
    for key, found in existing.items():
        if key not in wanted and not _is_ending(found):
            yield CopyAction("delete", *key, uid=text(mapping(found, "metadata").get("uid")))


def _is_ending(item: Object) -> bool:
    return "deletionTimestamp" in mapping(item, "metadata")


def _is_current(made: Object, found: Object) -> bool:
    same = annotations_of(made)[DIGEST_ANNOTATION] == annotations_of(found).get(DIGEST_ANNOTATION)
    return same and _comparable(made["spec"], found) == found.get("spec")


def _comparable(spec: Object, found: Object) -> Object:
    """Give the spec as the cluster may have completed it: by the class that is the default."""
    given = mapping(found, "spec").get("ingressClassName")
    return {"ingressClassName": given, **spec} if given else spec


def _patch(made: Object, found: Object) -> Object:
    spec = _comparable(made["spec"], found)
    meta = made["metadata"]
    return {
        "metadata": {
            # A precondition: an object that took the copy's name since is not touched.
            "uid": mapping(found, "metadata").get("uid"),
            "labels": meta["labels"],
            "annotations": _merge(meta["annotations"], annotations_of(found)),
            "ownerReferences": meta["ownerReferences"],
        },
        "spec": _merge(spec, mapping(found, "spec")),
    }


def _merge(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """Give the merge patch that makes ``found`` into ``wanted``."""
    return {**dict.fromkeys(found), **wanted}


def _order(action: CopyAction) -> tuple[bool, str, str]:
    """Deletions come first: a host must not be in two Ingresses, not even for a moment."""
    return (action.verb != "delete", action.namespace, action.name)
