"""Aggregated ClusterRoles."""

from __future__ import annotations

from tests.unit.embedded.controllers.worlds import World, play

from alcove.embedded.objects import Object

ROLES = "clusterroles.rbac.authorization.k8s.io"


def rule(verb: str) -> Object:
    return {"apiGroups": [""], "resources": ["pods"], "verbs": [verb]}


def role(name: str, *verbs: str, **labels: str) -> Object:
    return {"metadata": {"name": name, "labels": labels}, "rules": [rule(verb) for verb in verbs]}


def test_a_role_collects_the_rules_of_those_it_selects_and_follows_them() -> None:
    async def scenario(world: World) -> None:
        selector = {"clusterRoleSelectors": [{"matchLabels": {"to": "view"}}]}
        await world.create(ROLES, {"metadata": {"name": "view"}, "aggregationRule": selector})
        await world.create(ROLES, role("b", "list", "get", to="view"))
        await world.create(ROLES, role("a", "get", to="view"))
        await world.create(ROLES, role("c", "delete"))
        await world.settle()
        assert world.get(ROLES, "view")["rules"] == [rule("get"), rule("list")]
        await world.patch(ROLES, "b", {"metadata": {"labels": {"to": "edit"}}})
        await world.settle()
        assert world.get(ROLES, "view")["rules"] == [rule("get")]
        await world.delete(ROLES, "a")
        await world.settle()
        assert world.get(ROLES, "view")["rules"] == []

    play(scenario)
