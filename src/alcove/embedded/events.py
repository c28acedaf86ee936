"""What the cluster's components tell people: Events, as ``kubectl describe`` shows them.

An Event that repeats (same object, reason and text) raises the count of the one there is, and an object
that never stops complaining is cut off until it calms down, so that a crash loop cannot fill the store.
Events are best effort: what cannot be recorded is dropped and never fails its sender.
"""

from __future__ import annotations

import itertools
import time
import zlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from alcove.embedded.faults import ApiError
from alcove.embedded.objects import GroupResource, Object, metadata
from alcove.embedded.ports import ClusterApi

EVENTS = GroupResource("events")

_REMEMBERED = 2048
_BURST = 25.0
_REFILL_SECONDS = 300.0


def timestamp(seconds: float) -> str:
    """Write a time (seconds since the epoch) as Kubernetes does: RFC 3339, UTC, whole seconds."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def reference_to(item: Object) -> Object:
    """Give the ObjectReference that names ``item``."""
    meta = metadata(item)
    reference = {
        "apiVersion": item.get("apiVersion", ""),
        "kind": item.get("kind", ""),
        "namespace": meta.get("namespace", ""),
        "name": meta.get("name", ""),
        "uid": meta.get("uid", ""),
        "resourceVersion": meta.get("resourceVersion", ""),
    }
    return {key: value for key, value in reference.items() if value}


@dataclass(slots=True)
class _Sent:
    """An Event that may repeat."""

    namespace: str
    name: str
    count: int


@dataclass(slots=True)
class _Allowance:
    """How many more Events an object may send: a token bucket."""

    tokens: float
    at: float


class EventRecorder:
    """Records what ``component`` has to say."""

    def __init__(
        self, api: ClusterApi, component: str, clock: Callable[[], float] = time.time, *, host: str = ""
    ) -> None:
        """Write through ``api``; ``clock`` gives seconds since the epoch, ``host`` the node's name."""
        self._api = api
        self._component = component
        self._clock = clock
        self._host = host
        self._sent: OrderedDict[tuple[str, ...], _Sent] = OrderedDict()
        self._allowances: OrderedDict[str, _Allowance] = OrderedDict()
        # Names are the time in nanoseconds, as in client-go; the serial tells apart what one instant holds.
        self._serial = itertools.count(zlib.crc32(component.encode()) & 0xFFFF)

    async def record(
        self, regarding: Object, type: str, reason: str, message: str, *, field_path: str = ""
    ) -> None:
        """Tell it about ``regarding``; ``type`` is ``Normal`` or ``Warning``. Never raises ApiError.

        ``field_path`` names a part of it, such as ``spec.containers{web}``.
        """
        now = self._clock()
        meta = metadata(regarding)
        about = meta.get("uid") or f"{regarding.get('kind')}/{meta.get('namespace')}/{meta.get('name')}"
        if not self._allow(about, now):
            return
        key = (about, type, reason, message, field_path)
        try:
            if not await self._repeat(key, now):
                await self._first(key, regarding, now)
        except ApiError:
            self._sent.pop(key, None)

    def _allow(self, about: str, now: float) -> bool:
        allowance = self._allowances.pop(about, None) or _Allowance(_BURST, now)
        self._allowances[about] = allowance
        if len(self._allowances) > _REMEMBERED:
            self._allowances.popitem(last=False)
        allowance.tokens = min(_BURST, allowance.tokens + (now - allowance.at) / _REFILL_SECONDS)
        allowance.at = now
        if allowance.tokens < 1:
            return False
        allowance.tokens -= 1
        return True

    async def _repeat(self, key: tuple[str, ...], now: float) -> bool:
        sent = self._sent.get(key)
        if sent is None or self._api.get(EVENTS, sent.namespace, sent.name) is None:
            return False
        self._sent.move_to_end(key)
        sent.count += 1
        merge = {"count": sent.count, "lastTimestamp": timestamp(now)}
        await self._api.patch(EVENTS, sent.namespace, sent.name, merge)
        return True

    async def _first(self, key: tuple[str, ...], regarding: Object, now: float) -> None:
        _, type_, reason, message, field_path = key
        involved = reference_to(regarding) | ({"fieldPath": field_path} if field_path else {})
        namespace = involved.get("namespace", "default")
        name = f"{involved.get('name', '')}.{int(now * 1e9) + next(self._serial):x}"
        self._sent[key] = _Sent(namespace, name, 1)
        if len(self._sent) > _REMEMBERED:
            self._sent.popitem(last=False)
        source = {"component": self._component, **({"host": self._host} if self._host else {})}
        event: Object = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": involved,
            "type": type_,
            "reason": reason,
            "message": message[:1024],
            "source": source,
            "firstTimestamp": timestamp(now),
            "lastTimestamp": timestamp(now),
            "count": 1,
            "eventTime": None,
            "reportingComponent": self._component,
            "reportingInstance": self._host,
        }
        await self._api.create(EVENTS, event)
