from __future__ import annotations

from alcove.embedded.identity.bootstrap import default_objects


def test_every_default_object_is_complete_and_its_own() -> None:
    objects = default_objects()
    assert len({(item["kind"], item["metadata"]["name"]) for item in objects}) == len(objects)
    assert all(item["apiVersion"] == "rbac.authorization.k8s.io/v1" for item in objects)


def test_every_binding_names_a_default_role() -> None:
    objects = default_objects()
    roles = {item["metadata"]["name"] for item in objects if item["kind"] == "ClusterRole"}
    bound = {item["roleRef"]["name"] for item in objects if item["kind"] == "ClusterRoleBinding"}
    assert bound <= roles


def test_rules_have_verbs_and_either_resources_or_urls() -> None:
    rules = [rule for item in default_objects() for rule in item.get("rules", ())]
    assert all(rule["verbs"] and ("resources" in rule) != ("nonResourceURLs" in rule) for rule in rules)
