"""Decides by RBAC: the rules of every role that a binding gives to the user or one of their groups.

Roles and bindings change seldom and are asked about with each request, so what they say is compiled: once
per change into an index by subject, once per user and namespace into their rules, and once per kind of
question into its answer. ``generation`` says when all of it is void.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from alcove.embedded import faults
from alcove.embedded.identity import users
from alcove.embedded.identity.rules import EVERYTHING, Rule, rules_of_role
from alcove.embedded.objects import GroupResource, Object, metadata
from alcove.embedded.ports import Attributes, ClusterReader, UserInfo, Verdict

GROUP = "rbac.authorization.k8s.io"
ROLES = GroupResource(f"roles.{GROUP}")
CLUSTER_ROLES = GroupResource(f"clusterroles.{GROUP}")
ROLE_BINDINGS = GroupResource(f"rolebindings.{GROUP}")
CLUSTER_ROLE_BINDINGS = GroupResource(f"clusterrolebindings.{GROUP}")
RESOURCES = (ROLES, CLUSTER_ROLES, ROLE_BINDINGS, CLUSTER_ROLE_BINDINGS)
"""What ``generation`` is to count the writes of."""

_MOST_USERS = 512
_MOST_ANSWERS = 2048

_Question = tuple[str, str, str, str]
_Answers = tuple[tuple[frozenset[str], str], ...]


class _Grant(NamedTuple):
    namespace: str
    """Empty for cluster-wide grants."""
    rules: tuple[Rule, ...]
    source: str


class _Held:
    """The rules that one user holds in one namespace, and the answers given so far."""

    def __init__(self, grants: Sequence[_Grant]) -> None:
        self.rules = tuple((rule, grant.source) for grant in grants for rule in grant.rules)
        self._answers: dict[_Question, _Answers] = {}

    def find(self, asked: Attributes) -> str | None:
        """Give the source of a rule that allows it, None when there is none."""
        if asked.path:
            matches = (source for rule, source in self.rules if rule.allows_url(asked.verb, asked.path))
            return next(matches, None)
        question = (asked.verb, asked.group, asked.resource, asked.subresource)
        answers = self._answers.get(question)
        if answers is None:
            if len(self._answers) >= _MOST_ANSWERS:
                self._answers.clear()
            answers = self._answers[question] = tuple(
                (rule.names, source) for rule, source in self.rules if rule.allows_resource(*question)
            )
        for names, source in answers:
            if not names or asked.name in names:
                return source
        return None


class RbacAuthorizer:
    """Answers whether a user may (``ports.Authorizer``)."""

    def __init__(self, reader: ClusterReader, generation: Callable[[], int]) -> None:
        """Decide by what ``reader`` has; ``generation`` changes with each write to one of ``RESOURCES``."""
        self._reader = reader
        self._generation = generation
        self._compiled: int | None = None
        self._grants: dict[tuple[str, str], list[_Grant]] = {}
        self._held: dict[tuple[str, tuple[str, ...], str], _Held] = {}

    def authorize(self, attributes: Attributes) -> Verdict:
        """Decide from the RBAC objects of this moment.

        The reason tells which binding allows it. That nothing does has none: what was refused is the
        caller's to say.
        """
        user = attributes.user
        if users.MASTERS in user.groups:
            return _MASTER
        source = self._rules_held(user, attributes.namespace).find(attributes)
        return _REFUSED if source is None else Verdict(True, source)

    def rules_for(self, user: UserInfo, namespace: str = "") -> tuple[Rule, ...]:
        """Give every rule that the user holds cluster-wide and, when named, in the namespace."""
        if users.MASTERS in user.groups:
            return EVERYTHING
        return tuple(rule for rule, _ in self._rules_held(user, namespace).rules)

    def _rules_held(self, user: UserInfo, namespace: str) -> _Held:
        generation = self._generation()
        if generation != self._compiled:
            self._grants = self._index()
            self._held.clear()
            self._compiled = generation
        key = (user.name, user.groups, namespace)
        held = self._held.get(key)
        if held is None:
            if len(self._held) >= _MOST_USERS:
                self._held.clear()
            held = self._held[key] = _Held(list(self._grants_for(user, namespace)))
        return held

    def _grants_for(self, user: UserInfo, namespace: str) -> Iterator[_Grant]:
        subjects = [("User", user.name), *(("Group", group) for group in user.groups)]
        seen: set[str] = set()
        for subject in subjects:
            for grant in self._grants.get(subject, ()):
                if grant.namespace in ("", namespace) and grant.source not in seen:
                    seen.add(grant.source)
                    yield grant

    def _index(self) -> dict[tuple[str, str], list[_Grant]]:
        cluster_roles = self._reader.list(CLUSTER_ROLES)
        compiled: dict[tuple[str, str, str], tuple[Rule, ...]] = {}
        index: dict[tuple[str, str], list[_Grant]] = {}
        bindings = (*self._reader.list(CLUSTER_ROLE_BINDINGS), *self._reader.list(ROLE_BINDINGS))
        for binding in bindings:
            namespace = metadata(binding).get("namespace") or ""
            kind, name = _role_reference(binding)
            key = (kind, namespace if kind == "Role" else "", name)
            if key not in compiled:
                role = _find_role(self._reader, key)
                compiled[key] = rules_of_role(role, cluster_roles) if role else ()
            for subject, told in _subjects(binding, namespace):
                source = f"RBAC: allowed by {_describe(binding, namespace)} to {told}"
                index.setdefault(subject, []).append(_Grant(namespace, compiled[key], source))
        return index


def role_rules(reader: ClusterReader, kind: str, namespace: str, name: str) -> tuple[Rule, ...]:
    """Give the rules of the role that a binding's ``roleRef`` names.

    Raises:
        ApiError: 404 when there is no such role.
    """
    role = _find_role(reader, (kind, namespace if kind == "Role" else "", name))
    if role is None:
        raise faults.not_found(ROLES if kind == "Role" else CLUSTER_ROLES, name)
    return rules_of_role(role, reader.list(CLUSTER_ROLES))


_REFUSED = Verdict(False)
_MASTER = Verdict(
    True,
    'RBAC: allowed by ClusterRoleBinding "cluster-admin" of ClusterRole "cluster-admin"'
    ' to Group "system:masters"',
)


def _role_reference(binding: Object) -> tuple[str, str]:
    reference = binding.get("roleRef") or {}
    return reference.get("kind", ""), reference.get("name", "")


def _find_role(reader: ClusterReader, key: tuple[str, str, str]) -> Object | None:
    kind, namespace, name = key
    if kind == "Role":
        return reader.get(ROLES, namespace, name) if namespace else None
    return reader.get(CLUSTER_ROLES, "", name) if kind == "ClusterRole" else None


def _subjects(binding: Object, namespace: str) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield whom it is for, as a key of the index and in words."""
    for subject in binding.get("subjects") or ():
        kind, name = subject.get("kind"), subject.get("name", "")
        if kind in ("User", "Group"):
            yield (kind, name), f'{kind} "{name}"'
        elif kind == "ServiceAccount" and (home := subject.get("namespace") or namespace):
            yield ("User", users.account_user_name(home, name)), f'{kind} "{name}/{home}"'


def _describe(binding: Object, namespace: str) -> str:
    kind, role = _role_reference(binding)
    name = metadata(binding).get("name", "")
    told = f'RoleBinding "{name}/{namespace}"' if namespace else f'ClusterRoleBinding "{name}"'
    return f'{told} of {kind} "{role}"'
