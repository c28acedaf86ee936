"""Copies of foreign Ingresses, written to an API that completes, checks and refuses."""

from __future__ import annotations

from typing import Any

from tests.unit.app.observation.objects import ingress, rule
from tests.unit.spaces.worlds import make_tree

from alcove.app.gateway.applying import apply_copies
from alcove.app.gateway.bodies import is_copy
from alcove.app.gateway.copies import CopyAction, plan_copies
from alcove.kube import resources
from alcove.kube.client import KubeClient, Object, Selection

TREE = make_tree(dev="", amy="dev", bob="dev")
WEB = rule("web.test", ("/", "web", 80))


async def settle(client: KubeClient) -> list[str]:
    """Apply until nothing is planned any more; give the verbs."""
    verbs: list[str] = []
    while actions := plan_copies((await client.list(resources.INGRESSES)).items, TREE).actions:
        assert await apply_copies(client, actions) == ()
        verbs += [action.verb for action in actions]
        assert len(verbs) < 20, "it never ends"
    return verbs


async def copies(client: KubeClient) -> list[Object]:
    listed = await client.list(resources.INGRESSES, Selection("dev", "alcove.dev/ingress-copy=true"))
    return [*listed.items]


async def make_original(client: KubeClient, **spec: Any) -> None:
    for name in TREE.parents:
        await client.create(
            resources.NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        )
    made = ingress("dev", WEB, cls="nginx", **spec)
    await client.create(
        resources.INGRESSES, {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", **made}
    )


async def test_copies_are_made_changed_and_removed_once(client: KubeClient) -> None:
    await make_original(client, tls=[{"hosts": ["web.test"], "secretName": "tls"}])
    assert await settle(client) == ["create", "create"]
    assert [each["spec"]["tls"][0]["hosts"] for each in await copies(client)] == [
        ["amy.s.web.test"],
        ["bob.s.web.test"],
    ]
    change = {"spec": {"tls": None, "rules": [rule("new.test", ("/", "web", "http"))]}}
    await client.patch(resources.INGRESSES, "entry", change, namespace="dev")
    assert await settle(client) == ["patch", "patch"]
    assert all("tls" not in each["spec"] for each in await copies(client))
    await client.patch(
        resources.INGRESSES, "entry", {"spec": {"ingressClassName": "alcove"}}, namespace="dev"
    )
    assert await settle(client) == ["delete", "delete"]
    assert await copies(client) == []


async def test_an_object_that_took_a_copys_name_is_not_touched(client: KubeClient) -> None:
    await make_original(client)
    await settle(client)
    stale = CopyAction("patch", "dev", "entry-amy", {"metadata": {"uid": "another", "labels": {"x": "y"}}})
    assert await apply_copies(client, [stale, CopyAction("delete", "dev", "entry-amy", uid="another")]) == ()
    found = await client.get(resources.INGRESSES, "entry-amy", namespace="dev")
    assert is_copy(found) and "x" not in found["metadata"]["labels"]
