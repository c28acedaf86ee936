"""The documents under ``/api``, ``/apis``, ``/version`` and ``/openapi``, ready to send.

Clients of 1.27 and newer ask for everything at once (aggregated discovery); others walk the older documents.
Types that are not implemented are in none of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Any, NamedTuple

import msgspec

from alcove.embedded.discovery.openapi import OpenApi
from alcove.embedded.discovery.subresources import Subresource, subresources_of
from alcove.embedded.objects import Object, ResourceType
from alcove.embedded.schema import Catalog

JSON = "application/json"
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
"""The content type of aggregated discovery, as clients name it in ``Accept``."""


class Document(NamedTuple):
    """One response."""

    content: bytes
    etag: str
    """The value of the ``ETag`` header, quotes included."""
    content_type: str = JSON


class Discovery:
    """Renders the catalog; each document once per generation."""

    def __init__(self, catalog: Catalog) -> None:
        """Tell about ``catalog``."""
        self._catalog = catalog
        self._openapi = OpenApi(catalog)
        self._generation = -1
        self._documents: dict[tuple[str, ...], Document | None] = {}

    def aggregated(self, root: str) -> Document:
        """Give the APIGroupDiscoveryList of ``api`` (the core group) or ``apis`` (all others)."""
        return self._always(("aggregated", root), lambda: self._aggregated(root))

    def api_versions(self, address: str) -> Document:
        """Give ``/api`` for older clients; ``address`` is ours, as host:port."""
        return self._always(("api", address), lambda: _document(_api_versions(address)))

    def group_list(self) -> Document:
        """Give ``/apis`` for older clients."""
        return self._always(("apis",), lambda: _document(self._group_list()))

    def group(self, name: str) -> Document | None:
        """Give ``/apis/{name}``; None when the group is not served."""
        return self._render(("group", name), lambda: self._group(name))

    def resource_list(self, group: str, version: str) -> Document | None:
        """Give ``/api/v1`` or ``/apis/{group}/{version}``; None when it is not served."""
        return self._render(("resources", group, version), lambda: self._resource_list(group, version))

    def version(self) -> Document:
        """Give ``/version``."""
        return self._always(("version",), lambda: _document(_version(self._catalog.release)))

    def openapi_index(self) -> Document:
        """Give ``/openapi/v3``: where each group version's document is."""
        return self._always(("openapi",), self._openapi_index)

    def openapi(self, path: str) -> Document | None:
        """Give the document of ``api/v1`` or ``apis/{group}/{version}``; None when it is not served."""
        return self._render(("openapi", path), lambda: self._openapi_document(path))

    def _render(self, key: tuple[str, ...], build: Callable[[], Document | None]) -> Document | None:
        if self._generation != self._catalog.generation:
            self._generation = self._catalog.generation
            self._documents.clear()
        if key not in self._documents:
            document = build()
            if document is None:
                return None  # not kept: what clients ask for in vain is without bound
            self._documents[key] = document
        return self._documents[key]

    def _always(self, key: tuple[str, ...], build: Callable[[], Document]) -> Document:
        document = self._render(key, build)
        if document is None:
            raise AssertionError(key)
        return document

    def _served(self) -> list[ResourceType]:
        return [each for each in self._catalog.types() if each.implemented]

    def _aggregated(self, root: str) -> Document:
        core = root == "api"
        types = [each for each in self._served() if (each.group == "") == core]
        body = {
            "kind": "APIGroupDiscoveryList",
            "apiVersion": "apidiscovery.k8s.io/v2",
            "metadata": {},
            "items": [_group_discovery(name, members) for name, members in _by_group(types)],
        }
        return _document(body, AGGREGATED)

    def _group_list(self) -> Object:
        groups = [_legacy_group(name, each) for name, each in _by_group(self._served()) if name]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}

    def _group(self, name: str) -> Document | None:
        members = [each for each in self._served() if each.group == name]
        if not name or not members:
            return None
        return _document({"kind": "APIGroup", "apiVersion": "v1", **_legacy_group(name, members)})

    def _resource_list(self, group: str, version: str) -> Document | None:
        members = [each for each in self._served() if (each.group, each.version) == (group, version)]
        if not members:
            return None
        body = {
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": members[0].api_version,
            "resources": [row for each in members for row in _legacy_resources(each)],
        }
        return _document(body)

    def _openapi_index(self) -> Document:
        paths = {}
        for each in self._served():
            path = f"apis/{each.api_version}" if each.group else f"api/{each.version}"
            if path not in paths:
                digest = self._openapi.digest(each.group, each.version)
                paths[path] = {"serverRelativeURL": f"/openapi/v3/{path}?hash={digest}"}
        return _document({"paths": paths})

    def _openapi_document(self, path: str) -> Document | None:
        parts = path.split("/")
        if len(parts) == 2 and parts[0] == "api":
            group, version = "", parts[1]
        elif len(parts) == 3 and parts[0] == "apis":
            _, group, version = parts
        else:
            return None
        members = [each for each in self._served() if (each.group, each.version) == (group, version)]
        if not members:
            return None
        return Document(self._openapi.document(members), f'"{self._openapi.digest(group, version)}"')


