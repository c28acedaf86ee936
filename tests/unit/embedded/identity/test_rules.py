from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.embedded.identity.rules import (
    EVERYTHING,
    Rule,
    aggregated_rules,
    describe_rule,
    missing_rules,
    parse_rules,
)
from alcove.embedded.objects import Object

WORDS = st.frozensets(st.sampled_from(["", "*", "a", "b", "a/log", "*/log"]), max_size=3)
NOTHING = st.just(frozenset[str]())
RULES = st.builds(Rule, groups=WORDS, resources=WORDS, urls=NOTHING, names=WORDS, verbs=WORDS) | st.builds(
    Rule, groups=NOTHING, resources=NOTHING, urls=WORDS, names=NOTHING, verbs=WORDS
)


def rule(groups: str, resources: str, verbs: str, names: str = "") -> Rule:
    (parsed,) = parse_rules(
        [
            {
                "apiGroups": groups.split(","),
                "resources": resources.split(),
                "verbs": verbs.split(),
                "resourceNames": names.split(),
            }
        ]
    )
    return parsed


@pytest.mark.parametrize(
    ("held", "verb", "group", "resource", "subresource", "allowed"),
    [
        (rule("", "pods", "get list"), "list", "", "pods", "", True),
        (rule("", "pods", "get list"), "watch", "", "pods", "", False),
        (rule("", "pods", "get"), "get", "apps", "pods", "", False),
        (rule("*", "pods", "get"), "get", "apps", "pods", "", True),
        (rule("", "pods", "get"), "get", "", "pods", "log", False),
        (rule("", "pods/log", "get"), "get", "", "pods", "log", True),
        (rule("", "pods/log", "get"), "get", "", "pods", "", False),
        (rule("", "pods/*", "get"), "get", "", "pods", "log", False),
        (rule("", "*", "get"), "get", "", "pods", "log", True),
        (rule("apps", "*/scale", "update"), "update", "apps", "deployments", "scale", True),
        (rule("apps", "*/scale", "update"), "update", "apps", "deployments", "", False),
        (rule("", "pods", "*"), "escalate", "", "pods", "", True),
    ],
)
def test_what_a_rule_allows(
    held: Rule, verb: str, group: str, resource: str, subresource: str, allowed: bool
) -> None:
    assert held.allows_resource(verb, group, resource, subresource) == allowed


@pytest.mark.parametrize(
    ("url", "path", "allowed"),
    [
        ("/healthz", "/healthz", True),
        ("/healthz", "/healthz/etcd", False),
        ("/healthz/*", "/healthz/etcd", True),
        ("/healthz*", "/healthz", True),
        ("*", "/anything", True),
        ("/a*b", "/axb", False),
    ],
)
def test_what_a_rule_of_urls_allows(url: str, path: str, allowed: bool) -> None:
    held = Rule(urls=frozenset({url}), verbs=frozenset({"get"}))
    assert held.allows_url("get", path) == allowed
    assert not held.allows_url("post", path)


@pytest.mark.parametrize(
    ("held", "wanted", "missing"),
    [
        ([rule("", "pods", "get list")], [rule("", "pods", "get")], []),
        ([rule("", "pods", "get")], [rule("", "pods", "get list")], [rule("", "pods", "list")]),
        ([rule("", "pods", "get"), rule("", "pods", "list")], [rule("", "pods", "get list")], []),
        ([rule("", "pods", "get", "web")], [rule("", "pods", "get")], [rule("", "pods", "get")]),
        ([rule("", "pods", "get")], [rule("", "pods", "get", "web")], []),
        ([rule("", "*/log", "get")], [rule("", "pods/log", "get")], []),
        ([rule("", "pods/log", "get")], [rule("", "*/log", "get")], [rule("", "*/log", "get")]),
        (list(EVERYTHING), [rule("*", "*", "*"), Rule(urls=frozenset("*"), verbs=frozenset("*"))], []),
    ],
)
def test_what_is_missing(held: list[Rule], wanted: list[Rule], missing: list[Rule]) -> None:
    assert missing_rules(held, wanted) == missing


@given(rules=st.lists(RULES, max_size=4))
def test_nobody_misses_what_they_hold(rules: list[Rule]) -> None:
    assert missing_rules(rules, rules) == []
    assert missing_rules(EVERYTHING, rules) == []


@given(rules=st.lists(RULES, max_size=3), held=st.lists(RULES, max_size=3))
def test_what_is_covered_is_allowed(rules: list[Rule], held: list[Rule]) -> None:
    missing = missing_rules(held, rules)
    asked = ("a", "a", "a", "")
    if not missing and any(one.allows_resource(*asked) for one in rules):
        assert any(one.allows_resource(*asked) for one in held)


def role(name: str, rules: list[Object], gathers: str = "", **labels: str) -> Object:
    found: Object = {"metadata": {"name": name, "labels": labels}, "rules": rules}
    if gathers:
        found["aggregationRule"] = {"clusterRoleSelectors": [{"matchLabels": {gathers: "yes"}}]}
    return found


def test_roles_gather_from_roles_that_gather() -> None:
    reads, writes = {"verbs": ["get"]}, {"verbs": ["update"]}
    view, edit = role("view", [], "v", e="yes"), role("edit", [], "e", a="yes")
    roles = [view, edit, role("reads", [reads], v="yes"), role("writes", [writes], e="yes")]
    assert aggregated_rules(view, roles) == [reads]
    assert aggregated_rules(role("admin", [], "a"), roles) == [reads, writes]


def test_roles_that_gather_each_other_end() -> None:
    one, two = role("one", [], "two", one="yes"), role("two", [], "one", two="yes")
    assert aggregated_rules(one, [one, two]) == []


def test_a_rule_reads_as_kubernetes_writes_it() -> None:
    assert describe_rule(rule("", "pods", "list get", "web")) == (
        '{APIGroups:[""], Resources:["pods"], ResourceNames:["web"], Verbs:["get" "list"]}'
    )
