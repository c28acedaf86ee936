"""Fakes behind the server's ports, and a client that speaks to it over a socket."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Any

import aiohttp
import msgspec

from alcove.embedded import faults
from alcove.embedded.discovery import AGGREGATED, Document
from alcove.embedded.faults import Cause
from alcove.embedded.objects import (
    GroupResource,
    Object,
    ObjectKey,
    ResourceType,
    StoredObject,
)
from alcove.embedded.ports import (
    Attributes,
    DeleteOptions,
    ExecRequest,
    ExitStatus,
    ListOptions,
    ListResult,
    LogQuery,
    RawEvent,
    SchemaNode,
    UserInfo,
    Verdict,
    WatchOptions,
    WriteOptions,
    WriteResult,
)
from alcove.embedded.serving import ApiServer
from alcove.embedded.serving.server import Backends

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


def make_type(kind: str, plural: str, *, group: str = "", version: str = "v1", **more: Any) -> ResourceType:
    return ResourceType(
        group=group,
        version=version,
        kind=kind,
        plural=plural,
        singular=kind.lower(),
        namespaced=more.pop("namespaced", True),
        verbs=more.pop("verbs", ALL_VERBS),
        **more,
    )


POD_SUBRESOURCES = ("attach", "eviction", "exec", "log", "portforward", "proxy", "status")
TYPES = (
    make_type("ConfigMap", "configmaps"),
    make_type("Pod", "pods", subresources=POD_SUBRESOURCES),
    make_type("Namespace", "namespaces", namespaced=False, subresources=("status", "finalize")),
    make_type("ServiceAccount", "serviceaccounts", subresources=("token",)),
    make_type("Deployment", "deployments", group="apps", subresources=("status", "scale")),
    make_type("Lease", "leases", group="coordination.k8s.io", implemented=False),
    make_type("Widget", "widgets", group="example.com", version="v1", custom=True, storage_version="v1"),
    make_type("Widget", "widgets", group="example.com", version="v2", custom=True, storage_version="v1"),
    make_type(
        "SelfSubjectReview",
        "selfsubjectreviews",
        group="authentication.k8s.io",
        namespaced=False,
        verbs=("create",),
    ),
)


class FakeCatalog:
    """The types above, with schemas that accept everything."""

    def types(self) -> Sequence[ResourceType]:
        return TYPES

    def find(self, group: str, version: str, plural: str) -> ResourceType | None:
        wanted = (group, version, plural)
        return next((one for one in TYPES if (one.group, one.version, one.plural) == wanted), None)

    def preferred(self, resource: GroupResource) -> ResourceType | None:
        return next((one for one in TYPES if one.resource == resource), None)

    def for_kind(self, group: str, version: str, kind: str) -> ResourceType | None:
        return next(
            (one for one in TYPES if (one.group, one.version, one.kind) == (group, version, kind)), None
        )

    def schema(self, resource_type: ResourceType) -> SchemaNode:
        raise NotImplementedError

    def unknown_fields(self, resource_type: ResourceType, item: Object) -> list[str]:
        return []

    def prune(self, resource_type: ResourceType, item: Object) -> Object:
        return item

    def default(self, resource_type: ResourceType, item: Object) -> Object:
        return item

    def validate(self, resource_type: ResourceType, item: Object, old: Object | None) -> list[Cause]:
        return []


class FakeRegistry:
    """Objects in a dict; every write is remembered with its options in ``calls``."""

    def __init__(self) -> None:
        self.stored: dict[ObjectKey, StoredObject] = {}
        self.revision = 0
        self.calls: list[tuple[str, Any]] = []
        self.warnings: tuple[str, ...] = ()
        self.events: asyncio.Queue[RawEvent | Exception] = asyncio.Queue(1000)
        self.watching = asyncio.Event()
        self.watch_ended = asyncio.Event()

    def put(self, resource_type: ResourceType, namespace: str, item: Object) -> StoredObject:
        self.revision += 1
        meta = {**(item.get("metadata") or {}), "resourceVersion": str(self.revision)}
        meta |= {"namespace": namespace} if namespace else {}
        stored_item = {**item, "metadata": meta}
        key = ObjectKey(resource_type.resource, namespace, meta.get("name", ""))
        stored = StoredObject(key, stored_item, self.revision, msgspec.json.encode(stored_item))
        self.stored[key] = stored
        return stored

    def get(self, resource_type: ResourceType, namespace: str, name: str, *, subresource: str = "") -> Object:
        try:
            return self.stored[ObjectKey(resource_type.resource, namespace, name)].object
        except KeyError:
            raise faults.not_found(resource_type.resource, name) from None

    def list(self, resource_type: ResourceType, namespace: str | None, options: ListOptions) -> ListResult:
        self.calls.append(("list", options))
        found = [
            one
            for key, one in self.stored.items()
            if key.resource == resource_type.resource and namespace in (None, key.namespace)
        ]
        return ListResult(found, self.revision, "more" if options.limit else "", options.limit)

    async def watch(
        self, resource_type: ResourceType, namespace: str | None, options: WatchOptions
    ) -> AsyncIterator[RawEvent]:
        self.calls.append(("watch", options))
        self.watching.set()
        try:
            while True:
                event = await self.events.get()
                if isinstance(event, Exception):
                    raise event
                yield event
        finally:
            self.watch_ended.set()

    async def create(
        self,
        resource_type: ResourceType,
        namespace: str,
        item: Object,
        options: WriteOptions,
        *,
        name: str = "",
        subresource: str = "",
    ) -> WriteResult:
        self.calls.append(("create", options))
        stored = self.put(resource_type, namespace, item)
        return WriteResult(stored.object, created=True, warnings=self.warnings)

    async def update(
        self,
        resource_type: ResourceType,
        namespace: str,
        name: str,
        item: Object,
        options: WriteOptions,
        *,
        subresource: str = "",
    ) -> WriteResult:
        self.calls.append((f"update {subresource}", options))
        return WriteResult(self.put(resource_type, namespace, item).object)

    async def patch(
        self,
        resource_type: ResourceType,
        namespace: str,
        name: str,
        content_type: str,
        body: bytes,
        options: WriteOptions,
        *,
        subresource: str = "",
    ) -> WriteResult:
        self.calls.append((f"patch {content_type} {body.decode()}", options))
        return WriteResult(self.get(resource_type, namespace, name))

    async def delete(
        self,
        resource_type: ResourceType,
        namespace: str,
        name: str,
        delete: DeleteOptions,
        options: WriteOptions,
    ) -> WriteResult:
        self.calls.append(("delete", (delete, options)))
        item = self.get(resource_type, namespace, name)
        return WriteResult(item, deleted=delete.grace_seconds is None)

    async def delete_collection(
        self,
        resource_type: ResourceType,
        namespace: str,
        selection: ListOptions,
        delete: DeleteOptions,
        options: WriteOptions,
    ) -> ListResult:
        self.calls.append(("deletecollection", (delete, options)))
        return self.list(resource_type, namespace, selection)


class FakeIdentity:
    """Token ``good`` is jane's; everything is allowed unless ``denied`` says otherwise."""

    def __init__(self) -> None:
        self.denied: Callable[[Attributes], bool] = lambda _asked: False
        self.asked: list[Attributes] = []

    def authenticate_certificate(self, subject_common_name: str, organizations: Sequence[str]) -> UserInfo:
        return UserInfo(subject_common_name, tuple(organizations))

    def authenticate_token(
        self, token: str, audiences: Sequence[str] = ()
    ) -> tuple[UserInfo, tuple[str, ...]]:
        if token != "good":
            raise faults.unauthorized()
        return UserInfo("jane", ("system:authenticated",)), ()

    def authorize(self, attributes: Attributes) -> Verdict:
        self.asked.append(attributes)
        return Verdict(not self.denied(attributes))

    def issue(
        self,
        namespace: str,
        service_account: str,
        *,
        audiences: Sequence[str] = (),
        seconds: int = 3600,
        bound: Object | None = None,
    ) -> tuple[str, str]:
        return f"token-of-{namespace}-{service_account}-{seconds}", "2030-01-01T00:00:00Z"


