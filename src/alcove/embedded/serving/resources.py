"""The verbs on resources: a request becomes one call of the registry, its outcome an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from aiohttp import web

from alcove.embedded import faults
from alcove.embedded.objects import Object, ResourceType, metadata
from alcove.embedded.ports import Catalog, DeleteOptions, Registry, UserInfo, WriteOptions, WriteResult
from alcove.embedded.serving import accept, bodies, options
from alcove.embedded.serving.paths import RequestInfo
from alcove.embedded.serving.responses import give_bytes, give_object
from alcove.embedded.serving.shapes import Shaper
from alcove.embedded.serving.streams import OpenStreams
from alcove.embedded.serving.watches import WatchServer

_OPTION_KINDS = {"create": "CreateOptions", "update": "UpdateOptions", "patch": "PatchOptions"}
_GIVEN_WHEN_DELETED = frozenset(
    {
        "persistentvolumeclaims",
        "persistentvolumes",
        "pods",
        "podtemplates",
        "resourcequotas",
        "serviceaccounts",
        "services",
    }
)
"""Whose last state is the answer to their deletion; all others answer a ``Status``."""
_FOREIGN_KINDS = frozenset({"scale", "eviction", "binding", "token"})
"""Subresources whose body is of another kind than their resource."""


_SUCCESS: Object = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}


class Reviews(Protocol):
    """Answers questions that are asked by a create and store nothing (room: identity)."""

    def __contains__(self, plural: str, /) -> bool:
        """Tell whether a resource is a review."""

    def answer(self, plural: str, body: Object, *, user: UserInfo, namespace: str = "") -> Object:
        """Give the review with its ``status``."""


class Asked:
    """One request on a resource, with what is known of it after authorization."""

    __slots__ = ("info", "request", "type", "user")

    def __init__(
        self, request: web.BaseRequest, info: RequestInfo, resource_type: ResourceType, user: UserInfo
    ) -> None:
        """Keep them together."""
        self.request = request
        self.info = info
        self.type = resource_type
        self.user = user

    @property
    def namespace(self) -> str:
        """The namespace as the registry expects it: empty for cluster-scoped types."""
        return self.info.namespace if self.type.namespaced else ""

    @property
    def scope(self) -> str | None:
        """The namespace of a list, None for all."""
        return self.namespace or None

    def write_options(self) -> WriteOptions:
        """Read the options of a write."""
        agent = self.request.headers.get("User-Agent", "")
        kind = _OPTION_KINDS.get(self.info.verb, "DeleteOptions")
        return options.parse_write(self.request.query, self.user, agent, kind=kind)

    async def read_object(self) -> Object:
        """Read the body as an object of the type, with its kind filled in where it is missing."""
        body = await bodies.read_body(self.request)
        item = bodies.parse_object(body, self.request.headers.get("Content-Type", ""))
        return check_object(item, self.type, self.info.subresource)


class Resources:
    """Answers requests on resources, apart from those on streams (logs, exec, ports)."""

    def __init__(
        self,
        registry: Registry,
        catalog: Catalog,
        reviews: Reviews,
        streams: OpenStreams,
        *,
        clock: Callable[[], float],
    ) -> None:
        """Answer from ``registry``; ``clock`` gives Unix seconds, for ages in tables."""
        self._registry = registry
        self._catalog = catalog
        self._clock = clock
        self._reviews = reviews
        self._watches = WatchServer(registry, streams)
        self._verbs = {
            "get": self._get,
            "list": self._list,
            "watch": self._watch,
            "create": self._create,
            "update": self._update,
            "patch": self._patch,
            "delete": self._delete,
            "deletecollection": self._delete_collection,
        }

    def find(self, info: RequestInfo) -> ResourceType:
        """Give the type that a path names, when the verb can be asked of it.

        Raises:
            ApiError: 404 for what is not there, 405 for a verb it does not know, 501 for what Kubernetes
                has and we do not.
        """
        found = self._catalog.find(info.group, info.version, info.resource)
        if found is None:
            raise unknown_path()
        if not found.implemented:
            raise faults.not_implemented(found.resource)
        if found.namespaced != bool(info.namespace) and info.resource != "namespaces":
            _check_scope(found, info)
        if not info.subresource and info.verb not in found.verbs:
            raise faults.method_not_allowed()
        return found

    async def answer(self, asked: Asked) -> web.StreamResponse:
        """Do what is asked.

        Raises:
            ApiError: as the registry does; 405 for verbs that the subresource does not know.
        """
        info = asked.info
        if info.subresource:
            _check_subresource(asked.type, info)
        if info.verb == "create" and info.resource in self._reviews and not info.subresource:
            return await self._review(asked)
        verb = self._verbs.get(info.verb)
        if verb is None or (info.verb in ("update", "patch") and not info.name):
            raise faults.method_not_allowed()
        return await verb(asked)

    def _shaper(self, asked: Asked) -> Shaper:
        headers, query = asked.request.headers, asked.request.query
        shape = accept.choose_shape(headers.get("Accept", ""))
        return Shaper(asked.type, shape, self._clock, include=query.get("includeObject", ""))

    async def _get(self, asked: Asked) -> web.StreamResponse:
        info = asked.info
        shaper = self._shaper(asked)
        item = self._registry.get(asked.type, asked.namespace, info.name, subresource=info.subresource)
        return give_bytes(shaper.render_one(item))

    async def _list(self, asked: Asked) -> web.StreamResponse:
        shaper = self._shaper(asked)
        page = self._registry.list(asked.type, asked.scope, options.parse_list(asked.request.query))
        return give_bytes(shaper.render_page(page))

    async def _watch(self, asked: Asked) -> web.StreamResponse:
        shaper = self._shaper(asked)
        wanted = options.parse_watch(asked.request.query, name=asked.info.name)
        return await self._watches.serve(asked.request, asked.type, asked.scope, wanted, shaper)

    async def _create(self, asked: Asked) -> web.StreamResponse:
        info = asked.info
        if not info.subresource and info.name:
            raise faults.method_not_allowed()
        shaper = self._shaper(asked)
        item = await asked.read_object()
        if (info.resource, info.subresource) == ("pods", "eviction"):
            return await self._evict(asked, item)
        written = await self._registry.create(
            asked.type,
            asked.namespace,
            item,
            asked.write_options(),
            name=info.name,
            subresource=info.subresource,
        )
        return _give_written(shaper, written, status=201)

    async def _evict(self, asked: Asked, eviction: Object) -> web.StreamResponse:
        """Delete a pod as one that is asked to go; nothing here acts on disruption budgets."""
        name = metadata(eviction).get("name") or asked.info.name
        if name != asked.info.name:
            raise faults.bad_request("name in URL does not match name in Eviction object")
        how = eviction.get("deleteOptions") or {}
        if not isinstance(how, dict):
            raise faults.bad_request("Eviction.deleteOptions: expected an object")
        delete, dry_run = options.parse_delete(asked.request.query, how)
        write = _with_dry_run(asked.write_options(), dry_run)
        done = await self._registry.delete(asked.type, asked.namespace, name, delete, write)
        return give_object(_SUCCESS | {"code": 201}, status=201, warnings=done.warnings)

    async def _update(self, asked: Asked) -> web.StreamResponse:
        info = asked.info
        shaper = self._shaper(asked)
        item = await asked.read_object()
        written = await self._registry.update(
            asked.type,
            asked.namespace,
            info.name,
            item,
            asked.write_options(),
            subresource=info.subresource,
        )
        return _give_written(shaper, written, status=201 if written.created else 200)

    async def _patch(self, asked: Asked) -> web.StreamResponse:
        info, headers = asked.info, asked.request.headers
        shaper = self._shaper(asked)
        kind, patch = bodies.parse_patch(
            await bodies.read_body(asked.request), headers.get("Content-Type", "")
        )
        if kind == bodies.APPLY_PATCH and not asked.request.query.get("fieldManager"):
            why = "Required value: is required for apply patch"
            cause = faults.Cause("FieldValueRequired", why, "fieldManager")
            raise faults.invalid("PatchOptions", "meta.k8s.io", "", [cause])
        written = await self._registry.patch(
            asked.type,
            asked.namespace,
            info.name,
            kind,
            patch,
            asked.write_options(),
            subresource=info.subresource,
        )
        return _give_written(shaper, written, status=201 if written.created else 200)

    async def _delete(self, asked: Asked) -> web.StreamResponse:
        shaper = self._shaper(asked)
        delete, dry_run = await _read_delete(asked)
        write = _with_dry_run(asked.write_options(), dry_run)
        done = await self._registry.delete(asked.type, asked.namespace, asked.info.name, delete, write)
        if not done.deleted or asked.type.resource in _GIVEN_WHEN_DELETED:
            return _give_written(shaper, done, status=200)
        return give_object(_success(asked.type, done.object), warnings=done.warnings)

    async def _delete_collection(self, asked: Asked) -> web.StreamResponse:
        shaper = self._shaper(asked)
        delete, dry_run = await _read_delete(asked)
        write = _with_dry_run(asked.write_options(), dry_run)
        selection = options.parse_list(asked.request.query)
        page = await self._registry.delete_collection(asked.type, asked.namespace, selection, delete, write)
        return give_bytes(shaper.render_page(page))

    async def _review(self, asked: Asked) -> web.StreamResponse:
        body = await asked.read_object()
        _check_review(self._catalog, asked.type, body)
        answer = self._reviews.answer(asked.info.resource, body, user=asked.user, namespace=asked.namespace)
        return give_object(answer, status=201)


def _check_review(catalog: Catalog, resource_type: ResourceType, body: Object) -> None:
    """Check the types of what is asked; a review has no name, since it is not stored."""
    causes = catalog.validate(resource_type, body, None)
    wrong = [cause for cause in causes if not cause.field.startswith("metadata")]
    if wrong:
        raise faults.invalid(resource_type.kind, resource_type.group, "", wrong)


def unknown_path() -> faults.ApiError:
    """404: no such path or resource."""
    return faults.ApiError(404, "NotFound", "the server could not find the requested resource")


def check_object(item: Object, resource_type: ResourceType, subresource: str = "") -> Object:
    """Give the object with ``apiVersion`` and ``kind``, which must be those of the path when they are there.

    Raises:
        ApiError: 400.
    """
    if not isinstance(item.get("metadata", {}), dict):
        raise faults.bad_request("metadata is not an object")
    if subresource in _FOREIGN_KINDS:
        return item
    expected = {"apiVersion": resource_type.api_version, "kind": resource_type.kind}
    for name, told in (("apiVersion", "API version"), ("kind", "kind")):
        given = item.get(name) or expected[name]
        if given != expected[name]:
            raise faults.bad_request(
                f"the {told} in the data ({given!s:.200}) does not match"
                f" the expected {told} ({expected[name]})"
            )
    return item if item.get("kind") and item.get("apiVersion") else expected | item | expected


def _check_scope(found: ResourceType, info: RequestInfo) -> None:
    if info.namespace or info.name:
        raise unknown_path()
    if info.verb not in ("list", "watch"):
        raise faults.method_not_allowed()


def _check_subresource(found: ResourceType, info: RequestInfo) -> None:
    if info.subresource not in found.subresources or info.rest:
        raise unknown_path()
    if info.verb in ("delete", "deletecollection", "list", "watch"):
        raise faults.method_not_allowed()


def _give_written(shaper: Shaper, written: WriteResult, *, status: int) -> web.Response:
    return give_bytes(shaper.render_one(written.object), status=status, warnings=written.warnings)


async def _read_delete(asked: Asked) -> tuple[DeleteOptions, bool]:
    content = await bodies.read_body(asked.request)
    content_type = asked.request.headers.get("Content-Type", "")
    body: Mapping[str, object] = bodies.parse_object(content, content_type) if content else {}
    return options.parse_delete(asked.request.query, dict(body))


def _with_dry_run(write: WriteOptions, dry_run: bool) -> WriteOptions:
    if dry_run == write.dry_run:
        return write
    return WriteOptions(write.user, dry_run, write.field_manager, write.field_validation, write.force)


def _success(resource_type: ResourceType, item: Object) -> Object:
    meta = metadata(item)
    details: Object = {"name": meta.get("name", ""), "kind": resource_type.plural, "uid": meta.get("uid", "")}
    if resource_type.group:
        details["group"] = resource_type.group
    return _SUCCESS | {"details": details}
