"""The certificates of entry hosts: watched in those namespaces alone that need one and let us see it.

The control plane has no right to read Secrets: whoever owns a space may give it one there (``alcove-tls``). A
namespace that does not is like one without Secrets; it is asked again once in a while.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable

from alcove import aio
from alcove.admission.markers import Object, mapping
from alcove.app.controlplane.watching import ObjectStore
from alcove.app.observation.entries import observe_tls
from alcove.kube import errors, resources
from alcove.kube.client import KubeClient, Selection, WatchEvent

_TLS = "type=kubernetes.io/tls"
_RETRY_SECONDS = 10.0

_log = logging.getLogger(__name__)


def tls_namespaces(ingresses: Iterable[Object]) -> tuple[str, ...]:
    """Give the namespaces whose Ingresses of our classes name certificates."""
    found = {
        str(mapping(item, "metadata").get("namespace", ""))
        for item in ingresses
        if any(True for _ in observe_tls(item, lambda _why: None))
    }
    return tuple(sorted(found))


def watch_name(namespace: str) -> str:
    """Give the name of the watch of a namespace's certificates."""
    return f"secrets/{namespace}"


async def follow_certificates(client: KubeClient, store: ObjectStore) -> None:
    """Watch the certificates of all namespaces that need some, until cancelled."""
    following: dict[str, asyncio.Task[None]] = {}
    async with aio.open_background(name="certificates") as background:
        with store.changes() as changed:
            while True:
                await changed.wait()
                changed.clear()
                wanted = set(tls_namespaces(store.items("ingresses")))
                for namespace in wanted - following.keys():
                    work = _follow(client, store, namespace)
                    following[namespace] = background.start(work, name=namespace)
                for namespace in following.keys() - wanted:
                    following.pop(namespace).cancel()
                    store.end(watch_name(namespace))


async def _follow(client: KubeClient, store: ObjectStore, namespace: str) -> None:
    name, selection, told = watch_name(namespace), Selection(namespace, fields=_TLS), ""
    while True:
        store.begin(name)
        try:
            async with contextlib.aclosing(client.watch(resources.SECRETS, selection)) as events:
                async for event in events:
                    store.take(name, event)
        except errors.KubeError as error:
            if told != str(error):
                told = str(error)
                _log.warning("cannot see the certificates of %s: %s", namespace, error)
            if isinstance(error, errors.ForbiddenError):
                store.take(name, WatchEvent("SYNCED", {}))
        await asyncio.sleep(_RETRY_SECONDS)
