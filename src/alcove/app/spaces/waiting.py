"""Waits until a namespace is gone, and says what holds it when it is not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import aclosing

from alcove import errors
from alcove.admission.markers import mapping, sequence
from alcove.app.spaces.plans import Ending
from alcove.kube import errors as kube_errors
from alcove.kube import resources
from alcove.kube.client import KubeClient, Object, Selection

_KUBERNETES_FINALIZER = "kubernetes"


async def wait_until_gone(client: KubeClient, ending: Ending, *, seconds: float) -> None:
    """Return once the namespace is gone, or another one has its name.

    Raises:
        UnavailableError: it is still there after ``seconds``, or may not be watched; says what holds it.
    """
    last: Object = {}
    selection = Selection(fields=f"metadata.name={ending.name}")
    try:
        async with (
            asyncio.timeout(seconds),
            aclosing(client.watch(resources.NAMESPACES, selection)) as events,
        ):
            async for kind, namespace in events:
                is_it = mapping(namespace, "metadata").get("uid") == ending.uid
                if kind == "SYNCED" and not last:
                    return
                if is_it and kind == "DELETED":
                    return
                last = namespace if is_it else last
    except TimeoutError as error:
        raise errors.UnavailableError(
            f"the namespace {str(ending.name)!r} is still being deleted after {seconds:g} s",
            cause="; ".join(holding(last)) or "the cluster does not say what holds it",
            hint=f"that must go first; then look again: kubectl get namespace {ending.name} -o yaml",
        ) from error
    except kube_errors.ForbiddenError as error:
        raise errors.UnavailableError(
            f"whether the namespace {str(ending.name)!r} is gone is not known",
            cause=f"its deletion has begun, but you may not watch it: {error.message}",
            hint=f"look yourself: kubectl get namespace {ending.name}",
        ) from error


def holding(namespace: Object) -> Iterator[str]:
    """Give what a namespace that is being deleted waits for, in the cluster's words."""
    for condition in sequence(mapping(namespace, "status"), "conditions"):
        if condition.get("status") == "True":
            yield str(condition.get("message") or condition.get("type") or "")
    finalizers = mapping(namespace, "metadata").get("finalizers") or ()
    kept = [*finalizers, *(mapping(namespace, "spec").get("finalizers") or ())]
    named = ", ".join(str(one) for one in kept if one != _KUBERNETES_FINALIZER)
    if named:
        yield f"finalizers of the namespace itself: {named}"
