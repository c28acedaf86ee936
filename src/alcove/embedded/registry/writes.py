"""The way of an object into the store: fields, defaults, ownership, admission, rules, and the write itself.

Between admission (which may take long: webhooks) and the write nothing is locked. The write happens only if
what it was computed from is still there, in one step without an ``await``; otherwise all is computed anew.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from alcove.embedded import faults, patching
from alcove.embedded.objects import GroupResource, Object, ObjectKey, ResourceType, StoredObject
from alcove.embedded.ports import Admission, AdmissionRequest, Catalog, WriteOptions, WriteResult
from alcove.embedded.registry import definitions, metadata, strategies
from alcove.embedded.registry.blanks import blank_of
from alcove.embedded.registry.services import SERVICES, ServiceAddresses
from alcove.embedded.registry.versions import as_stored, key_of, view
from alcove.embedded.storage import ObjectStore

NAMESPACES = GroupResource("namespaces")
TRIES = 5
"""How often a change is computed anew when others were faster."""
_NAME_TRIES = 8
_OPTION_KINDS = {"CREATE": "CreateOptions", "UPDATE": "UpdateOptions", "DELETE": "DeleteOptions"}


@dataclass(frozen=True, slots=True)
class Intent:
    """One write: where, by whom and how."""

    type: ResourceType
    namespace: str
    name: str
    """Empty for a create without a name in its path."""
    options: WriteOptions
    subresource: str = ""
    tracked: bool = False
    """The proposed object already tells who owns its fields."""

    @property
    def key(self) -> ObjectKey:
        """Where the object is stored."""
        return key_of(self.type, self.namespace, self.name)

    def request(self, operation: str, item: Object | None, old: Object | None, name: str) -> AdmissionRequest:
        """Give what admission is asked."""
        options = self.options
        told: Object = {"kind": _OPTION_KINDS[operation], "apiVersion": "meta.k8s.io/v1"}
        if options.field_manager and operation != "DELETE":
            told["fieldManager"] = options.field_manager
        if options.dry_run:
            told["dryRun"] = ["All"]
        return AdmissionRequest(
            operation=operation,
            resource_type=self.type,
            subresource=self.subresource,
            namespace=self.namespace,
            name=name,
            object=item,
            old=old,
            user=options.user,
            dry_run=options.dry_run,
            options=told,
        )


class WritePath:
    """Writes objects; the only user of the store that changes it."""

    def __init__(
        self,
        store: ObjectStore,
        catalog: Catalog,
        admission: Admission,
        types: definitions.CustomTypes,
        *,
        clock: Callable[[], float],
        new_uid: Callable[[], str],
        is_free: Callable[[int], bool],
    ) -> None:
        """Write into ``store`` what ``catalog`` and ``admission`` let pass; serve CRDs through ``types``."""
        self.store = store
        self.catalog = catalog
        self.admission = admission
        self.addresses = ServiceAddresses(store, clock, is_free)
        self.clock = clock
        self._types = types
        self._new_uid = new_uid
        definitions.reload(store, types)

    def now(self) -> str:
        """Give the time as objects tell it."""
        return metadata.timestamp(self.clock())

    async def create(self, intent: Intent, item: Object) -> WriteResult:
        """Store a new object.

        Raises:
            ApiError: for all that may be wrong with it.
        """
        resource_type, now = intent.type, self.now()
        item = metadata.own(resource_type, item)
        metadata.place(resource_type, item, namespace=intent.namespace, name=intent.name)
        self._require_place(intent, item)
        item, warnings = self.checked_fields(intent, item)
        item = self.catalog.default(resource_type, item)
        metadata.begin(resource_type, item, uid=self._new_uid(), now=now)
        generated = self._name(intent, item)
        strategies.reset_new(resource_type, item)
        item = self._tracked(intent, None, item, now)
        item, request = await self._mutated(intent, "CREATE", item, None)
        strategies.prepare_new(resource_type, item, now=now)
        self._refuse_invalid(resource_type, item, None)
        await self.admission.validate(request)
        return self._commit_new(intent, item, [*warnings, *request.warnings], generated=generated)

    async def change(self, intent: Intent, revise: Callable[[Object], Object]) -> WriteResult:
        """Store what ``revise`` makes of the present object; called anew when others were faster.

        Raises:
            ApiError: 404 when there is none, 409 after ``TRIES``; for all that may be wrong with it.
        """
        key = intent.key
        for _ in range(TRIES):
            stored = self.require(key)
            old = view(intent.type, stored).object
            result = await self._try_change(intent, stored, old, revise(old))
            if result is not None:
                return result
        raise metadata.outrun(key)

    def require(self, key: ObjectKey) -> StoredObject:
        """Give the stored object.

        Raises:
            ApiError: 404 when there is none.
        """
        stored = self.store.get(key)
        if stored is None:
            raise faults.not_found(key.resource, key.name)
        return stored

    def checked_fields(self, intent: Intent, item: Object) -> tuple[Object, list[str]]:
        """Give the object without unknown and empty fields, and what to warn of.

        Raises:
            ApiError: 400 for unknown fields under strict validation.
        """
        resource_type, validation = intent.type, intent.options.field_validation
        pruned = self.catalog.prune(resource_type, item)
        if pruned is item:
            return item, []
        unknown = self.catalog.unknown_fields(resource_type, item)
        texts = [f'unknown field "{path}"' for path in unknown]
        if texts and validation == "Strict":
            raise faults.bad_request(
                f'{resource_type.kind} in version "{resource_type.version}" cannot be handled as a '
                f"{resource_type.kind}: strict decoding error: {', '.join(texts)}"
            )
        return {**pruned, "metadata": dict(pruned["metadata"])}, texts if validation == "Warn" else []

    def put(self, resource_type: ResourceType, key: ObjectKey, item: Object) -> StoredObject:
        """Write an object that has passed all rules, with what follows from it.

        Raises:
            ApiError: 507 when the disk is full.
        """
        if key.resource == SERVICES:
            present = self.store.get(key)
            self.addresses.release(present.object if present else None, item)
        item = as_stored(resource_type, item)
        if key.resource != definitions.RESOURCE:
            return self.store.put(key, item)
        return self._put_definition(key, item)

    def remove(self, key: ObjectKey, last: Object | None = None) -> StoredObject:
        """Remove an object that is there, with what follows from it; ``last`` is its last state.

        Raises:
            ApiError: 507 when the disk is full.
        """
        if key.resource == SERVICES:
            self.addresses.release(self.require(key).object, None)
        gone = self.store.remove(key, last)
        if key.resource == definitions.RESOURCE:
            self._types.remove_crd(key.name)
        elif definitions.is_awaiting(self.store, key.resource):
            self._finish_definition(definitions.key_of(key.resource))
        return gone

    def _put_definition(self, key: ObjectKey, item: Object) -> StoredObject:
        """Serve a CRD, then store it: what cannot be served must not be met again at the next start."""
        present = self.store.get(key)
        self._types.install_crd(item)
        try:
            return self.store.put(key, item)
        except faults.ApiError:
            if present is None:
                self._types.remove_crd(key.name)
            else:
                self._types.install_crd(present.object)
            raise

    def _finish_definition(self, key: ObjectKey) -> None:
        crd = definitions.without_cleanup(self.require(key).object)
        if crd["metadata"].get("finalizers"):
            self.store.put(key, crd)
        else:
            self.remove(key, crd)

    async def _try_change(
        self, intent: Intent, stored: StoredObject, old: Object, proposed: Object
    ) -> WriteResult | None:
        resource_type, now = intent.type, self.now()
        new = metadata.own(resource_type, proposed)
        metadata.place(resource_type, new, namespace=intent.namespace, name=intent.name)
        new, warnings = self.checked_fields(intent, new)
        new = self.catalog.default(resource_type, new)
        metadata.carry_over(new, old, stored.key)
        strategies.reset_changed(resource_type, new, old, intent.subresource)
        new = self._tracked(intent, old, new, now)
        new, request = await self._mutated(intent, "UPDATE", new, old)
        strategies.prepare_changed(resource_type, new, old, now=now)
        if intent.subresource != "binding":
            metadata.count_generation(resource_type, new, old)
        self._refuse_invalid(resource_type, new, old)
        await self.admission.validate(request)
        if self.store.get(stored.key) is not stored:
            return None
        return self._commit_changed(intent, new, old, (*warnings, *request.warnings))

    def _commit_new(
        self, intent: Intent, item: Object, warnings: list[str], *, generated: bool
    ) -> WriteResult:
        resource_type = intent.type
        self._require_place(intent, item)
        key = key_of(resource_type, intent.namespace, item["metadata"]["name"])
        present = self.store.get(key)
        if present is not None:
            error = faults.already_exists(key.resource, key.name)
            if present.object["metadata"].get("deletionTimestamp"):
                error.message = f"object is being deleted: {error.message}"
            if generated:
                error.message += ", the server was not able to generate a unique name for the object"
            raise error
        if key.resource == SERVICES:
            self.addresses.allocate(item, None)
        if not intent.options.dry_run:
            item = view(resource_type, self.put(resource_type, key, item)).object
        return WriteResult(item, created=True, warnings=tuple(warnings))

    def _commit_changed(
        self, intent: Intent, new: Object, old: Object, warnings: tuple[str, ...]
    ) -> WriteResult:
        key = intent.key
        if key.resource == SERVICES:
            self.addresses.allocate(new, old)
        if metadata.is_finished(new, old):
            last = new if intent.options.dry_run else self.remove(key, new).object
            return WriteResult(last, warnings=warnings)
        if metadata.is_unchanged(new, old):
            return WriteResult(old, warnings=warnings)
        if not intent.options.dry_run:
            new = view(intent.type, self.put(intent.type, key, new)).object
        return WriteResult(new, warnings=warnings)

    async def _mutated(
        self, intent: Intent, operation: str, item: Object, old: Object | None
    ) -> tuple[Object, AdmissionRequest]:
        """Give the object as admission leaves it, and the request to validate it by."""
        resource_type = intent.type
        name = item["metadata"].get("name", "")
        request = intent.request(operation, item, old, name)
        found = await self.admission.mutate(request)
        if found is None or found is item:
            return item, request
        item = self.catalog.default(resource_type, self.catalog.prune(resource_type, found))
        item = metadata.own(resource_type, item)
        metadata.place(resource_type, item, namespace=intent.namespace, name=name)
        if old is not None:
            metadata.carry_over(item, old, intent.key)
            strategies.reset_changed(resource_type, item, old, intent.subresource)
        return item, dataclasses.replace(request, object=item)

    def _tracked(self, intent: Intent, old: Object | None, new: Object, now: str) -> Object:
        if intent.tracked:
            return new
        return patching.track_update(
            old,
            new,
            schema=self.catalog.schema(intent.type),
            manager=intent.options.field_manager or "unknown",
            subresource=intent.subresource,
            api_version=intent.type.api_version,
            now=now,
            blank=blank_of(intent.type),
        )

    def _name(self, intent: Intent, item: Object) -> bool:
        """Generate a name when one is wanted; tell whether it was."""
        inner = item["metadata"]
        prefix = inner.get("generateName")
        if inner.get("name") or not prefix or not isinstance(prefix, str):
            return False
        for _ in range(_NAME_TRIES):
            inner["name"] = metadata.generated_name(prefix)
            if self.store.get(key_of(intent.type, intent.namespace, inner["name"])) is None:
                break
        return True

    def _require_place(self, intent: Intent, item: Object) -> None:
        """Refuse a new object where nothing new may be."""
        if intent.type.custom:
            definitions.refuse_when_terminating(self.store, intent.type)
        if not intent.type.namespaced:
            return
        namespace = self.store.get(ObjectKey(NAMESPACES, "", intent.namespace))
        if namespace is None:
            raise faults.not_found(NAMESPACES, intent.namespace)
        if namespace.object["metadata"].get("deletionTimestamp"):
            raise _terminating(intent, item)

    def _refuse_invalid(self, resource_type: ResourceType, item: Object, old: Object | None) -> None:
        causes = self.catalog.validate(resource_type, item, old)
        if not causes and old is not None:
            causes = metadata.change_causes(item, old)
        if causes:
            name = item["metadata"].get("name", "")
            raise faults.invalid(resource_type.kind, resource_type.group, name, causes)


def _terminating(intent: Intent, item: Object) -> faults.ApiError:
    why = f"unable to create new content in namespace {intent.namespace} because it is being terminated"
    error = faults.forbidden(intent.type.resource, item["metadata"].get("name", ""), why)
    cause = {
        "reason": "NamespaceTerminating",
        "message": f"namespace {intent.namespace} is being terminated",
        "field": "metadata.namespace",
    }
    error.details["causes"] = [cause]
    return error