def _document(body: Object, content_type: str = JSON) -> Document:
    content = msgspec.json.encode(body)
    digest = hashlib.sha256(content).hexdigest().upper()
    return Document(content, f'"{digest}"', content_type)


def _by_group(types: Iterable[ResourceType]) -> list[tuple[str, list[ResourceType]]]:
    return [(name, list(members)) for name, members in groupby(types, lambda each: each.group)]


def _by_version(types: Iterable[ResourceType]) -> list[tuple[str, list[ResourceType]]]:
    return [(name, list(members)) for name, members in groupby(types, lambda each: each.version)]


# ------------------------------------------------------------------------------------------ aggregated


def _group_discovery(name: str, members: list[ResourceType]) -> Object:
    return {
        "metadata": {"name": name, "creationTimestamp": None} if name else {"creationTimestamp": None},
        "versions": [
            {
                "version": version,
                "resources": [_resource_discovery(each) for each in types],
                "freshness": "Current",
            }
            for version, types in _by_version(members)
        ],
    }


def _resource_discovery(resource_type: ResourceType) -> Object:
    row: Object = {
        "resource": resource_type.plural,
        "responseKind": _kind(resource_type),
        "scope": "Namespaced" if resource_type.namespaced else "Cluster",
        "singularResource": resource_type.singular,
        "verbs": resource_type.verbs,
    }
    if resource_type.short_names:
        row["shortNames"] = resource_type.short_names
    if resource_type.categories:
        row["categories"] = resource_type.categories
    below = subresources_of(resource_type)
    if below:
        row["subresources"] = [
            {"subresource": each.name, "responseKind": _kind(each), "verbs": each.verbs} for each in below
        ]
    return row


def _kind(owner: ResourceType | Subresource) -> dict[str, str]:
    return {"group": owner.group, "version": owner.version, "kind": owner.kind}


# --------------------------------------------------------------------------------------- older clients


def _api_versions(address: str) -> Object:
    return {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    }


def _legacy_group(name: str, members: list[ResourceType]) -> Object:
    versions = [
        {"groupVersion": f"{name}/{version}", "version": version} for version, _ in _by_version(members)
    ]
    return {"name": name, "versions": versions, "preferredVersion": versions[0]}


def _legacy_resources(resource_type: ResourceType) -> list[Any]:
    row: Object = {
        "name": resource_type.plural,
        "singularName": resource_type.singular,
        "namespaced": resource_type.namespaced,
        "kind": resource_type.kind,
        "verbs": resource_type.verbs,
    }
    if resource_type.short_names:
        row["shortNames"] = resource_type.short_names
    if resource_type.categories:
        row["categories"] = resource_type.categories
    rows = [row]
    for each in subresources_of(resource_type):
        below: Object = {
            "name": f"{resource_type.plural}/{each.name}",
            "singularName": "",
            "namespaced": resource_type.namespaced,
            "kind": each.kind,
            "verbs": each.verbs,
        }
        if (each.group, each.version) != (resource_type.group, resource_type.version):
            below["group"], below["version"] = each.group, each.version
        rows.append(below)
    return rows


def _version(release: str) -> Object:
    major, minor, _ = release.removeprefix("v").split(".", 2)
    return {
        "major": major,
        "minor": minor,
        "gitVersion": f"{release}+alcove",
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "",
        "platform": "linux/amd64",
    }
