"""What controllers decide: values that the driver applies one after another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from alcove.embedded.objects import GroupResource, Object, metadata


@dataclass(frozen=True, slots=True)
class Notice:
    """An Event about an object; ``{name}`` and ``{error}`` in the message are filled in when it is told."""

    regarding: Object
    reason: str
    message: str
    type: str = "Normal"


@dataclass(frozen=True, slots=True)
class Create:
    """Create an object."""

    resource: GroupResource
    item: Object
    done: Notice | None = None
    failed: Notice | None = None


@dataclass(frozen=True, slots=True)
class Patch:
    """Apply a merge patch; an object that is gone needs none."""

    resource: GroupResource
    namespace: str
    name: str
    merge: Object
    subresource: str = ""
    done: Notice | None = None
    failed: Notice | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """Replace an object; used where a patch cannot say it (``finalize``)."""

    resource: GroupResource
    item: Object
    subresource: str = ""
    failed: Notice | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete exactly this object; one that is gone, or another of its name, is left alone."""

    resource: GroupResource
    namespace: str
    name: str
    uid: str
    propagation: str = "Background"
    done: Notice | None = None
    failed: Notice | None = None


@dataclass(frozen=True, slots=True)
class Tell:
    """Only record an Event."""

    notice: Notice


@dataclass(frozen=True, slots=True)
class Invoke:
    """Call something outside of the API, in a thread; it may raise OSError."""

    work: Callable[[], None]
    failed: Notice | None = None


Action = Create | Patch | Update | Delete | Tell | Invoke


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do about one key."""

    actions: Sequence[Action] = ()
    again_at: float | None = None
    """When to look again though nothing changed (seconds since the epoch): the next deadline."""


NOTHING = Plan()


def patch_of(resource: GroupResource, item: Object, merge: Object, *, guarded: bool = False) -> Patch:
    """Give a patch of ``item`` itself; ``guarded`` patches fail when it changed since it was observed."""
    meta = metadata(item)
    guard = {"uid": meta["uid"]}
    if guarded:
        guard["resourceVersion"] = meta["resourceVersion"]
    merge = {**merge, "metadata": {**merge.get("metadata", {}), **guard}}
    return Patch(resource, meta.get("namespace", ""), meta["name"], merge)


def delete_of(
    resource: GroupResource, item: Object, *, propagation: str = "Background", done: Notice | None = None
) -> Delete:
    """Give the deletion of ``item`` itself."""
    meta = metadata(item)
    return Delete(resource, meta.get("namespace", ""), meta["name"], meta["uid"], propagation, done)


def status_patches(resource: GroupResource, item: Object, status: Object) -> list[Patch]:
    """Give the patch that makes ``status`` the status of ``item``; none when it is already."""
    merge = difference(item.get("status") or {}, status)
    if not merge:
        return []
    meta = metadata(item)
    guarded = {"metadata": {"uid": meta["uid"]}, "status": merge}
    return [Patch(resource, meta.get("namespace", ""), meta["name"], guarded, "status")]


def difference(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Give the merge patch that turns ``old`` into ``new``."""
    merge: dict[str, Any] = {key: None for key in old if key not in new}
    for key, value in new.items():
        before = old.get(key)
        if isinstance(value, dict) and isinstance(before, dict):
            if inner := difference(before, value):
                merge[key] = inner
        elif value != before:
            merge[key] = value
    return merge