class FakeReviews:
    """Says who asks."""

    def __contains__(self, plural: str) -> bool:
        return plural == "selfsubjectreviews"

    def answer(self, plural: str, body: Object, *, user: UserInfo, namespace: str = "") -> Object:
        return body | {"status": {"userInfo": {"username": user.name, "groups": list(user.groups)}}}


class FakeDiscovery:
    """Documents that only say which they are."""

    def aggregated(self, root: str) -> Document:
        return Document(b'{"aggregated":"%s"}' % root.encode(), '"A"', AGGREGATED)

    def api_versions(self, address: str) -> Document:
        return Document(b'{"kind":"APIVersions"}', '"B"')

    def group_list(self) -> Document:
        return Document(b'{"kind":"APIGroupList"}', '"C"')

    def group(self, name: str) -> Document | None:
        return Document(b'{"kind":"APIGroup"}', '"D"') if name == "apps" else None

    def resource_list(self, group: str, version: str) -> Document | None:
        return Document(b'{"kind":"APIResourceList"}', '"E"') if version == "v1" else None

    def version(self) -> Document:
        return Document(b'{"gitVersion":"v1.36.0"}', '"F"')

    def openapi_index(self) -> Document:
        return Document(b'{"paths":{}}', '"G"')

    def openapi(self, path: str) -> Document | None:
        return Document(b'{"openapi":"3.0.0"}', '"H"') if path == "apis/apps/v1" else None


