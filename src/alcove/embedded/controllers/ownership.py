"""Who owns what: controller references, and the adoption and release of objects that a selector names.

An owner takes orphans that its selector matches, and lets go of objects of its own that it no longer does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from alcove.embedded.controllers.actions import Patch, patch_of
from alcove.embedded.objects import GroupResource, Object, controller_of, labels_of, metadata


def controller_reference(owner: Object) -> dict[str, Any]:
    """Give the owner reference that makes ``owner`` an object's controller."""
    meta = metadata(owner)
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": meta["name"],
        "uid": meta["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def is_controlled_by(item: Object, owner: Object) -> bool:
    """Whether ``owner``, and not another object of its name, controls ``item``."""
    controller = controller_of(item)
    return controller is not None and bool(controller.get("uid") == metadata(owner)["uid"])


@dataclass(frozen=True, slots=True)
class Claims:
    """What an owner's claim on the observed objects comes to."""

    owned: tuple[Object, ...]
    """Its own that match, and orphans it is about to adopt."""
    patches: tuple[Patch, ...]
    """The adoptions and releases."""


def claim(
    owner: Object,
    items: Iterable[Object],
    *,
    resource: GroupResource,
    matching: Callable[[Mapping[str, str]], bool],
    living: Callable[[Object], bool] = lambda item: True,
) -> Claims:
    """Decide which of ``items`` (one namespace's) belong to ``owner``; only ``living`` ones do."""
    uid = metadata(owner)["uid"]
    deleting = "deletionTimestamp" in metadata(owner)
    owned: list[Object] = []
    patches: list[Patch] = []
    for item in items:
        controller = controller_of(item)
        if (controller is not None and controller.get("uid") != uid) or not living(item):
            continue
        fits = matching(labels_of(item))
        if controller is not None:
            if fits:
                owned.append(item)
            elif not deleting:
                patches.append(release(resource, item, uid))
        elif fits and not deleting and "deletionTimestamp" not in metadata(item):
            owned.append(item)
            patches.append(_adopt(resource, item, owner))
    return Claims(tuple(owned), tuple(patches))


def _adopt(resource: GroupResource, item: Object, owner: Object) -> Patch:
    references = [*metadata(item).get("ownerReferences", ()), controller_reference(owner)]
    return patch_of(resource, item, {"metadata": {"ownerReferences": references}}, guarded=True)


def release(resource: GroupResource, item: Object, *uids: str) -> Patch:
    """Give the patch that removes the owner references to ``uids``."""
    kept = [one for one in metadata(item).get("ownerReferences", ()) if one.get("uid") not in uids]
    return patch_of(resource, item, {"metadata": {"ownerReferences": kept or None}}, guarded=True)


def without_finalizer(resource: GroupResource, item: Object, finalizer: str) -> Patch:
    """Give the patch that removes a finalizer."""
    kept = [one for one in metadata(item).get("finalizers", ()) if one != finalizer]
    return patch_of(resource, item, {"metadata": {"finalizers": kept or None}}, guarded=True)
