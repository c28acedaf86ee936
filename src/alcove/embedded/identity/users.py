"""The names that Kubernetes gives to users and groups."""

from __future__ import annotations

from collections.abc import Sequence

from alcove.embedded.ports import UserInfo

MASTERS = "system:masters"
AUTHENTICATED = "system:authenticated"
UNAUTHENTICATED = "system:unauthenticated"
SERVICE_ACCOUNTS = "system:serviceaccounts"

ANONYMOUS = UserInfo("system:anonymous", (UNAUTHENTICATED,))
"""Who asks without any credentials."""

_ACCOUNT_PREFIX = "system:serviceaccount:"


def account_user_name(namespace: str, name: str) -> str:
    """Give the user name of a service account."""
    return f"{_ACCOUNT_PREFIX}{namespace}:{name}"


def account_groups(namespace: str) -> tuple[str, ...]:
    """Give the groups that every service account of a namespace is in."""
    return (SERVICE_ACCOUNTS, f"{SERVICE_ACCOUNTS}:{namespace}", AUTHENTICATED)


def certificate_user(common_name: str, organizations: Sequence[str]) -> UserInfo:
    """Give the user of a client certificate: its common name, in the groups of its organizations."""
    groups = [*organizations]
    if AUTHENTICATED not in groups:
        groups.append(AUTHENTICATED)
    return UserInfo(common_name, tuple(groups))


def impersonated_user(
    name: str, groups: Sequence[str], uid: str, extra: dict[str, tuple[str, ...]]
) -> UserInfo:
    """Give the user that ``Impersonate-*`` headers name, with the groups that follow from the name.

    Whether the caller may impersonate each part is asked of the authorizer by whoever reads the headers.
    """
    told = list(groups)
    if not told and name.startswith(_ACCOUNT_PREFIX) and name.count(":") == 3:
        told.extend(account_groups(name.split(":")[2]))
    implied = UNAUTHENTICATED if name == ANONYMOUS.name else AUTHENTICATED
    if implied not in told:
        told.append(implied)
    return UserInfo(name, tuple(told), uid, extra)
