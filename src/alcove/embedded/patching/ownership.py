"""Who owns which fields: ``metadata.managedFields``, and what an ordinary write does to it.

Each writer has one entry for each way in which it writes (operation, subresource and, unless it applies,
API version). A write takes the fields it changes from whoever owned them with another value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from alcove.embedded import objects
from alcove.embedded.objects import Object
from alcove.embedded.patching import fieldsets, limits
from alcove.embedded.patching.fieldsets import FieldSet
from alcove.embedded.ports import SchemaNode

MAX_UPDATERS = 10
"""Entries of ordinary writers; beyond it the oldest become one, as in Kubernetes."""

_ANCIENT = "ancient-changes"


class Owner(NamedTuple):
    """A writer and the way in which it writes."""

    name: str
    operation: str
    """``Apply`` or ``Update``."""
    subresource: str = ""
    api_version: str = ""
    """Empty for Apply: the same applier may change over to another version."""

    def printed(self) -> str:
        """Name it as conflicts do: ``"kubectl" using v1``."""
        text = f'"{self.name}"'
        if self.subresource:
            text += f' with subresource "{self.subresource}"'
        return f"{text} using {self.api_version}" if self.operation == "Update" else text


class Share(NamedTuple):
    """What an owner owns, since when, and in which API version's terms."""

    fields: FieldSet
    time: str
    api_version: str


Owners = dict[Owner, Share]


def owners_of(item: Object) -> Owners | None:
    """Read the object's managed fields; None when they are not in the form of Kubernetes."""
    entries = objects.metadata(item).get("managedFields") or []
    if not isinstance(entries, list):
        return None
    result: Owners = {}
    for entry in entries:
        read = _read_entry(entry)
        if read is None:
            return None
        result[read[0]] = read[1]
    return result


def _read_entry(entry: Any) -> tuple[Owner, Share] | None:
    if not isinstance(entry, dict) or entry.get("operation") not in ("Apply", "Update"):
        return None
    texts = [entry.get(name) or "" for name in ("manager", "subresource", "apiVersion", "time")]
    fields = entry.get("fieldsV1") or {}
    if not all(isinstance(text, str) for text in texts) or not texts[2]:
        return None
    if entry.get("fieldsType") != "FieldsV1" or not _is_field_set(fields):
        return None
    manager, subresource, api_version, time = texts
    of_version = "" if entry["operation"] == "Apply" else api_version
    owner = Owner(manager, entry["operation"], subresource, of_version)
    return owner, Share(fields, time, api_version)


def _is_field_set(fields: Any) -> bool:
    return isinstance(fields, dict) and all(
        (step == "." or step[:2] in ("f:", "k:", "v:", "i:")) and _is_field_set(node)
        for step, node in fields.items()
    )


def with_owners(item: Object, owners: Mapping[Owner, Share]) -> Object:
    """Give the object with these managed fields, in the order of Kubernetes; without the key when none."""
    ordered = sorted(owners.items(), key=lambda pair: _order(*pair))
    return with_entries(item, [_entry(owner, share) for owner, share in ordered])


def _order(owner: Owner, share: Share) -> tuple[str, ...]:
    return owner.operation, share.time, owner.name, share.api_version, owner.subresource


def _entry(owner: Owner, share: Share) -> dict[str, Any]:
    entry = {
        "manager": owner.name,
        "operation": owner.operation,
        "apiVersion": share.api_version,
        "time": share.time,
        "fieldsType": "FieldsV1",
        "fieldsV1": share.fields,
    }
    if not share.time:
        del entry["time"]
    if owner.subresource:
        entry["subresource"] = owner.subresource
    return entry


def with_entries(item: Object, entries: list[Any]) -> Object:
    """Give the object with these entries of managed fields; without the key when there are none."""
    metadata = objects.metadata(item)
    if metadata.get("managedFields") is entries:
        return item
    changed = {**metadata, "managedFields": entries}
    if not entries:
        del changed["managedFields"]
    return {**item, "metadata": changed}


@limits.bounded
def track_update(
    old: Object | None,
    new: Object,
    *,
    schema: SchemaNode,
    manager: str,
    subresource: str,
    api_version: str,
    now: str,
    blank: Object | None = None,
) -> Object:
    """Give ``new`` with the managed fields that follow from an ordinary write (anything but apply).

    ``old`` is the object before the write, None when it is created; ``blank`` is then what such an object
    holds before anybody has said anything. What the client sent in
    ``managedFields`` counts as in Kubernetes: nothing keeps those of ``old``, ``[]`` and ``[{}]`` end the
    tracking, and it may give fields back. ``now`` is RFC 3339. A write that changes nothing changes no
    managed field either.
    """
    me = Owner(manager, "Update", subresource, api_version)
    if old is None:
        if blank is None:
            fields = fieldsets.fields_of_object(new, schema, containers=True)
        else:
            _, fields = fieldsets.compare_objects(blank, new, schema)
        return with_entries(new, [_entry(me, Share(fields, now, api_version))] if fields else [])
    owners, entries = _before_write(old, new, subresource)
    if not owners:
        return with_entries(new, [])
    removed, changed = fieldsets.compare_objects(old, new, schema)
    if not removed and not changed:
        return with_entries(new, entries)
    mine = owners.pop(me, Share({}, now, api_version))
    owners = without(owners, changed, removed)
    fields = fieldsets.union(fieldsets.difference(mine.fields, removed), changed)
    if fields:
        owners[me] = Share(fields, now if changed else mine.time, api_version)
    return with_owners(new, _capped(owners))


def _before_write(old: Object, new: Object, subresource: str) -> tuple[Owners, list[Any]]:
    """Give whose fields count: those that the client sent, if it may and they are any."""
    sent = objects.metadata(new).get("managedFields")
    if not subresource and sent is not None:
        if sent in ([], [{}]):
            return {}, []
        if owners := owners_of(new):
            return owners, sent
    return owners_of(old) or {}, objects.metadata(old).get("managedFields") or []


def without(owners: Mapping[Owner, Share], *taken: FieldSet) -> Owners:
    """Give the owners with these fields taken from each; whoever owns nothing more is gone."""
    result: Owners = {}
    for owner, share in owners.items():
        fields = share.fields
        for some in taken:
            fields = fieldsets.difference(fields, some)
        if fields:
            result[owner] = share._replace(fields=fields)
    return result


def everything(shares: Iterable[Share]) -> FieldSet:
    """Give the fields that any of these own."""
    fields: FieldSet = {}
    for share in shares:
        fields = fieldsets.union(fields, share.fields)
    return fields


def _capped(owners: Owners) -> Owners:
    """Fold the oldest ordinary writers of each version into one while there are too many."""
    updaters = sorted((o for o in owners if o.operation == "Update"), key=lambda o: (owners[o].time, o))
    excess = len(updaters) - MAX_UPDATERS
    first: dict[str, Owner] = {}
    for owner in updaters:
        if excess <= 0:
            break
        share = owners[owner]
        earlier = first.get(share.api_version)
        bucket = Owner(_ANCIENT, "Update", "", share.api_version)
        if earlier is None:
            first[share.api_version] = owner
            continue
        fields = everything(owners.pop(each) for each in (earlier, owner))
        owners[bucket] = Share(fields, share.time, share.api_version)
        first[share.api_version] = bucket
        excess -= 1
    return owners
