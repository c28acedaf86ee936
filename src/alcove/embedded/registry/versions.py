"""Where an object is stored, and how it looks in each version: versions differ in their name only."""

from __future__ import annotations

import msgspec

from alcove.embedded.objects import Object, ObjectKey, ResourceType, StoredObject


def key_of(resource_type: ResourceType, namespace: str, name: str) -> ObjectKey:
    """Give the key under which an object of this type is stored."""
    return ObjectKey(resource_type.resource, namespace if resource_type.namespaced else "", name)


def view(resource_type: ResourceType, stored: StoredObject) -> StoredObject:
    """Give a stored object in the version of ``resource_type``."""
    if stored.object["apiVersion"] == resource_type.api_version:
        return stored
    item = {**stored.object, "apiVersion": resource_type.api_version}
    return stored._replace(object=item, encoded=msgspec.json.encode(item))


def as_stored(resource_type: ResourceType, item: Object) -> Object:
    """Give an object of ``resource_type`` in the version in which it is stored."""
    version = resource_type.storage_version
    if not resource_type.custom or version in ("", resource_type.version):
        return item
    return {**item, "apiVersion": f"{resource_type.group}/{version}"}
