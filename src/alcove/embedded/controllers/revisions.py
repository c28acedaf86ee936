"""What a workload's template was: hashes and revision numbers of Deployments, and ControllerRevisions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from alcove.embedded.controllers.actions import Action, Create, Patch, delete_of, patch_of
from alcove.embedded.controllers.ownership import claim, controller_reference, is_controlled_by
from alcove.embedded.objects import GroupResource, Object, annotations_of, metadata

CONTROLLER_REVISIONS = GroupResource("controllerrevisions.apps")
REVISION = "deployment.kubernetes.io/revision"

# Kubernetes' alphabet for generated names: no vowels and nothing that looks like one.
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


def content_hash(content: Any, collisions: int = 0) -> str:
    """Give ten characters that depend on the JSON value only; others for each count of collisions."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    digest = hashlib.blake2s(f"{text}#{collisions or ''}".encode(), digest_size=8).digest()
    number = int.from_bytes(digest, "big")
    letters = []
    for _ in range(10):
        number, index = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[index])
    return "".join(letters)


def revision_of(item: Object) -> int:
    """Give the revision number in the annotation of a Deployment or ReplicaSet, 0 when it has none."""
    text = annotations_of(item).get(REVISION, "")
    return int(text) if text.isascii() and text.isdigit() else 0


class Revision(NamedTuple):
    """One template of a workload and its name."""

    name: str
    template: Object


@dataclass(frozen=True, slots=True)
class History:
    """A workload's ControllerRevisions, and the two between which it is."""

    kept: tuple[Object, ...]
    """Its own, oldest first."""
    current: Revision
    """The template before the update that is under way; without one, the same as ``update``."""
    update: Revision
    fresh: Object | None
    """The ControllerRevision to create for ``update``; None when there is one."""
    adoptions: tuple[Patch, ...] = ()
    """An orphan of the wanted name and template, as a deleted owner leaves it."""

    @property
    def current_name(self) -> str:
        """The name of the revision that pods come from."""
        return self.current.name

    @property
    def update_name(self) -> str:
        """The name of the revision that pods go to."""
        return self.update.name

    def of_ordinal(self, ordinal: int, *, partition: int) -> Revision:
        """Give what a missing pod is made from: those below the partition are not updated."""
        return self.current if ordinal < partition else self.update


def observe_history(owner: Object, revisions: Iterable[Object]) -> History:
    """Find the owner's ControllerRevisions and its present template among them."""
    patch = {"spec": {"template": {**owner["spec"]["template"], "$patch": "replace"}}}
    fresh = _new_revision(owner, patch)
    name = metadata(fresh)["name"]
    candidates = [one for one in revisions if is_controlled_by(one, owner) or metadata(one)["name"] == name]
    claims = claim(owner, candidates, resource=CONTROLLER_REVISIONS, matching=lambda labels: True)
    kept = sorted(claims.owned, key=_number)
    same = next((one for one in kept if one.get("data") == patch), None)
    update = Revision(metadata(same or fresh)["name"], owner["spec"]["template"])
    told = (owner.get("status") or {}).get("currentRevision")
    current = next((_restored(one) for one in kept if metadata(one)["name"] == told), update)
    return History(tuple(kept), current, update, fresh if same is None else None, claims.patches)


def _number(revision: Object) -> int:
    return int(revision.get("revision") or 0)


def _restored(revision: Object) -> Revision:
    template = revision["data"]["spec"]["template"]
    kept = {key: value for key, value in template.items() if key != "$patch"}
    return Revision(metadata(revision)["name"], kept)


def _new_revision(owner: Object, patch: Object) -> Object:
    meta = metadata(owner)
    digest = content_hash(patch)
    labels = (owner["spec"]["template"].get("metadata") or {}).get("labels") or {}
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": f"{meta['name']}-{digest}",
            "namespace": meta["namespace"],
            "labels": {**labels, "controller.kubernetes.io/hash": digest},
            "annotations": dict(annotations_of(owner)),
            "ownerReferences": [controller_reference(owner)],
        },
        "data": patch,
        "revision": 0,
    }


def plan_history(owner: Object, history: History, in_use: set[str]) -> list[Action]:
    """Keep the newest template as the last revision, and only as many others as the limit says."""
    last = _number(history.kept[-1]) if history.kept else 0
    if history.fresh is not None:
        return [Create(CONTROLLER_REVISIONS, {**history.fresh, "revision": last + 1})]
    actions: list[Action] = list(history.adoptions)
    if history.kept and metadata(history.kept[-1])["name"] != history.update_name:
        renumbered = (one for one in history.kept if metadata(one)["name"] == history.update_name)
        actions += [patch_of(CONTROLLER_REVISIONS, one, {"revision": last + 1}) for one in renumbered]
    needed = in_use | {history.current_name, history.update_name}
    idle = [one for one in history.kept if metadata(one)["name"] not in needed]
    limit = owner["spec"].get("revisionHistoryLimit")
    surplus = len(idle) - (10 if limit is None else int(limit))
    return actions + [delete_of(CONTROLLER_REVISIONS, one) for one in idle[: max(0, surplus)]]
