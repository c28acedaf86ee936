from __future__ import annotations

import pytest
from tests.unit.embedded.schema.samples import pod_with

from alcove.embedded.faults import ApiError
from alcove.embedded.objects import Object
from alcove.embedded.schema import Catalog


def stored(catalog: Catalog, plural: str, item: Object) -> Object:
    found = catalog.find("", "v1", plural)
    assert found is not None
    return catalog.default(found, item)


def test_amounts_are_written_as_a_server_writes_them(builtin: Catalog) -> None:
    resources = {"limits": {"cpu": "1000m", "memory": "1024Mi"}, "requests": {"cpu": 0.5}}
    item = stored(builtin, "pods", pod_with(resources=resources))
    assert item["spec"]["containers"][0]["resources"] == {
        "limits": {"cpu": "1", "memory": "1Gi"},
        "requests": {"cpu": "500m", "memory": "1Gi"},
    }


def test_what_is_written_so_already_is_the_same_object(builtin: Catalog) -> None:
    item = {"apiVersion": "v1", "kind": "Secret", "type": "x", "data": {"a": "MQ=="}}
    assert stored(builtin, "secrets", item) is item


def test_line_breaks_in_base64_are_dropped(builtin: Catalog) -> None:
    assert stored(builtin, "secrets", {"data": {"a": "MQ=\n="}})["data"] == {"a": "MQ=="}


@pytest.mark.parametrize(
    ("plural", "item"),
    [
        ("secrets", {"data": {"a": "%"}}),
        ("configmaps", {"binaryData": {"a": "YQ"}}),
        ("persistentvolumes", {"spec": {"capacity": {"storage": "many"}}}),
    ],
)
def test_what_cannot_be_read_is_400(builtin: Catalog, plural: str, item: Object) -> None:
    with pytest.raises(ApiError) as raised:
        stored(builtin, plural, item)
    assert raised.value.code == 400
    assert "cannot be handled as a" in raised.value.message
