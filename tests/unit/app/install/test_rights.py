"""What accounts may: nothing by wildcard, nothing that the docs do not explain, nothing else."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from alcove.app.install import kinds
from alcove.app.install.access import escalation, handed_out, needed_rights
from alcove.app.install.rendering import render_objects
from alcove.app.install.rights import (
    BUILDER_READER_RULES,
    BUILDERS_RULES,
    CLUSTER_RULES,
    OWN_RULES,
    READER_RULES,
    TLS_RULES,
)
from alcove.app.install.sessions import EDIT_RULES, VIEW_RULES
from alcove.app.install.settings import Endpoint, InstallSettings
from alcove.kube.client import Object

DOCS = (Path(__file__).parents[4] / "docs" / "security.md").read_text()
SECTIONS = {
    "control plane, everywhere": CLUSTER_RULES,
    "in its own namespace": OWN_RULES,
    "bound to nobody": TLS_RULES,
    "Everybody, in `azds`": READER_RULES,
    "where images are built": BUILDERS_RULES,
    "Hubs, where images are built": BUILDER_READER_RULES,
    "joins `admin` and `edit`": EDIT_RULES,
    "joins `view`": VIEW_RULES,
}
WRITES = {"create", "update", "patch", "delete", "deletecollection"}


def granted(rules: tuple[Object, ...]) -> set[tuple[str, str]]:
    return {
        (named(resource, group), verb)
        for rule in rules
        for group, resource, verb in itertools.product(rule["apiGroups"], rule["resources"], rule["verbs"])
    }


def named(resource: str, group: str) -> str:
    kind, slash, part = resource.partition("/")
    return f"{kind}.{group}{slash}{part}" if group else resource


def explained(title: str) -> Iterator[tuple[str, str]]:
    section = next(one for one in DOCS.split("\n## ") if title in one.splitlines()[0])
    for resource, verbs in re.findall(r"^\| `([\w./-]+)` \| ([a-z, ]+) \|", section, re.MULTILINE):
        yield from ((resource, verb.strip()) for verb in verbs.split(","))


@pytest.mark.parametrize("title", SECTIONS)
def test_the_docs_explain_each_verb_of_each_rule_and_no_other(title: str) -> None:
    assert set(explained(title)) == granted(SECTIONS[title])


@pytest.mark.parametrize("endpoint", Endpoint)
def test_no_role_holds_a_wildcard(endpoint: Endpoint) -> None:
    roles = [item for item in render_objects(InstallSettings(endpoint=endpoint)) if "rules" in item]
    assert len(roles) == 8
    for rule in itertools.chain.from_iterable(role["rules"] for role in roles):
        assert not [value for values in rule.values() for value in values if "*" in value]


def test_secrets_are_read_by_name_only_and_nowhere_else() -> None:
    assert not [rule for rule in CLUSTER_RULES if "secrets" in rule["resources"]]
    reads = [rule for rule in OWN_RULES if "secrets" in rule["resources"] and "get" in rule["verbs"]]
    assert [rule["resourceNames"] for rule in reads] == [["alcove-certificates"]]
    bound = [item["roleRef"]["name"] for item in render_objects(InstallSettings()) if "roleRef" in item]
    assert kinds.TLS_READER not in bound


def test_everywhere_it_writes_only_what_is_listed_here() -> None:
    writes = {pair for pair in granted(CLUSTER_RULES) if pair[1] in WRITES}
    assert writes == {
        ("namespaces", "patch"),
        ("ingresses.networking.k8s.io", "create"),
        ("ingresses.networking.k8s.io", "patch"),
        ("ingresses.networking.k8s.io", "delete"),
        ("events", "create"),
        ("events", "patch"),
        ("tokenreviews.authentication.k8s.io", "create"),
        ("mutatingwebhookconfigurations.admissionregistration.k8s.io", "update"),
        ("mutatingwebhookconfigurations.admissionregistration.k8s.io", "patch"),
    }


def test_everybody_reads_three_things_by_name() -> None:
    assert {verb for _, verb in granted(READER_RULES)} == {"get"}
    assert all(rule["resourceNames"] for rule in READER_RULES)
    assert not [rule for rule in READER_RULES if "secrets" in rule["resources"]]


def test_the_gateways_account_has_no_right_and_no_token() -> None:
    objects = render_objects(InstallSettings())
    subjects = [one["name"] for item in objects for one in item.get("subjects", ())]
    assert kinds.GATEWAY not in subjects
    pods = {
        item["metadata"]["name"]: item["spec"]["template"]["spec"]["automountServiceAccountToken"]
        for item in objects
        if item["kind"] == "Deployment"
    }
    assert pods == {"alcove-controlplane": True, "alcove-gateway": False}


def test_what_installing_takes_covers_each_object_and_each_rule() -> None:
    objects = render_objects(InstallSettings())
    needed = {(right.verb, right.resource, right.namespace) for right in needed_rights(objects)}
    for item in objects:
        resource = kinds.resource_of(item)
        where = item["metadata"].get("namespace", "")
        assert {("create", resource.plural, where), ("patch", resource.plural, where)} <= needed
    handed = {(right.resource, right.verb, right.name) for right in handed_out(objects)}
    assert ("secrets", "get", "alcove-certificates") in handed and ("pods", "watch", "") in handed
    assert {(right.verb, right.resource) for right in escalation(objects)} == {
        ("bind", "clusterroles"),
        ("bind", "roles"),
        ("escalate", "clusterroles"),
        ("escalate", "roles"),
    }
    assert {right.namespace for right in escalation(objects)} == {"", "azds", "azds-build"}
