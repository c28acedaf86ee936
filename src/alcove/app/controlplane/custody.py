"""Keeps the certificates of this replica as they are stored: the one writer rotates, all others read."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from alcove.admission.certificates import Certificates, CertificateStore, parse_certificates, rotate
from alcove.kube import errors

_ROUND_SECONDS = 60.0
_IMPATIENT_SECONDS = 0.25

_log = logging.getLogger(__name__)


class Custodian:
    """Has the newest certificates and tells whoever shows them."""

    def __init__(
        self, store: CertificateStore, names: Sequence[str], *, is_writer: Callable[[], bool]
    ) -> None:
        """Look after ``store``; the server is reached by ``names``."""
        self._store = store
        self._names = names
        self._is_writer = is_writer
        self._listeners: list[Callable[[Certificates], None]] = []
        self.current: Certificates | None = None
        """What there is; None until there is something."""

    def tell(self, listener: Callable[[Certificates], None]) -> None:
        """Call ``listener`` whenever the certificates have changed."""
        self._listeners.append(listener)

    async def look_after(self, now: float) -> None:
        """Go one round at ``now`` (seconds since the epoch).

        Raises:
            KubeError: the store cannot be read or written; what there is stays.
        """
        if self._is_writer():
            found: Certificates | None = await rotate(self._store, now, names=self._names)
        else:
            found = parse_certificates(await self._store.load())
        if found is None or found == self.current:
            return
        self.current = found
        for listener in self._listeners:
            listener(found)

    async def serve(self, clock: Callable[[], float]) -> None:
        """Go rounds until cancelled: quickly until there is something, then once a minute."""
        while True:
            try:
                await self.look_after(clock())
            except errors.ConflictError:
                _log.info("somebody else changed the certificates at the same time")
            except errors.KubeError as error:
                _log.warning("cannot look after the certificates: %s", error)
            await asyncio.sleep(_ROUND_SECONDS if self.current else _IMPATIENT_SECONDS)
