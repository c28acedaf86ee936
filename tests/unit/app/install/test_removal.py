"""Taking Alcove out of a cluster: what goes, what stays, and what is said about pods that run."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.app.install.worlds import InstallClient, create_all, installer_of, node, pod
from tests.unit.app.spaces.worlds import namespace, put, silent

from alcove.app.install import kinds
from alcove.app.install.hubs import CLAIMS
from alcove.app.install.settings import Wishes
from alcove.app.install.usecases import Deadlines, Installer
from alcove.app.observation.spaces import ALIASES_ANNOTATION
from alcove.app.spaces.creation import RESTARTED_AT
from alcove.app.spaces.observing import ROLE_BINDINGS
from alcove.errors import AlcoveError
from alcove.kube import resources
from alcove.kube.client import Object
from alcove.kube.errors import ForbiddenError
from alcove.sessions.objects import SESSIONS

FOREVER = 15.0


HUB = {"app.kubernetes.io/name": "alcove", "app.kubernetes.io/component": "hub"}
MADE = {"app.kubernetes.io/managed-by": "alcove"}


def bound(role: str) -> Object:
    meta = {"name": role, "namespace": "dev"}
    return {"metadata": meta, "roleRef": {"kind": "ClusterRole", "name": role}}


@pytest.fixture
async def client() -> InstallClient:
    """Give a cluster with Alcove, and a space in which it left all that it leaves."""
    client = InstallClient()
    await create_all(client, resources.NODES, [node("a")])
    dev = namespace("dev")
    dev["metadata"]["annotations"] = {ALIASES_ANNOTATION: "{}", "mine": "x"}
    await put(client, dev)
    copy = {"metadata": {"name": "c", "namespace": "dev", "labels": {"alcove.dev/ingress-copy": "true"}}}
    await create_all(client, resources.INGRESSES, [copy, {"metadata": {"name": "mine", "namespace": "dev"}}])
    await create_all(client, ROLE_BINDINGS, [bound("alcove-tls"), bound("admin")])
    web = {"metadata": {"name": "web", "namespace": "dev"}, "spec": {"replicas": 1}}
    await create_all(client, resources.DEPLOYMENTS, [web])
    await create_all(client, resources.PODS, [pod("dev", "web-1"), pod("dev", "other", proxied=False)])
    return client


@pytest.fixture
async def installer(client: InstallClient, tmp_path: Path) -> Installer:
    installer = installer_of(client, tmp_path)
    await installer.enable(await installer.plan_enable(Wishes()), silent, Deadlines(0))
    return installer


async def names(client: InstallClient, *resources_: object) -> list[str]:
    found = [item for one in resources_ for item in (await client.list(one)).items]  # type: ignore[arg-type]
    return [item["metadata"]["name"] for item in found]


async def test_all_of_it_goes_and_what_users_made_stays(client: InstallClient, installer: Installer) -> None:
    plan = await installer.plan_disable()
    assert "Spaces keep their namespaces" in plan.question
    await installer.disable(plan, silent, seconds=FOREVER)
    assert await names(client, resources.NAMESPACES) == ["default", "dev"]
    assert await names(client, kinds.CLUSTER_ROLES, kinds.CLUSTER_ROLE_BINDINGS) == []
    assert await names(client, kinds.WEBHOOKS, kinds.INGRESS_CLASSES) == []
    assert await names(client, resources.INGRESSES, ROLE_BINDINGS) == ["mine", "admin"]
    dev = await client.get(resources.NAMESPACES, "dev")
    assert dev["metadata"]["labels"] == {"azds.io/space": "true"}
    assert dev["metadata"]["annotations"] == {"mine": "x"}
    web = await client.get(resources.DEPLOYMENTS, "web", namespace="dev")
    assert "template" not in web["spec"]


async def test_the_webhook_goes_first_and_the_roles_last(installer: Installer) -> None:
    plan = await installer.plan_disable()
    assert [action.name for action in plan.first] == ["alcove"]
    assert [one.name for one in plan.ends] == ["azds", "azds-build"]
    assert {"alcove-controlplane", "c", "alcove-tls"} <= {action.name for action in plan.last}


async def test_what_sessions_left_in_spaces_goes_after_the_hubs(
    client: InstallClient, installer: Installer
) -> None:
    meta = {"name": "alcove-hub", "namespace": "dev", "labels": HUB | MADE}
    await create_all(client, resources.DEPLOYMENTS, [{"metadata": meta}])
    await create_all(client, CLAIMS, [{"metadata": meta}, {"metadata": {"name": "mine", "namespace": "dev"}}])
    account = {"metadata": {"name": "alcove-space", "namespace": "dev", "labels": MADE}}
    await create_all(client, ROLE_BINDINGS, [account | {"roleRef": {"name": "admin"}}])
    await create_all(client, resources.SERVICE_ACCOUNTS, [account])
    await create_all(client, SESSIONS, [{"metadata": {"name": "s1", "namespace": "dev"}}])
    plan = await installer.plan_disable()
    assert "1 session (in dev) will end" in plan.warnings[0]
    assert [action.name for action in plan.first] == ["alcove", "alcove-hub"]
    again = [action.name for action in plan.last if action.resource == resources.DEPLOYMENTS]
    assert again == ["alcove-hub"], "an up that still runs may have made it again"
    await installer.disable(plan, silent, seconds=FOREVER)
    assert await names(client, resources.DEPLOYMENTS, CLAIMS) == ["web", "mine"]
    assert await names(client, ROLE_BINDINGS, resources.SERVICE_ACCOUNTS, kinds.DEFINITIONS) == ["admin"]


async def test_a_second_time_there_is_nothing_to_do(installer: Installer) -> None:
    await installer.disable(await installer.plan_disable(), silent, seconds=FOREVER)
    plan = await installer.plan_disable()
    assert not plan.question and not (plan.first or plan.last or plan.ends)
    assert "nothing to remove" in plan.summary


async def test_what_is_left_of_a_removal_that_failed_is_removed(
    client: InstallClient, installer: Installer
) -> None:
    client.denied = {("delete", "clusterroles.rbac.authorization.k8s.io")}
    with pytest.raises(AlcoveError, match="you may not delete the ClusterRole"):
        await installer.disable(await installer.plan_disable(), silent, seconds=FOREVER)
    client.denied = set()
    plan = await installer.plan_disable()
    assert plan.ends == () and plan.question
    await installer.disable(plan, silent, seconds=FOREVER)
    assert await names(client, kinds.CLUSTER_ROLES) == []


async def test_pods_that_keep_proxies_are_warned_of(client: InstallClient, installer: Installer) -> None:
    (warning,) = (await installer.plan_disable()).warnings
    assert "(1 in dev)" in warning and "--restart" in warning
    client.denied = {("list", "pods")}
    assert "is not known" in (await installer.plan_disable()).warnings[0]


async def test_workloads_with_proxies_restart_when_asked(client: InstallClient, installer: Installer) -> None:
    said: list[str] = []
    plan = await installer.plan_disable(restarted_at="now")
    assert plan.warnings == ()
    await installer.disable(plan, said.append, seconds=FOREVER)
    web = await client.get(resources.DEPLOYMENTS, "web", namespace="dev")
    assert web["spec"]["template"]["metadata"]["annotations"] == {RESTARTED_AT: "now"}
    assert "Deployment 'web' in 'dev' restarted" in said


async def test_what_may_not_be_seen_is_not_taken_for_gone(
    client: InstallClient, installer: Installer
) -> None:
    client.denied = {("list", "clusterroles.rbac.authorization.k8s.io")}
    with pytest.raises(ForbiddenError, match="cannot list"):
        await installer.plan_disable()


async def test_what_helm_leaves_in_spaces_is_removed(client: InstallClient, tmp_path: Path) -> None:
    meta = {"name": "alcove-hub", "namespace": "dev", "labels": HUB | MADE}
    await create_all(client, resources.DEPLOYMENTS, [{"metadata": meta}])
    installer = installer_of(client, tmp_path)
    plan = await installer.plan_disable()
    assert plan.question and plan.ends == ()
    await installer.disable(plan, silent, seconds=FOREVER)
    assert await names(client, resources.DEPLOYMENTS) == ["web"]


async def test_a_namespace_of_others_is_not_ours_to_remove(tmp_path: Path) -> None:
    client = InstallClient()
    await put(client, namespace("azds", space=False))
    plan = await installer_of(client, tmp_path).plan_disable()
    assert plan.ends == () and not plan.question
