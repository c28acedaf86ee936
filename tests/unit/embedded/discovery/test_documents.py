from __future__ import annotations

import json
from typing import Any

import pytest

from alcove.embedded.discovery import AGGREGATED, Discovery, Document
from alcove.embedded.objects import Object
from alcove.embedded.schema import Catalog

CRD: Object = {
    "metadata": {"name": "boats.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "boats", "kind": "Boat", "shortNames": ["bt"], "categories": ["all"]},
        "versions": [
            {"name": name, "served": True, "subresources": {"status": {}}} for name in ("v1beta1", "v1")
        ],
    },
}


def body(document: Document | None) -> Any:
    assert document is not None
    return json.loads(document.content)


@pytest.fixture
def discovery(catalog: Catalog) -> Discovery:
    catalog.install_crd(CRD)
    return Discovery(catalog)


def aggregated(discovery: Discovery, root: str, resource: str) -> Any:
    items = body(discovery.aggregated(root))["items"]
    rows = [row for item in items for version in item["versions"] for row in version["resources"]]
    return next(row for row in rows if row["resource"] == resource)


def test_aggregated_discovery_tells_all_of_a_type(discovery: Discovery) -> None:
    row = aggregated(discovery, "apis", "deployments")
    assert row["responseKind"] == {"group": "apps", "version": "v1", "kind": "Deployment"}
    assert (row["scope"], row["singularResource"]) == ("Namespaced", "deployment")
    assert (row["shortNames"], row["categories"]) == (["deploy"], ["all"])
    scale, status = row["subresources"]
    assert scale["responseKind"] == {"group": "autoscaling", "version": "v1", "kind": "Scale"}
    assert (status["subresource"], status["verbs"]) == ("status", ["get", "patch", "update"])


def test_aggregated_discovery_names_its_content_type(discovery: Discovery) -> None:
    assert discovery.aggregated("api").content_type == AGGREGATED


def test_the_core_group_has_a_root_of_its_own(discovery: Discovery) -> None:
    assert [item["metadata"].get("name") for item in body(discovery.aggregated("api"))["items"]] == [None]
    names = [item["metadata"]["name"] for item in body(discovery.aggregated("apis"))["items"]]
    assert "apps" in names
    assert names[-1] == "example.com"


def test_what_is_not_implemented_is_not_offered(discovery: Discovery) -> None:
    listed = body(discovery.resource_list("apps", "v1"))["resources"]
    assert not any(row["name"].startswith("daemonsets") for row in listed)
    pods = aggregated(discovery, "api", "pods")
    offered = {row["subresource"]: row["responseKind"]["kind"] for row in pods["subresources"]}
    assert "attach" not in offered
    assert offered["eviction"] == "Eviction"


def test_older_clients_walk_groups_and_versions(discovery: Discovery) -> None:
    groups = {group["name"]: group for group in body(discovery.group_list())["groups"]}
    assert [each["version"] for each in groups["example.com"]["versions"]] == ["v1", "v1beta1"]
    assert groups["example.com"]["preferredVersion"]["groupVersion"] == "example.com/v1"
    assert body(discovery.group("example.com"))["kind"] == "APIGroup"
    assert body(discovery.api_versions("10.0.0.1:443"))["versions"] == ["v1"]


def test_older_clients_see_subresources_as_rows(discovery: Discovery) -> None:
    rows = {row["name"]: row for row in body(discovery.resource_list("", "v1"))["resources"]}
    token = rows["serviceaccounts/token"]
    assert (token["group"], token["version"], token["kind"]) == (
        "authentication.k8s.io",
        "v1",
        "TokenRequest",
    )
    assert rows["pods/log"]["verbs"] == ["get"]


@pytest.mark.parametrize(("group", "version"), [("nothing", "v1"), ("apps", "v7"), ("", "v2")])
def test_what_is_not_served_has_no_document(discovery: Discovery, group: str, version: str) -> None:
    assert discovery.resource_list(group, version) is None
    assert discovery.openapi(f"apis/{group}/{version}") is None


def test_the_empty_group_has_no_group_document(discovery: Discovery) -> None:
    assert discovery.group("") is None


def test_documents_are_kept_until_the_types_change(catalog: Catalog, discovery: Discovery) -> None:
    first = discovery.aggregated("apis")
    assert discovery.aggregated("apis") is first
    catalog.remove_crd("boats.example.com")
    assert discovery.aggregated("apis").etag != first.etag


def test_the_version_is_that_of_the_schema(discovery: Discovery, catalog: Catalog) -> None:
    told = body(discovery.version())
    assert f"v{told['major']}.{told['minor']}.0" == catalog.release
    assert told["gitVersion"].startswith(catalog.release)
