"""A cluster in memory, with the semantics of the real one as far as clients see them.

It has no schema, no controllers and no field managers: an object is what was written. What the network does
to clients can be brought about: ``break_watches``, ``forget_history``, ``unreachable``.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import itertools
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any, NamedTuple

import jsonpatch

from alcove.kube import errors, resources
from alcove.kube.client import (
    EVERYTHING,
    WHOLE_LOG,
    ExecOptions,
    Listing,
    LogOptions,
    Object,
    PatchKind,
    Selection,
    WatchEvent,
    object_key,
)
from alcove.kube.resources import Resource
from alcove.kube.watching import Pause, follow

_Key = tuple[str, str, str]
_KNOWN = [value for value in vars(resources).values() if isinstance(value, Resource)]
_SERVER_OWNED = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields")


class _Change(NamedTuple):
    revision: int
    resource: str
    old: Object | None
    new: Object | None


class FakeExec:
    """A command whose output and exit code were decided beforehand; ``stdin`` holds what was written."""

    def __init__(self, stdout: bytes = b"", *, stderr: bytes = b"", code: int = 0) -> None:
        """Say this and end so."""
        self.stdin = b""
        self.size: tuple[int, int] | None = None
        self._parts = [(1, stdout), (2, stderr)]
        self._code = code

    async def write(self, content: bytes) -> None:
        """Keep the input."""
        self.stdin += content

    async def close_stdin(self) -> None:
        """Do nothing: the output does not depend on it."""

    async def resize(self, columns: int, rows: int) -> None:
        """Keep the size."""
        self.size = (columns, rows)

    async def output(self) -> AsyncIterator[tuple[int, bytes]]:
        """Yield what was decided."""
        for channel, content in self._parts:
            if content:
                yield channel, content

    async def wait(self) -> int:
        """Give the exit code."""
        return self._code


class FakePort:
    """A connection that answers each write by ``answer``."""

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        """Answer so."""
        self._answer = answer
        # Unbounded: a test writes little.
        self._answers: asyncio.Queue[bytes] = asyncio.Queue()

    async def read(self) -> bytes:
        """Give the next answer."""
        return await self._answers.get()

    async def write(self, content: bytes) -> None:
        """Take a question."""
        self._answers.put_nowait(self._answer(content))


class FakeKubeClient:
    """A client of a cluster of its own (``client.KubeClient``)."""

    def __init__(self) -> None:
        """Begin with the namespace ``default``."""
        self.unreachable = False
        """While set, every call raises UnreachableError, watches included."""
        self.logs: dict[tuple[str, str], bytes] = {}
        """The logs by namespace and pod."""
        self.run: Callable[[str, str, ExecOptions], FakeExec] = lambda _namespace, _pod, _options: FakeExec()
        """What a command does."""
        self.ports: dict[tuple[str, str, int], Callable[[bytes], bytes]] = {}
        """What listens, by namespace, pod and port."""
        self.kinds = list(_KNOWN)
        """What is served."""
        self._objects: dict[_Key, Object] = {}
        self._history: list[_Change] = []
        self._kept_from = 0
        self._breaks = 0
        self._revision = 0
        self._serial = itertools.count(1)
        self._changed = asyncio.Event()
        self._store(resources.NAMESPACES, {"metadata": {"name": "default"}}, None)

    # ------------------------------------------------------------------------------ what tests bring about

    def break_watches(self) -> None:
        """End every watch as a lost connection does."""
        self._breaks += 1
        self._wake()

    def forget_history(self) -> None:
        """Keep no revision before the present one: watches that resume must list again."""
        self._history.clear()
        self._kept_from = self._revision

    # ---------------------------------------------------------------------------------------------- verbs

    async def get(self, resource: Resource, name: str, *, namespace: str = "") -> Object:
        """Give the object."""
        await self._reach()
        return copy.deepcopy(self._existing(resource, namespace, name))

    async def list(self, resource: Resource, selection: Selection = EVERYTHING) -> Listing:
        """Give all selected objects."""
        await self._reach()
        found = [
            copy.deepcopy(item)
            for key, item in sorted(self._objects.items(), key=lambda pair: pair[0])
            if key[0] == str(resource) and _selects(selection, item)
        ]
        return Listing(found, str(self._revision))

    def watch(
        self, resource: Resource, selection: Selection = EVERYTHING
    ) -> AsyncGenerator[WatchEvent, None]:
        """Yield what is there, SYNCED, and each change."""
        return follow(_Source(self, resource, selection), Pause(lambda _seconds: asyncio.sleep(0)))

    async def create(self, resource: Resource, item: Object, *, dry_run: bool = False) -> Object:
        """Create it in its ``metadata.namespace``; give it as stored."""
        await self._reach()
        item = copy.deepcopy(item)
        meta = item.setdefault("metadata", {})
        if not meta.get("name") and meta.get("generateName"):
            meta["name"] = f"{meta['generateName']}{next(self._serial):05d}"
        namespace, name = object_key(item)
        if not name:
            raise errors.InvalidError("name or generateName is required", code=422, reason="Invalid")
        if resource.namespaced and ("namespaces", "", namespace) not in self._objects:
            raise _not_found(resources.NAMESPACES, namespace)
        if self._key(resource, namespace, name) in self._objects:
            message = f'{resource} "{name}" already exists'
            raise errors.AlreadyExistsError(message, code=409, reason="AlreadyExists")
        for field in _SERVER_OWNED:
            meta.pop(field, None)
        return item if dry_run else copy.deepcopy(self._store(resource, item, None))

    async def replace(self, resource: Resource, item: Object, *, subresource: str = "") -> Object:
        """Replace it."""
        await self._reach()
        old = self._existing(resource, *object_key(item))
        return copy.deepcopy(self._write(resource, copy.deepcopy(item), old, subresource))

    async def patch(
        self,
        resource: Resource,
        name: str,
        patch: object,
        *,
        kind: PatchKind = PatchKind.MERGE,
        namespace: str = "",
        subresource: str = "",
        field_manager: str = "alcove",
        force: bool = False,
    ) -> Object:
        """Change it; APPLY merges, without owners of fields."""
        await self._reach()
        if kind is PatchKind.APPLY and self._key(resource, namespace, name) not in self._objects:
            named = {"name": name} | ({"namespace": namespace} if resource.namespaced else {})
            return await self.create(resource, merge(patch, {"metadata": named}, lists=False))
        old = self._existing(resource, namespace, name)
        changed = _patched(old, patch, kind)
        if object_key(changed) != object_key(old):
            raise errors.InvalidError("the name of an object cannot change", code=422, reason="Invalid")
        return copy.deepcopy(self._write(resource, changed, old, subresource))

    async def delete(
        self,
        resource: Resource,
        name: str,
        *,
        namespace: str = "",
        uid: str = "",
        grace_seconds: int | None = None,
        propagation: str = "Background",
    ) -> None:
        """Delete it, or mark it while it has finalizers; a namespace takes its objects with it."""
        await self._reach()
        old = self._existing(resource, namespace, name)
        if uid and old["metadata"]["uid"] != uid:
            raise _conflict(resource, name, "the UID in the precondition does not match")
        if old["metadata"].get("finalizers"):
            if not old["metadata"].get("deletionTimestamp"):
                marked = merge(old, {"metadata": {"deletionTimestamp": _now(self._revision)}}, lists=False)
                self._store(resource, marked, old)
            return
        if resource == resources.NAMESPACES:
            for key in [key for key in self._objects if key[1] == name]:
                self._drop(key)
        self._drop(self._key(resource, namespace, name))

    async def find_resource(self, api_version: str, kind: str) -> Resource:
        """Give the resource of an ``apiVersion`` and ``kind``, of those in ``kinds``."""
        await self._reach()
        for resource in self.kinds:
            if (resource.api_version, resource.kind) == (api_version, kind):
                return resource
        raise errors.NotFoundError(f"the cluster does not serve {kind} of {api_version}", code=404)

    # -------------------------------------------------------------------------------------------- streams

    async def read_log(
        self, namespace: str, pod: str, options: LogOptions = WHOLE_LOG
    ) -> AsyncIterator[bytes]:
        """Yield the log, its last lines when asked so."""
        await self._reach()
        self._existing(resources.PODS, namespace, pod)
        lines = self.logs.get((namespace, pod), b"").splitlines(keepends=True)
        first = 0 if options.tail_lines is None else max(0, len(lines) - options.tail_lines)
        for line in lines[first:]:
            yield line

    @contextlib.asynccontextmanager
    async def exec(self, namespace: str, pod: str, options: ExecOptions) -> AsyncIterator[FakeExec]:
        """Do what ``run`` says."""
        await self._reach()
        self._existing(resources.PODS, namespace, pod)
        yield self.run(namespace, pod, options)

    @contextlib.asynccontextmanager
    async def connect(self, namespace: str, pod: str, port: int) -> AsyncIterator[FakePort]:
        """Connect to what ``ports`` has."""
        await self._reach()
        self._existing(resources.PODS, namespace, pod)
        if (namespace, pod, port) not in self.ports:
            raise errors.UnreachableError(f"nothing listens at port {port} of {pod}")
        yield FakePort(self.ports[namespace, pod, port])

    async def stream_events(
        self, resource: Resource, selection: Selection, resource_version: str
    ) -> AsyncGenerator[Object, None]:
        """Yield the raw events after a revision."""
        await self._reach()
        seen, breaks = int(resource_version), self._breaks
        while True:
            if seen < self._kept_from:
                raise errors.GoneError("too old resource version", code=410, reason="Expired")
            changed = self._changed
            for change in [change for change in self._history if change.revision > seen]:
                seen = change.revision
                event = _event(change, selection) if change.resource == str(resource) else None
                if event is not None:
                    yield event
            if changed is self._changed:
                await changed.wait()
            await self._reach()
            if self._breaks != breaks:
                raise errors.UnreachableError("the connection was lost")

    # -------------------------------------------------------------------------------------------- storage

    async def _reach(self) -> None:
        await asyncio.sleep(0)
        if self.unreachable:
            raise errors.UnreachableError("the cluster cannot be reached")

    def _key(self, resource: Resource, namespace: str, name: str) -> _Key:
        return str(resource), namespace if resource.namespaced else "", name

    def _existing(self, resource: Resource, namespace: str, name: str) -> Object:
        found = self._objects.get(self._key(resource, namespace, name))
        if found is None:
            raise _not_found(resource, name)
        return found

    def _write(self, resource: Resource, item: Object, old: Object, subresource: str) -> Object:
        meta, before = item["metadata"], old["metadata"]
        if meta.get("resourceVersion") not in (None, "", before["resourceVersion"]):
            why = "the object has been modified; please apply your changes to the latest version"
            raise _conflict(resource, before["name"], why)
        if subresource == "status":
            item = {**old, "status": item.get("status", {})}
        elif "status" in old:
            item = {**item, "status": old["status"]}
        kept = {field: before[field] for field in _SERVER_OWNED if field in before}
        item = {**item, "metadata": {**item["metadata"], **kept}}
        if item == old:
            return old
        if item.get("spec") != old.get("spec"):
            item["metadata"]["generation"] = before.get("generation", 1) + 1
        stored = self._store(resource, item, old)
        if stored["metadata"].get("deletionTimestamp") and not stored["metadata"].get("finalizers"):
            self._drop(self._key(resource, *object_key(stored)))
        return stored

    def _store(self, resource: Resource, item: Object, old: Object | None) -> Object:
        self._revision += 1
        meta = item["metadata"]
        if old is None:
            meta.update(uid=f"uid-{self._revision}", generation=1, creationTimestamp=_now(self._revision))
        item.setdefault("apiVersion", resource.api_version)
        item.setdefault("kind", resource.kind)
        meta["resourceVersion"] = str(self._revision)
        self._objects[self._key(resource, *object_key(item))] = item
        self._history.append(_Change(self._revision, str(resource), old, item))
        self._wake()
        return item

    def _drop(self, key: _Key) -> None:
        self._revision += 1
        old = self._objects.pop(key)
        self._history.append(_Change(self._revision, key[0], old, None))
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class _Source:
    def __init__(self, client: FakeKubeClient, resource: Resource, selection: Selection) -> None:
        self._client = client
        self._resource = resource
        self._selection = selection

    async def list(self) -> Listing:
        return await self._client.list(self._resource, self._selection)

    def stream(self, resource_version: str) -> AsyncGenerator[Object, None]:
        return self._client.stream_events(self._resource, self._selection, resource_version)


def merge(target: Any, patch: Any, *, lists: bool) -> Any:
    """Apply a merge patch without changing ``target``; with ``lists``, entries merge by their ``name``."""
    if isinstance(patch, dict):
        merged = dict(target) if isinstance(target, dict) else {}
        for key, value in patch.items():
            if value is None:
                merged.pop(key, None)
            else:
                merged[key] = merge(merged.get(key), value, lists=lists)
        return merged
    if lists and isinstance(patch, list) and isinstance(target, list) and _named(patch) and _named(target):
        new = {entry["name"]: entry for entry in patch}
        kept = [merge(entry, new.pop(entry["name"], {}), lists=True) for entry in target]
        return kept + [copy.deepcopy(entry) for entry in new.values()]
    return copy.deepcopy(patch)


def _patched(old: Object, patch: Any, kind: PatchKind) -> Object:
    if kind is PatchKind.JSON:
        try:
            changed = jsonpatch.apply_patch(old, patch)
        except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException) as error:
            raise errors.InvalidError(str(error), code=422, reason="Invalid") from error
    else:
        changed = merge(old, patch, lists=kind is not PatchKind.MERGE)
    if not isinstance(changed, dict):
        raise errors.InvalidError("the patch leaves no object", code=422, reason="Invalid")
    meta = dict(changed.get("metadata") or {})
    told = (patch.get("metadata") or {}) if isinstance(patch, dict) else {}
    if "resourceVersion" not in told:
        meta.pop("resourceVersion", None)
    return {**changed, "metadata": meta}


def _named(entries: list[Any]) -> bool:
    return all(isinstance(entry, dict) and "name" in entry for entry in entries)


def _event(change: _Change, selection: Selection) -> Object | None:
    old = change.old if change.old is not None and _selects(selection, change.old) else None
    new = change.new if change.new is not None and _selects(selection, change.new) else None
    if new is not None:
        return {"type": "MODIFIED" if old is not None else "ADDED", "object": copy.deepcopy(new)}
    if old is None:
        return None
    revision = {"metadata": {"resourceVersion": str(change.revision)}}
    return {"type": "DELETED", "object": merge(change.new or old, revision, lists=False)}


def _selects(selection: Selection, item: Object) -> bool:
    namespace, _ = object_key(item)
    if selection.namespace and selection.namespace != namespace:
        return False
    labels = item["metadata"].get("labels") or {}
    requirements = re.findall(r"[^,(]+(?:\([^)]*\))?", selection.labels)
    if not all(_label_holds(requirement.strip(), labels) for requirement in requirements):
        return False
    fields = [part.partition("=") for part in selection.fields.split(",") if part]
    return all(_field(item, path) == value.lstrip("=") for path, _, value in fields)


def _label_holds(requirement: str, labels: dict[str, str]) -> bool:
    if match := re.fullmatch(r"(\S+)\s+(in|notin)\s*\(([^)]*)\)", requirement):
        values = [value.strip() for value in match[3].split(",")]
        return (labels.get(match[1]) in values) == (match[2] == "in")
    if match := re.fullmatch(r"(\S+?)\s*(!=|==?)\s*(\S*)", requirement):
        return (labels.get(match[1]) == match[3]) == (match[2] != "!=")
    return requirement[1:] not in labels if requirement.startswith("!") else requirement in labels


def _field(item: Any, path: str) -> str:
    for part in path.split("."):
        item = item.get(part) if isinstance(item, dict) else None
    return "" if item is None else str(item)


def _not_found(resource: Resource, name: str) -> errors.NotFoundError:
    return errors.NotFoundError(f'{resource} "{name}" not found', code=404, reason="NotFound")


def _conflict(resource: Resource, name: str, why: str) -> errors.ConflictError:
    message = f'Operation cannot be fulfilled on {resource} "{name}": {why}'
    return errors.ConflictError(message, code=409, reason="Conflict")


def _now(revision: int) -> str:
    """Give a time that goes on with each write, so that tests see the same ones each time."""
    return f"2030-01-01T{revision // 3600 % 24:02d}:{revision // 60 % 60:02d}:{revision % 60:02d}Z"
