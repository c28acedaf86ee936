from __future__ import annotations

from typing import Any

import msgspec
from tests.unit.embedded.serving.fakes import FakeCatalog, FakeRegistry

from alcove.embedded.objects import ResourceType
from alcove.embedded.ports import ListResult
from alcove.embedded.serving.accept import Shape
from alcove.embedded.serving.shapes import Shaper

ITEM = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "a"}, "spec": {"x": 1}}


def widget(version: str) -> ResourceType:
    found = FakeCatalog().find("example.com", version, "widgets")
    assert found is not None
    return found


def shaper(version: str = "v1", shape: Shape = "object", include: str = "") -> Shaper:
    return Shaper(widget(version), shape, lambda: 0.0, include=include)


def read(content: bytes) -> Any:
    return msgspec.json.decode(content)


STORED = FakeRegistry().put(widget("v1"), "n", ITEM)


def test_an_object_leaves_as_it_was_stored() -> None:
    assert shaper().render_stored(STORED) is STORED.encoded


def test_another_version_is_told_as_that_version() -> None:
    assert read(shaper("v2").render_stored(STORED))["apiVersion"] == "example.com/v2"
    page = read(shaper("v2").render_page(ListResult([STORED], 9)))
    assert {page["apiVersion"], page["items"][0]["apiVersion"]} == {"example.com/v2"}


def test_a_page_tells_how_to_go_on() -> None:
    page = read(shaper().render_page(ListResult([STORED], 9, "next", 3)))
    assert page["metadata"] == {"resourceVersion": "9", "continue": "next", "remainingItemCount": 3}


def test_a_table_has_a_row_for_each_object() -> None:
    table = read(shaper(shape="table").render_page(ListResult([STORED], 9)))
    assert (table["kind"], len(table["rows"]), table["metadata"]["resourceVersion"]) == ("Table", 1, "9")
    assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    whole = read(shaper(shape="table", include="Object").render_one(STORED.object))
    assert whole["rows"][0]["object"]["spec"] == {"x": 1}


def test_metadata_only_has_nothing_else() -> None:
    page = read(shaper(shape="metadata").render_page(ListResult([STORED], 9)))
    assert page["kind"] == "PartialObjectMetadataList"
    assert set(page["items"][0]) == {"kind", "apiVersion", "metadata"}


def test_a_bookmark_has_the_kind_that_the_watch_has() -> None:
    meta = {"resourceVersion": "9"}
    shapes: tuple[Shape, ...] = ("object", "table", "metadata")
    kinds = [read(shaper(shape=shape).render_bookmark(meta))["kind"] for shape in shapes]
    assert kinds == ["Widget", "Table", "PartialObjectMetadata"]
