"""Carries out plans, and says which right is missing where one is."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable

from alcove import errors
from alcove.app.spaces.observing import ROLE_BINDINGS
from alcove.app.spaces.plans import Action, Plan
from alcove.kube import errors as kube_errors
from alcove.kube import resources
from alcove.kube.client import KubeClient

_ACCOUNT_USER = "system:serviceaccount:"


async def apply_plan(client: KubeClient, plan: Plan, say: Callable[[str], None]) -> None:
    """Do what was planned, in order, and say each thing once it is done.

    Raises:
        AlcoveError: a right is missing, or what was planned for has changed; what was said is done.
    """
    for action in plan.actions:
        try:
            done = await _apply_action(client, action)
        except kube_errors.ForbiddenError as error:
            if error.code == 401:
                raise
            raise missing_right(action, error) from error
        if done and action.told:
            say(action.told)


async def _apply_action(client: KubeClient, action: Action) -> bool:
    """Do it; False when it was done already."""
    try:
        if action.verb == "create":
            await client.create(action.resource, action.body or {})
        elif action.verb == "patch":
            await client.patch(action.resource, action.name, action.body, namespace=action.namespace)
        else:
            where = action.namespace
            await client.delete(action.resource, action.name, namespace=where, uid=action.uid)
    except kube_errors.AlreadyExistsError as error:
        if action.resource == resources.NAMESPACES:
            raise errors.ConflictError(
                f"the namespace {action.name!r} exists already",
                cause="it was made just now, or you may not see it",
                hint=f"try again, or ask its owner; does it exist? kubectl get namespace {action.name}",
            ) from error
        return False
    except kube_errors.NotFoundError:
        if action.verb != "delete":
            raise
        return False
    return True


def missing_right(action: Action, error: kube_errors.ForbiddenError) -> errors.AlcoveError:
    """Give the error that names the right, and how to get it."""
    user = _user(error.message)
    right = f"you may not {action.verb} {action.resource}"
    if action.resource == ROLE_BINDINGS and "attempting to grant" in error.message:
        right = "you may not give the role 'admin' to a service account, since you do not hold it yourself"
    where = f" in the namespace {action.namespace!r}" if action.namespace else f" (here {action.name!r})"
    return errors.AlcoveError(
        right + where,
        cause=error.message,
        hint="ask an administrator to run the same command for you, or for the right:\n  "
        + "\n  ".join(_grants(action, user))
        + "\nthen run the command again: it goes on where it stopped",
    )


def _grants(action: Action, user: str) -> list[str]:
    """Give the commands that grant no more than the action needs."""
    if action.namespace:
        binding = f"alcove-admin-{_name_part(user)}"
        return [
            f"kubectl create rolebinding {binding} --clusterrole=admin {_flag(user)} -n {action.namespace}"
        ]
    name = f"alcove-{action.verb}-namespaces"
    rule = f"{name} --verb={action.verb} --resource=namespaces"
    binding = f"{name}-{_name_part(user)}"
    if action.verb == "create":
        bound = f"kubectl create clusterrolebinding {binding} --clusterrole={name} {_flag(user)}"
        return [f"kubectl create clusterrole {rule}", bound]
    inside = f"-n {action.name}"
    bound = f"kubectl create rolebinding {binding} --role={name} {_flag(user)} {inside}"
    return [f"kubectl create role {rule} {inside}", bound]


def _name_part(user: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", user.lower()).strip("-.")


def _flag(user: str) -> str:
    if user.startswith(_ACCOUNT_USER):
        return f"--serviceaccount={user.removeprefix(_ACCOUNT_USER)}"
    return f"--user={shlex.quote(user)}"


def _user(message: str) -> str:
    found = re.search(r'[Uu]ser "([^"]+)"', message)
    return found[1] if found else "YOU"
