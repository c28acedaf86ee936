"""What the rest of Alcove asks of a cluster (the port), and the values that cross it.

Implemented over HTTP in *http* and in memory in *fake*; one set of tests holds for both. Every method
raises one of *errors*. ``namespace`` is empty for resources that have none.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple, Protocol

from alcove.kube.resources import Resource

Object = dict[str, Any]
"""A JSON object with ``apiVersion``, ``kind`` and ``metadata``."""


class PatchKind(Enum):
    """The four ways to write a patch; the value is its content type."""

    JSON = "application/json-patch+json"
    MERGE = "application/merge-patch+json"
    STRATEGIC = "application/strategic-merge-patch+json"
    APPLY = "application/apply-patch+yaml"


class WatchEvent(NamedTuple):
    """One event of a watch."""

    type: str
    """``ADDED``, ``MODIFIED``, ``DELETED``, or ``SYNCED`` once, after everything that was there."""
    object: Object
    """The object after the change; empty for SYNCED."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which objects of a resource: all of them by default."""

    namespace: str = ""
    labels: str = ""
    """A label selector, as on kubectl's command line."""
    fields: str = ""


EVERYTHING = Selection()


class Listing(NamedTuple):
    """What a list gives."""

    items: Sequence[Object]
    resource_version: str
    """Where a watch may begin without a gap."""


@dataclass(frozen=True, slots=True)
class LogOptions:
    """What of a container's log."""

    container: str = ""
    follow: bool = False
    previous: bool = False
    timestamps: bool = False
    tail_lines: int | None = None
    since_seconds: int | None = None


WHOLE_LOG = LogOptions()


@dataclass(frozen=True, slots=True)
class ExecOptions:
    """A command to run in a container."""

    command: tuple[str, ...]
    container: str = ""
    stdin: bool = False
    tty: bool = False


class ExecStream(Protocol):
    """A running command."""

    async def write(self, content: bytes) -> None:
        """Pass input on; waits while the other side does not read."""

    async def close_stdin(self) -> None:
        """Tell the command that no more comes (needs a server that speaks v5; else it cannot be told)."""

    async def resize(self, columns: int, rows: int) -> None:
        """Set the terminal's size."""

    def output(self) -> AsyncIterator[tuple[int, bytes]]:
        """Yield (1 stdout or 2 stderr, content) until the command ends."""

    async def wait(self) -> int:
        """Give the exit code, after ``output`` has ended (what was not read is dropped)."""


class PortStream(Protocol):
    """One connection to a port of a pod."""

    async def read(self) -> bytes:
        """Give the next bytes, none at the end."""

    async def write(self, content: bytes) -> None:
        """Send; waits while the other side does not read."""


class KubeClient(Protocol):
    """A cluster."""

    async def get(self, resource: Resource, name: str, *, namespace: str = "") -> Object:
        """Give the object."""

    async def list(self, resource: Resource, selection: Selection = EVERYTHING) -> Listing:
        """Give all selected objects of one revision."""

    def watch(
        self,
        resource: Resource,
        selection: Selection = EVERYTHING,
    ) -> AsyncGenerator[WatchEvent, None]:
        """Yield ADDED for everything there is, one SYNCED, then each change, through any interruption.

        After an interruption changes may come as one; what vanished comes as DELETED in its last known state.
        Errors before SYNCED, and those that retrying cannot mend (403, 404, 400), are raised. Whoever
        leaves it early closes it (``contextlib.aclosing``).
        """

    async def create(self, resource: Resource, item: Object, *, dry_run: bool = False) -> Object:
        """Create it in its ``metadata.namespace``; give it as stored."""

    async def replace(self, resource: Resource, item: Object, *, subresource: str = "") -> Object:
        """Replace it; ConflictError when its ``resourceVersion`` is set and no longer current."""

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
        """Change it; APPLY creates what is not there, and with ``force`` takes fields from other managers."""

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
        """Delete it, or begin to; ConflictError when ``uid`` is another's."""

    def read_log(
        self,
        namespace: str,
        pod: str,
        options: LogOptions = WHOLE_LOG,
    ) -> AsyncIterator[bytes]:
        """Yield the log in pieces as they come, which may end within lines."""

    def exec(self, namespace: str, pod: str, options: ExecOptions) -> AbstractAsyncContextManager[ExecStream]:
        """Run a command in a container, ended with the block."""

    def connect(self, namespace: str, pod: str, port: int) -> AbstractAsyncContextManager[PortStream]:
        """Connect to a port on the pod's own loopback."""

    async def find_resource(self, api_version: str, kind: str) -> Resource:
        """Give the resource of an ``apiVersion`` and ``kind``; NotFoundError when it is not served."""


def object_key(item: Mapping[str, Any]) -> tuple[str, str]:
    """Give the namespace and name of an object."""
    meta = item.get("metadata") or {}
    return meta.get("namespace") or "", meta.get("name") or ""
