"""Carries out what was planned for copies of Ingresses; one that fails keeps no other from being made."""

from __future__ import annotations

from collections.abc import Iterable

from alcove.app.gateway.copies import CopyAction
from alcove.app.observation.reports import Report
from alcove.kube import errors, resources
from alcove.kube.client import KubeClient


async def apply_copies(client: KubeClient, actions: Iterable[CopyAction]) -> tuple[Report, ...]:
    """Do what was planned, in order; give what failed and why.

    What the world has overtaken (a copy that is there already, one that is gone) is no failure: the change is
    observed, and planned for anew.

    Raises:
        UnreachableError: the cluster does not answer; what was not done is planned again later.
    """
    failed: list[Report] = []
    for action in actions:
        try:
            await _apply(client, action)
        except errors.UnreachableError:
            raise
        except (errors.ConflictError, errors.NotFoundError):
            continue
        except errors.KubeError as error:
            why = f"its copy could not be written ({action.verb}): {error.message}"
            failed.append(Report(resources.INGRESSES.kind, action.namespace, action.name, why))
    return tuple(failed)


async def _apply(client: KubeClient, action: CopyAction) -> None:
    resource, namespace = resources.INGRESSES, action.namespace
    if action.verb == "create":
        await client.create(resource, action.body or {})
    elif action.verb == "patch":
        await client.patch(resource, action.name, action.body, namespace=namespace)
    else:
        await client.delete(resource, action.name, namespace=namespace, uid=action.uid)
