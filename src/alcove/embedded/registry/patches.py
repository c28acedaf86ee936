"""The four kinds of patch, each as a function of the present object."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import msgspec

from alcove.embedded import faults, patching
from alcove.embedded.objects import Object, ResourceType
from alcove.embedded.patching import limits
from alcove.embedded.ports import Catalog, WriteResult
from alcove.embedded.registry import metadata, subresources
from alcove.embedded.registry.writes import Intent, WritePath

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"


class Patches:
    """Changes objects by patches."""

    def __init__(self, writes: WritePath, catalog: Catalog) -> None:
        """Write through ``writes``; schemas come from ``catalog``."""
        self._writes = writes
        self._catalog = catalog

    async def patch(self, intent: Intent, content_type: str, body: bytes) -> WriteResult:
        """Apply a patch, given as JSON; server-side apply creates what is not there.

        Raises:
            ApiError: 415 for what is no patch of this type, and all that can be wrong with a write.
        """
        kind = content_type.partition(";")[0].strip()
        if kind == APPLY_PATCH:
            return await self._apply(intent, body)
        if intent.options.force:
            why = "Forbidden: may not be specified for non-apply patch"
            raise _wrong_option("FieldValueForbidden", why, "force")
        revise = self._reviser(intent.type, kind, body)
        if intent.subresource == "scale":
            return await self.rescale(intent, revise)
        try:
            return await self._writes.change(intent, revise)
        except faults.ApiError as error:
            raise _unpatchable(error, body) from error

    async def rescale(self, intent: Intent, revise: Callable[[Object], Object]) -> WriteResult:
        """Change an object by what ``revise`` makes of its Scale; give the new Scale."""
        resource_type = intent.type

        def change(item: Object) -> Object:
            scale = revise(subresources.scale_of(resource_type, item, strict=False))
            return subresources.with_scale(resource_type, item, scale)

        result = await self._writes.change(intent, change)
        return dataclasses.replace(result, object=subresources.scale_of(resource_type, result.object))

    def _reviser(self, resource_type: ResourceType, kind: str, body: bytes) -> Callable[[Object], Object]:
        if kind == JSON_PATCH:
            return lambda item: patching.apply_json_patch(item, body)
        if kind == MERGE_PATCH:
            return lambda item: patching.apply_merge_patch(item, body)
        if kind == STRATEGIC_PATCH and not resource_type.custom:
            schema = self._catalog.schema(resource_type)
            return lambda item: patching.apply_strategic_patch(item, body, schema)
        known = [JSON_PATCH, MERGE_PATCH, APPLY_PATCH]
        raise faults.unsupported_media_type(kind, known)

    async def _apply(self, intent: Intent, body: bytes) -> WriteResult:
        resource_type, options = intent.type, intent.options
        if not options.field_manager:
            why = "Required value: is required for apply patch"
            raise _wrong_option("FieldValueRequired", why, "fieldManager")
        if intent.subresource == "scale":
            raise faults.not_implemented("server-side apply of scale")
        applied = limits.decode_object(body)
        _require_type(resource_type, applied)
        applied = metadata.own(resource_type, applied)
        metadata.place(resource_type, applied, namespace=intent.namespace, name=intent.name)
        pruned = self._catalog.prune(resource_type, applied)
        unknown = [] if pruned is applied else self._catalog.unknown_fields(resource_type, applied)
        if unknown:
            raise patching.untypable(applied, f".{unknown[0]}: field not declared in schema")
        applied = _accepted(resource_type, applied, intent.subresource)
        intent = dataclasses.replace(intent, tracked=True)

        def merge(live: Object | None) -> Object:
            return patching.apply_server_side(
                live,
                applied,
                schema=self._catalog.schema(resource_type),
                manager=options.field_manager,
                force=options.force,
                subresource=intent.subresource,
                api_version=resource_type.api_version,
                now=self._writes.now(),
            )

        if self._writes.store.get(intent.key) is None and not intent.subresource:
            if uid := applied["metadata"].get("uid"):
                why = (
                    f"uid mismatch: the provided object specified uid {uid}, and no existing object was found"
                )
                raise faults.conflict(resource_type.resource, intent.name, why)
            created = merge(None)
            created["metadata"].pop("resourceVersion", None)
            return await self._writes.create(intent, created)
        return await self._writes.change(intent, merge)


def _accepted(resource_type: ResourceType, applied: Object, subresource: str) -> Object:
    """Give what this endpoint takes of an applied object."""
    if subresource in ("status", "approval"):
        kept = ("apiVersion", "kind", "metadata", "status")
        return {field: value for field, value in applied.items() if field in kept}
    if "status" in resource_type.subresources:
        return {field: value for field, value in applied.items() if field != "status"}
    return applied


def _require_type(resource_type: ResourceType, applied: Object) -> None:
    version, kind = applied.get("apiVersion") or "", applied.get("kind") or ""
    if version != resource_type.api_version or kind != resource_type.kind:
        told = version if "/" in str(version) else f"/{version}"
        raise faults.bad_request(f"invalid object type: {told}, Kind={kind}")


_UNDECODABLE = " cannot be handled as a "


def _unpatchable(error: faults.ApiError, body: bytes) -> faults.ApiError:
    """Give the error of a patch whose result cannot be read; any other is given back."""
    if error.code != 400 or _UNDECODABLE not in error.message:
        return error
    why = error.message.partition(_UNDECODABLE)[2].partition(": ")[2]
    shown = msgspec.json.encode(body.decode(errors="replace")).decode()
    cause = faults.Cause("FieldValueInvalid", f"Invalid value: {shown}: {why}", "patch")
    return faults.invalid("", "", "", [cause])


def _wrong_option(reason: str, message: str, field: str) -> faults.ApiError:
    return faults.invalid("PatchOptions", "meta.k8s.io", "", [faults.Cause(reason, message, field)])
