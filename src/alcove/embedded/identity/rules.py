"""RBAC rules as values: what one allows, what a set of them covers, and how roles aggregate.

Pure functions of the rules of Roles and ClusterRoles. ``*`` stands for all verbs, groups or resources;
``*/scale`` for that subresource of all resources; a URL may end in ``*``.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from alcove.embedded import labels
from alcove.embedded.objects import Object, labels_of, metadata

_LISTS = ("apiGroups", "resources", "nonResourceURLs", "resourceNames", "verbs")


class Rule(NamedTuple):
    """One rule of a role."""

    groups: frozenset[str] = frozenset()
    resources: frozenset[str] = frozenset()
    urls: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    """Empty for objects of any name."""
    verbs: frozenset[str] = frozenset()

    def allows_resource(self, verb: str, group: str, resource: str, subresource: str = "") -> bool:
        """Tell whether it allows the verb on such objects; ``names`` is the caller's to compare."""
        return (
            _has(self.verbs, verb)
            and _has(self.groups, group)
            and _covers_resource(self.resources, f"{resource}/{subresource}" if subresource else resource)
        )

    def allows_url(self, verb: str, path: str) -> bool:
        """Tell whether it allows the verb on a path outside of resources."""
        return _has(self.verbs, verb) and any(_covers_url(url, path) for url in self.urls)

    def covers(self, part: Rule) -> bool:
        """Tell whether it grants all that ``part``, a rule of single entries, grants."""
        return (
            all(_has(self.verbs, verb) for verb in part.verbs)
            and all(_has(self.groups, group) for group in part.groups)
            and all(_covers_resource(self.resources, resource) for resource in part.resources)
            and all(any(_covers_url(url, path) for url in self.urls) for path in part.urls)
            and (not self.names or (bool(part.names) and part.names <= self.names))
        )

    def parts(self) -> Iterator[Rule]:
        """Give rules of single entries that together grant the same."""
        names = [frozenset({name}) for name in sorted(self.names)] or [frozenset[str]()]
        for group, resource, verb in itertools.product(
            *map(sorted, (self.groups, self.resources, self.verbs))
        ):
            for name in names:
                yield Rule(
                    groups=frozenset({group}),
                    resources=frozenset({resource}),
                    names=name,
                    verbs=frozenset({verb}),
                )
        for url, verb in itertools.product(sorted(self.urls), sorted(self.verbs)):
            yield Rule(urls=frozenset({url}), verbs=frozenset({verb}))


EVERYTHING = (
    Rule(groups=frozenset("*"), resources=frozenset("*"), verbs=frozenset("*")),
    Rule(urls=frozenset("*"), verbs=frozenset("*")),
)
"""What cluster-admin holds."""


def parse_rules(source: Iterable[Mapping[str, Any]] | None) -> tuple[Rule, ...]:
    """Read the ``rules`` of a role."""
    return tuple(Rule(*(frozenset(rule.get(name) or ()) for name in _LISTS)) for rule in source or ())


def rules_of_role(role: Object, cluster_roles: Sequence[Object]) -> tuple[Rule, ...]:
    """Give the rules of a Role or ClusterRole, those it aggregates included."""
    return parse_rules(aggregated_rules(role, cluster_roles))


def aggregated_rules(role: Object, cluster_roles: Sequence[Object]) -> list[Object]:
    """Give the ``rules`` that a role is to have: its own, or those that its aggregationRule gathers.

    Roles gather from roles that gather themselves (admin ⊃ edit ⊃ view); ``cluster_roles`` is all there are.
    """
    return _gather(role, cluster_roles, {metadata(role).get("name", "")})


def _gather(role: Object, cluster_roles: Sequence[Object], visited: set[str]) -> list[Object]:
    aggregation = (role.get("aggregationRule") or {}).get("clusterRoleSelectors")
    if not aggregation:
        return list(role.get("rules") or ())
    gathered: list[Object] = []
    for other in cluster_roles:
        name = metadata(other).get("name", "")
        if name in visited or not any(labels.selects(one, labels_of(other)) for one in aggregation):
            continue
        visited.add(name)
        gathered.extend(rule for rule in _gather(other, cluster_roles, visited) if rule not in gathered)
    return gathered


def missing_rules(held: Sequence[Rule], wanted: Iterable[Rule]) -> list[Rule]:
    """Give the parts of ``wanted`` that no rule of ``held`` covers, those that differ in verbs joined."""
    joined: dict[Rule, set[str]] = {}
    for part in itertools.chain.from_iterable(rule.parts() for rule in wanted):
        if not any(rule.covers(part) for rule in held):
            joined.setdefault(part._replace(verbs=frozenset()), set()).update(part.verbs)
    return [part._replace(verbs=frozenset(verbs)) for part, verbs in joined.items()]


def describe_rule(rule: Rule) -> str:
    """Give a rule on one line, as Kubernetes does in refusals."""
    labelled = (
        ("APIGroups", rule.groups),
        ("Resources", rule.resources),
        ("NonResourceURLs", rule.urls),
        ("ResourceNames", rule.names),
        ("Verbs", rule.verbs),
    )
    return "{" + ", ".join(f"{label}:{quoted(sorted(values))}" for label, values in labelled if values) + "}"


def quoted(values: Iterable[str]) -> str:
    """Give a list of strings as Go prints it: ``["a" "b"]``."""
    return "[" + " ".join(json.dumps(value, ensure_ascii=False) for value in values) + "]"


def _has(allowed: frozenset[str], one: str) -> bool:
    return one in allowed or "*" in allowed


def _covers_resource(allowed: frozenset[str], resource: str) -> bool:
    if _has(allowed, resource):
        return True
    _, slash, subresource = resource.partition("/")
    return bool(slash) and f"*/{subresource}" in allowed


def _covers_url(allowed: str, path: str) -> bool:
    return allowed == path or (allowed.endswith("*") and path.startswith(allowed.rstrip("*")))
