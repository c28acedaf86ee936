from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from alcove.embedded.discovery import Discovery
from alcove.embedded.objects import Object
from alcove.embedded.schema import Catalog

SCHEMAS = "#/components/schemas/"


def crd(kind: str = "string") -> Object:
    properties = {
        "spec": {"type": "object", "properties": {"mast": {"type": kind, "description": "how tall"}}}
    }
    return {
        "metadata": {"name": "boats.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Cluster",
            "names": {"plural": "boats", "kind": "Boat"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "schema": {"openAPIV3Schema": {"type": "object", "properties": properties}},
                }
            ],
        },
    }


@pytest.fixture
def discovery(catalog: Catalog) -> Discovery:
    catalog.install_crd(crd())
    return Discovery(catalog)


def document(discovery: Discovery, path: str) -> Any:
    found = discovery.openapi(path)
    assert found is not None
    return json.loads(found.content)


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, each in value.items():
            if key == "$ref" and isinstance(each, str):
                yield each.removeprefix(SCHEMAS)
            else:
                yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def test_every_document_holds_all_that_it_refers_to(discovery: Discovery) -> None:
    for path in json.loads(discovery.openapi_index().content)["paths"]:
        found = document(discovery, path)
        assert set(references(found)) <= found["components"]["schemas"].keys(), path


@pytest.mark.parametrize(
    ("path", "collection", "kind"),
    [
        ("api/v1", "/api/v1/namespaces/{namespace}/pods", {"group": "", "version": "v1", "kind": "Pod"}),
        (
            "apis/apps/v1",
            "/apis/apps/v1/namespaces/{namespace}/deployments",
            {"group": "apps", "version": "v1", "kind": "Deployment"},
        ),
        (
            "apis/example.com/v1",
            "/apis/example.com/v1/boats",
            {"group": "example.com", "version": "v1", "kind": "Boat"},
        ),
    ],
)
def test_explain_finds_the_kind_by_its_path_and_the_schema_by_its_kind(
    discovery: Discovery, path: str, collection: str, kind: Object
) -> None:
    found = document(discovery, path)
    assert found["paths"][collection]["get"]["x-kubernetes-group-version-kind"] == kind
    schemas = found["components"]["schemas"].values()
    assert [each for each in schemas if kind in each.get("x-kubernetes-group-version-kind", ())] != []


def test_kubectl_sees_that_the_server_validates_fields(discovery: Discovery) -> None:
    patch = document(discovery, "apis/apps/v1")["paths"][
        "/apis/apps/v1/namespaces/{namespace}/deployments/{name}"
    ]["patch"]
    assert {"name": "fieldValidation", "in": "query", "schema": {"type": "string"}} in patch["parameters"]
    assert "application/strategic-merge-patch+json" in patch["requestBody"]["content"]


def test_custom_resources_do_not_offer_strategic_merge(discovery: Discovery) -> None:
    patch = document(discovery, "apis/example.com/v1")["paths"]["/apis/example.com/v1/boats/{name}"]["patch"]
    assert "application/strategic-merge-patch+json" not in patch["requestBody"]["content"]
    assert "application/apply-patch+yaml" in patch["requestBody"]["content"]


def test_fields_are_described_and_keep_their_merge_keys(discovery: Discovery) -> None:
    schemas = document(discovery, "api/v1")["components"]["schemas"]
    containers = schemas["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"]
    assert containers["x-kubernetes-patch-merge-key"] == "name"
    assert "List of containers" in containers["description"]
    custom = document(discovery, "apis/example.com/v1")["components"]["schemas"]["com.example.v1.Boat"]
    assert custom["properties"]["spec"]["properties"]["mast"]["description"] == "how tall"


def test_unions_are_told_as_openapi_does(discovery: Discovery) -> None:
    schemas = document(discovery, "api/v1")["components"]["schemas"]
    quantity = schemas["io.k8s.apimachinery.pkg.api.resource.Quantity"]
    assert quantity["oneOf"] == [{"type": "string"}, {"type": "number"}]


def test_the_index_changes_when_a_schema_does(catalog: Catalog, discovery: Discovery) -> None:
    def url() -> str:
        paths = json.loads(discovery.openapi_index().content)["paths"]
        return str(paths["apis/example.com/v1"]["serverRelativeURL"])

    before = url()
    catalog.install_crd(crd("integer"))
    assert url() != before


@pytest.mark.parametrize("path", ["", "api", "apis/apps", "apis/apps/v1/deployments", "api/v2", "version"])
def test_other_paths_have_no_document(discovery: Discovery, path: str) -> None:
    assert discovery.openapi(path) is None
