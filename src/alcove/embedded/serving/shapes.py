"""Stored objects in the form that a client asked for: as they are, as rows of a table, or their metadata.

Objects as they are leave as the bytes that were encoded once when they were stored; only custom resources
read in another version than the stored one are encoded again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from alcove.embedded.discovery import partial_metadata, render_table
from alcove.embedded.objects import Object, ResourceType, StoredObject, metadata
from alcove.embedded.ports import ListResult
from alcove.embedded.serving.accept import Shape
from alcove.embedded.serving.responses import encode, render_list


class Shaper:
    """Renders the objects of one answer."""

    def __init__(
        self, resource_type: ResourceType, shape: Shape, clock: Callable[[], float], *, include: str = ""
    ) -> None:
        """Render objects of ``resource_type`` in ``shape``; ``include`` is a table's ``includeObject``."""
        self._type = resource_type
        self._shape = shape
        self._clock = clock
        self._include = include or "Metadata"
        stored = resource_type.storage_version
        self._converts = bool(stored) and stored != resource_type.version

    def render_one(self, item: Object) -> bytes:
        """Give an object."""
        if self._shape == "table":
            revision = metadata(item).get("resourceVersion", "")
            return encode(self._table([item], {"resourceVersion": revision}))
        if self._shape == "metadata":
            return encode(partial_metadata(item))
        return encode(self._converted(item))

    def render_stored(self, stored: StoredObject) -> bytes:
        """Give a stored object, without encoding it again where that can be."""
        if self._shape == "object" and not self._converts:
            return stored.encoded
        return self.render_one(stored.object)

    def render_page(self, page: ListResult) -> bytes:
        """Give one page of a list."""
        meta: Object = {"resourceVersion": str(page.revision)}
        if page.continue_token:
            meta["continue"] = page.continue_token
            if page.remaining:
                meta["remainingItemCount"] = page.remaining
        if self._shape == "table":
            return encode(self._table([one.object for one in page.items], meta))
        if self._shape == "metadata":
            about = {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": meta}
            return encode(about | {"items": [partial_metadata(one.object) for one in page.items]})
        return render_list(self._type, meta, [self.render_stored(one) for one in page.items])

    def render_bookmark(self, meta: Object) -> bytes:
        """Give the object of a BOOKMARK, which has only a revision and annotations."""
        if self._shape == "table":
            return encode(self._table([], {"resourceVersion": meta["resourceVersion"]}))
        if self._shape == "metadata":
            return encode(partial_metadata({"metadata": meta}))
        return encode({"kind": self._type.kind, "apiVersion": self._type.api_version, "metadata": meta})

    def _table(self, items: Sequence[Object], meta: Object) -> Object:
        converted = [self._converted(item) for item in items]
        return render_table(
            self._type, converted, now=self._clock(), include=self._include, list_metadata=meta
        )

    def _converted(self, item: Object) -> Object:
        expected = self._type.api_version
        if self._converts and item.get("apiVersion") != expected:
            return item | {"apiVersion": expected}
        return item
