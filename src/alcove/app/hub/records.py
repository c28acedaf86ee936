"""The Session objects of the space, as the hub keeps them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import msgspec

from alcove.kube.client import KubeClient, PatchKind, Selection
from alcove.kube.errors import AlreadyExistsError, NotFoundError
from alcove.sessions.objects import SESSIONS, Session, SessionStatus, parse_session

_log = logging.getLogger(__name__)


class Records:
    """Reads and writes them; one hub alone writes."""

    def __init__(self, client: KubeClient, namespace: str, clock: Callable[[], float]) -> None:
        """Keep them in ``namespace``; ``clock`` gives Unix seconds."""
        self._client = client
        self._namespace = namespace
        self._clock = clock

    async def load(self) -> list[Session]:
        """Give all that can be read; what cannot is logged and left alone."""
        found = []
        for item in (await self._client.list(SESSIONS, Selection(self._namespace))).items:
            try:
                found.append(parse_session(item))
            except ValueError as error:
                _log.warning("%s: %s", item["metadata"]["name"], error)
        return found

    async def save(self, session: Session) -> None:
        """Write what was asked for; make the object if need be."""
        rendered = session.render(self._namespace)
        try:
            await self._client.create(SESSIONS, rendered)
        except AlreadyExistsError:
            # A merge would keep the keys of settings that are there no more, and take a null for a removal.
            patch = [{"op": "add", "path": "/spec", "value": rendered["spec"]}]
            await self._client.patch(
                SESSIONS, session.id, patch, kind=PatchKind.JSON, namespace=self._namespace
            )

    def stamped(self, status: SessionStatus, changes: Mapping[str, object]) -> SessionStatus:
        """Give a status with some of it changed, and when."""
        moment = datetime.fromtimestamp(self._clock(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return msgspec.structs.replace(status, **changes, updated=moment)

    async def report(self, session: Session) -> None:
        """Write a session's status."""
        await self._client.patch(
            SESSIONS,
            session.id,
            session.render_status(),
            kind=PatchKind.MERGE,
            namespace=self._namespace,
            subresource="status",
        )

    async def remove(self, session: Session) -> None:
        """Delete the object."""
        try:
            await self._client.delete(SESSIONS, session.id, namespace=self._namespace)
        except NotFoundError:
            return
