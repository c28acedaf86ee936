"""Carries out what was planned, and says which right is missing where one is."""

from __future__ import annotations

from collections.abc import Callable

from alcove import errors
from alcove.app.install import kinds
from alcove.app.install.observing import Key, key_of
from alcove.app.install.planning import EnablePlan
from alcove.app.install.removal import DisablePlan
from alcove.app.spaces.plans import Action
from alcove.app.spaces.waiting import wait_until_gone
from alcove.kube import errors as kube_errors
from alcove.kube import resources
from alcove.kube.client import KubeClient, Object, PatchKind

MANAGER = "alcove"
_GONE_SECONDS = 120.0

Say = Callable[[str], None]


async def apply_enable(client: KubeClient, plan: EnablePlan, say: Say) -> None:
    """Do what was planned, in order; what is there already stays as it is.

    Raises:
        AlcoveError: a right is missing, the cluster refuses an object, or the old namespace does not go.
    """
    if plan.replaces:
        name, uid = plan.replaces
        if not plan.is_ending:
            await remove(client, Key(resources.NAMESPACES, "", name), uid=uid)
        say(f"Namespace '{name}' is being deleted")
        await wait_until_gone(client, plan.replaces, seconds=_GONE_SECONDS)
    for ending in plan.awaits:
        say(f"Namespace '{ending.name}' is being deleted")
        await wait_until_gone(client, ending, seconds=_GONE_SECONDS)
    for item in plan.objects:
        await _apply(client, item)
    say(f"{len(plan.objects)} objects applied in '{kinds.NAMESPACE}', '{kinds.BUILDS}' and the cluster")
    for key in plan.removals:
        if await remove(client, key):
            say(f"{key} removed: nothing asks for it any more")


async def apply_disable(client: KubeClient, plan: DisablePlan, say: Say, *, seconds: float) -> None:
    """Do what was planned; wait up to ``seconds`` for each namespace, with which the rest could come back.

    Raises:
        AlcoveError: a right is missing, or the namespace does not go.
    """
    for action in plan.first:
        await _act(client, action, say)
    for ending in plan.ends:
        await remove(client, Key(resources.NAMESPACES, "", ending.name), uid=ending.uid)
        say(f"Namespace '{ending.name}' is being deleted")
        await wait_until_gone(client, ending, seconds=seconds)
    for action in plan.last:
        await _act(client, action, say)


async def remove(client: KubeClient, key: Key, *, uid: str = "") -> bool:
    """Delete an object; False when it is gone already."""
    try:
        await client.delete(key.resource, key.name, namespace=key.namespace, uid=uid)
    except kube_errors.NotFoundError:
        return False
    except kube_errors.ForbiddenError as error:
        raise _missing_right("delete", key, error) from error
    return True


async def record(client: KubeClient, **values: str | None) -> None:
    """Write into the ConfigMap ``alcove``, None to take a key away; it survives the next ``enable``."""
    await client.patch(
        resources.CONFIG_MAPS,
        kinds.INSTALLATION,
        {"data": values},
        namespace=kinds.NAMESPACE,
        field_manager=MANAGER,
    )


async def _act(client: KubeClient, action: Action, say: Say) -> None:
    """Do it and say so; what is gone already is left out."""
    key = Key(action.resource, action.namespace, action.name)
    if action.verb == "delete":
        done = await remove(client, key, uid=action.uid)
    else:
        try:
            await client.patch(action.resource, action.name, action.body, namespace=action.namespace)
        except kube_errors.NotFoundError:
            done = False
        except kube_errors.ForbiddenError as error:
            raise _missing_right("change", key, error) from error
        else:
            done = True
    if done and action.told:
        say(action.told)


async def _apply(client: KubeClient, item: Object) -> None:
    key = key_of(item)
    try:
        await client.patch(
            key.resource,
            key.name,
            item,
            kind=PatchKind.APPLY,
            namespace=key.namespace,
            field_manager=MANAGER,
            force=True,
        )
    except kube_errors.ForbiddenError as error:
        raise _missing_right("apply", key, error) from error
    except kube_errors.InvalidError as error:
        raise errors.AlcoveError(
            f"the cluster refuses the {key}",
            cause=error.message,
            hint="what was applied before stays; 'alcove enable' goes on there, 'alcove disable' removes it",
        ) from error


def _missing_right(verb: str, key: Key, error: kube_errors.ForbiddenError) -> errors.AlcoveError:
    if error.code == 401:
        return error
    return errors.AlcoveError(
        f"you may not {verb} the {key}",
        cause=error.message,
        hint="ask an administrator to run the same command; it goes on where it stopped",
    )