class FakeExec:
    """A command that echoes its input on both outputs and ends with ``code`` at the end of input."""

    def __init__(self, request: ExecRequest, code: int) -> None:
        self.request = request
        self.sizes: list[tuple[int, int]] = []
        self._code = code
        self._pieces: asyncio.Queue[tuple[int, bytes] | None] = asyncio.Queue(1000)
        if not request.stdin:
            self._pieces.put_nowait((1, b"out"))
            self._pieces.put_nowait((2, b"err"))
            self._pieces.put_nowait(None)

    async def write_stdin(self, content: bytes) -> None:
        await self._pieces.put((1, content))

    async def close_stdin(self) -> None:
        await self._pieces.put(None)

    def resize(self, columns: int, rows: int) -> None:
        self.sizes.append((columns, rows))

    async def output(self) -> AsyncIterator[tuple[int, bytes]]:
        while (piece := await self._pieces.get()) is not None:
            yield piece

    async def wait(self) -> ExitStatus:
        return ExitStatus(self._code)


class FakePods:
    """Pods whose log is ``log``, whose ports echo (80) or refuse (all others)."""

    def __init__(self) -> None:
        self.log: list[bytes] = [b"one\n", b"two\n"]
        self.queries: list[LogQuery] = []
        self.sessions: list[FakeExec] = []
        self.exit_code = 0
        self.closed = asyncio.Event()

    async def read_log(self, namespace: str, pod: str, query: LogQuery) -> AsyncIterator[bytes]:
        self.queries.append(query)
        if pod == "gone":
            raise faults.not_found("pods", pod)
        for piece in self.log:
            yield piece
        if query.follow:
            await asyncio.Event().wait()

    @contextlib.asynccontextmanager
    async def open_exec(self, request: ExecRequest) -> AsyncIterator[FakeExec]:
        if request.pod == "gone":
            raise faults.not_found("pods", request.pod)
        session = FakeExec(request, self.exit_code)
        self.sessions.append(session)
        try:
            yield session
        finally:
            self.closed.set()

    @contextlib.asynccontextmanager
    async def open_port(self, namespace: str, pod: str, port: int) -> AsyncIterator[tuple[Any, Any]]:
        if port != 80:
            raise ConnectionRefusedError(111, "Connection refused")
        ours, theirs = socket.socketpair()
        async with asyncio.TaskGroup() as group:
            echo = group.create_task(_echo(theirs))
            reader, writer = await asyncio.open_connection(sock=ours)
            try:
                yield reader, writer
            finally:
                writer.close()
                echo.cancel()


async def _echo(end: socket.socket) -> None:
    reader, writer = await asyncio.open_connection(sock=end)
    try:
        while content := await reader.read(65536):
            writer.write(content)
            await writer.drain()
        writer.write(b"bye")
        writer.write_eof()
        await asyncio.Event().wait()
    finally:
        writer.close()


class Cluster:
    """The fakes and where their server listens."""

    def __init__(self) -> None:
        self.registry = FakeRegistry()
        self.identity = FakeIdentity()
        self.pods = FakePods()
        self.waiting: list[str] = []
        self.address = ("127.0.0.1", 0)
        self.backends = Backends(
            registry=self.registry,
            catalog=FakeCatalog(),
            authenticator=self.identity,
            authorizer=self.identity,
            tokens=self.identity,
            pods=self.pods,
            discovery=FakeDiscovery(),
            reviews=FakeReviews(),
            issuer_documents=lambda: ({"issuer": "us"}, {"keys": []}),
        )

    def replace_backends(self, **parts: Any) -> None:
        self.backends = replace(self.backends, **parts)

    @contextlib.asynccontextmanager
    async def serve(self, context: ssl.SSLContext | None = None) -> AsyncIterator[None]:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.address = listener.getsockname()
            server = ApiServer(self.backends, waiting_for=lambda: self.waiting)
            async with server.serve([listener], context):
                yield

    def url(self, path: str) -> str:
        return f"http://{self.address[0]}:{self.address[1]}{path}"


class Client:
    """Sends requests and gives (status, JSON)."""

    def __init__(
        self, cluster: Cluster, session: aiohttp.ClientSession, *, ssl: ssl.SSLContext | None = None
    ) -> None:
        self.cluster = cluster
        self.session = session
        self._ssl = ssl

    @classmethod
    @contextlib.asynccontextmanager
    async def connect(cls, cluster: Cluster) -> AsyncIterator[Client]:
        async with aiohttp.ClientSession() as session:
            yield cls(cluster, session)

    async def ask(self, method: str, path: str, **more: Any) -> tuple[int, Any]:
        answer, body = await self.answer(method, path, **more)
        return answer.status, msgspec.json.decode(body)

    async def answer(self, method: str, path: str, **more: Any) -> tuple[aiohttp.ClientResponse, bytes]:
        async with self.open(method, path, **more) as answer:
            return answer, await answer.read()

    def open(self, method: str, path: str, **more: Any) -> Any:
        if self._ssl is not None:
            more |= {"ssl": self._ssl}
            return self.session.request(method, self.cluster.url(path).replace("http:", "https:"), **more)
        return self.session.request(method, self.cluster.url(path), **more)

    def ws(self, path: str, *protocols: str) -> Any:
        return self.session.ws_connect(self.cluster.url(path), protocols=protocols)
