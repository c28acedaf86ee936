"""Carries out deletions: what *deletion* decides, on the object as it is after admission."""

from __future__ import annotations

import dataclasses

from alcove.embedded import faults
from alcove.embedded.objects import GroupResource, Object
from alcove.embedded.ports import Catalog, DeleteOptions, WriteResult
from alcove.embedded.registry import definitions, deletion, metadata
from alcove.embedded.registry.versions import view
from alcove.embedded.registry.writes import TRIES, Intent, WritePath


class Removals:
    """Deletes objects through the write path."""

    def __init__(self, writes: WritePath, catalog: Catalog) -> None:
        """Use ``writes`` to change the store, and ``catalog`` to find the type of a CRD's objects."""
        self._writes = writes
        self._store = writes.store
        self._catalog = catalog

    async def delete(self, intent: Intent, delete: DeleteOptions) -> WriteResult:
        """Delete an object, or begin to.

        Raises:
            ApiError: 404 when it is gone, 409 when it is another, or what admission refused.
        """
        resource_type, key = intent.type, intent.key
        deletion.check_request(key, delete)
        for _ in range(TRIES):
            stored = self._writes.require(key)
            present = view(resource_type, stored).object
            deletion.check_preconditions(present, delete)
            request = intent.request("DELETE", None, present, key.name)
            await self._writes.admission.mutate(request)
            await self._writes.admission.validate(request)
            if self._store.get(key) is not stored:
                continue
            result = self._delete_now(intent, present, delete)
            if key.resource == definitions.RESOURCE and not intent.options.dry_run and not result.deleted:
                return await self._delete_instances(intent, result)
            return dataclasses.replace(result, warnings=tuple(request.warnings))
        raise metadata.outrun(key)

    async def delete_quietly(self, intent: Intent, delete: DeleteOptions) -> None:
        """Delete an object that may be gone already."""
        try:
            await self.delete(intent, delete)
        except faults.ApiError as error:
            if error.code != 404:
                raise

    def _delete_now(self, intent: Intent, present: Object, delete: DeleteOptions) -> WriteResult:
        """Do what a delete does to the present object; nothing is awaited."""
        key, dry_run = intent.key, intent.options.dry_run
        if key.resource == definitions.RESOURCE:
            waits = self._store.count(GroupResource(key.name)) > 0
            present = definitions.with_cleanup(present) if waits else definitions.without_cleanup(present)
        decided = deletion.decide(key, present, delete, now=self._writes.clock())
        item = decided.object
        if decided.remove:
            if not dry_run:
                item = self._writes.remove(key, item).object
            return WriteResult(item, deleted=True)
        stored = self._writes.require(key)
        if item is not stored.object and not dry_run:
            own = metadata.own(intent.type, item)
            item = view(intent.type, self._writes.put(intent.type, key, own)).object
        return WriteResult(item, deleted=False)

    async def _delete_instances(self, intent: Intent, begun: WriteResult) -> WriteResult:
        """Delete the objects of a CRD that has begun to go; it goes with the last of them."""
        resource = GroupResource(intent.name)
        resource_type = self._catalog.preferred(resource)
        if resource_type is not None:
            for stored in self._store.list(resource):
                instance = Intent(resource_type, stored.key.namespace, stored.key.name, intent.options)
                await self.delete_quietly(instance, DeleteOptions())
        stored_crd = self._store.get(intent.key)
        return begun if stored_crd else dataclasses.replace(begun, deleted=True)
