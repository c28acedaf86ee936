"""Enabling a cluster: once, twice, over something else, with few rights; and what is recorded."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.app.install.worlds import (
    InstallClient,
    controllers,
    create_all,
    installer_of,
    node,
    pod,
)
from tests.unit.app.spaces.worlds import namespace, put, silent

from alcove.app.install import kinds
from alcove.app.install.settings import Endpoint, Wishes
from alcove.app.install.suffixes import Suffix
from alcove.app.install.usecases import Deadlines, Installer
from alcove.errors import AlcoveError, ConflictError, UnavailableError, UsageError
from alcove.kube import resources
from alcove.kube.client import Object
from alcove.kube.errors import InvalidError, NotFoundError
from alcove.kube.resources import Resource

FOREVER = Deadlines(15.0, 15.0)
NOT_WAITING = Deadlines(0.0)


@pytest.fixture
async def client() -> InstallClient:
    client = InstallClient()
    await create_all(client, resources.NODES, [node("a")])
    return client


@pytest.fixture
def installer(client: InstallClient, tmp_path: Path) -> Installer:
    return installer_of(client, tmp_path)


async def enable(
    installer: Installer, wishes: Wishes | None = None, deadlines: Deadlines = NOT_WAITING
) -> Suffix:
    plan = await installer.plan_enable(wishes or Wishes())
    return await installer.enable(plan, silent, deadlines)


async def recorded(client: InstallClient) -> dict[str, str]:
    found = await client.get(resources.CONFIG_MAPS, "alcove", namespace="azds")
    data: dict[str, str] = found["data"]
    return data


async def test_enabling_twice_changes_nothing_the_second_time(
    client: InstallClient, installer: Installer
) -> None:
    await enable(installer)
    before = (await client.list(resources.DEPLOYMENTS)).resource_version
    plan = await installer.plan_enable(Wishes())
    assert plan.question == "" and plan.removals == () and plan.replaces is None
    await installer.enable(plan, silent, NOT_WAITING)
    assert (await client.list(resources.DEPLOYMENTS)).resource_version == before


async def test_it_waits_until_it_runs_and_has_an_address(client: InstallClient, installer: Installer) -> None:
    said: list[str] = []
    async with controllers(client, address={"ip": "20.1.2.3"}):
        plan = await installer.plan_enable(Wishes())
        assert await installer.enable(plan, said.append, FOREVER) == Suffix(".20.1.2.3.sslip.io")
    assert said[-1] == "Control plane and gateway are ready"
    data = await recorded(client)
    assert (data["hostSuffix"], data["hostSuffixSource"]) == (".20.1.2.3.sslip.io", "address")


async def test_a_balancer_with_a_name_only_leaves_the_suffix_open(
    client: InstallClient, installer: Installer
) -> None:
    said: list[str] = []
    async with controllers(client, address={"hostname": "x.elb.example.com"}):
        plan = await installer.plan_enable(Wishes())
        assert await installer.enable(plan, said.append, FOREVER) == Suffix("")
    assert "CNAME x.elb.example.com" in " ".join(said) and "hostSuffix" not in await recorded(client)


async def test_what_is_not_ready_in_time_is_an_error_that_says_why(installer: Installer) -> None:
    with pytest.raises(UnavailableError, match="not ready after"):
        await enable(installer, deadlines=Deadlines(0.01))


async def test_a_chosen_suffix_stays_until_another_is_chosen(
    client: InstallClient, installer: Installer
) -> None:
    await enable(installer, Wishes(host_suffix="dev.example.com"))
    assert (await enable(installer)).text == ".dev.example.com"
    assert (await recorded(client))["hostSuffixSource"] == "option"


async def test_without_a_gateway_there_is_no_suffix(client: InstallClient, installer: Installer) -> None:
    async with controllers(client, address={"ip": "127.0.0.1"}):
        await enable(installer, deadlines=FOREVER)
    assert (await recorded(client))["hostSuffix"] == ".alcove.localhost"
    plan = await installer.plan_enable(Wishes(Endpoint.NONE))
    assert {key.name for key in plan.removals} == {"alcove-gateway", "alcove", "traefik-azds"}
    await installer.enable(plan, silent, NOT_WAITING)
    with pytest.raises(NotFoundError):
        await client.get(resources.DEPLOYMENTS, kinds.GATEWAY, namespace="azds")
    assert "hostSuffix" not in await recorded(client)
    assert (await recorded(client))["endpoint"] == "none"


async def test_a_foreign_namespace_is_replaced_with_all_in_it(
    client: InstallClient, installer: Installer
) -> None:
    await put(client, namespace("azds", space=False))
    meta = {"name": "traefik", "namespace": "azds"}
    await create_all(client, resources.DEPLOYMENTS, [{"metadata": meta, "spec": {}}])
    plan = await installer.plan_enable(Wishes())
    assert "will be deleted with everything in it" in plan.question
    await installer.enable(plan, silent, NOT_WAITING)
    with pytest.raises(NotFoundError):
        await client.get(resources.DEPLOYMENTS, "traefik", namespace="azds")
    assert not (await installer.plan_enable(Wishes())).question


async def test_what_an_older_version_made_goes(client: InstallClient, installer: Installer) -> None:
    await enable(installer)
    old = {"metadata": kinds.metadata("alcove-router")}
    told = {"metadata": kinds.metadata(kinds.GATEWAY), "data": {"exchange": "{}"}}
    await create_all(client, resources.SERVICES, [old])
    await create_all(client, resources.CONFIG_MAPS, [told])
    said: list[str] = []
    await installer.enable(await installer.plan_enable(Wishes()), said.append, NOT_WAITING)
    assert "Service 'alcove-router' removed: nothing asks for it any more" in said
    assert await client.get(resources.CONFIG_MAPS, kinds.GATEWAY, namespace="azds")


async def test_nothing_is_changed_where_it_cannot_work(client: InstallClient, installer: Installer) -> None:
    client.lacks = {("create", "clusterroles")}
    with pytest.raises(ConflictError, match="you lack rights"):
        await installer.plan_enable(Wishes())
    client.lacks = set()
    client.kinds.remove(kinds.INGRESS_CLASSES)
    with pytest.raises(ConflictError, match="IngressClass"):
        await installer.plan_enable(Wishes())
    assert client.written == []


async def test_a_first_space_that_cannot_be_one_is_refused_beforehand(
    client: InstallClient, installer: Installer
) -> None:
    meshed = namespace("shop", space=False)
    meshed["metadata"]["labels"]["istio-injection"] = "enabled"
    await put(client, meshed)
    for space, error in (("shop", ConflictError), ("gone/shop", ConflictError), ("A", UsageError)):
        with pytest.raises(error):
            await installer.plan_enable(Wishes(), space=space)
    assert client.written == []
    assert (await installer.plan_enable(Wishes(), space="dev")).question


async def test_a_release_of_helm_is_left_alone(client: InstallClient, installer: Installer) -> None:
    await put(client, namespace("azds", space=False))
    meta = {"name": "alcove", "namespace": "azds", "annotations": {kinds.HELM_RELEASE: "mine"}}
    await create_all(client, resources.CONFIG_MAPS, [{"metadata": meta, "data": {"version": "1"}}])
    with pytest.raises(ConflictError, match="by Helm"):
        await installer.plan_enable(Wishes())
    with pytest.raises(ConflictError, match="by Helm"):
        await installer.plan_disable()


async def test_a_right_that_goes_missing_half_way_is_named(
    client: InstallClient, installer: Installer
) -> None:
    plan = await installer.plan_enable(Wishes())
    client.denied = {("patch", "deployments.apps")}
    with pytest.raises(AlcoveError, match="you may not apply the Deployment 'alcove-controlplane'") as caught:
        await installer.enable(plan, silent, NOT_WAITING)
    assert "goes on where it stopped" in caught.value.hint


async def test_an_object_that_the_cluster_refuses_is_named(tmp_path: Path) -> None:
    class Strict(InstallClient):
        async def patch(self, resource: Resource, name: str, patch: object, **options: object) -> Object:
            if resource == kinds.WEBHOOKS:
                raise InvalidError("webhooks[0]: no", code=422)
            return await super().patch(resource, name, patch, **options)

    client = Strict()
    await create_all(client, resources.NODES, [node("a")])
    with pytest.raises(AlcoveError, match="refuses the MutatingWebhookConfiguration 'alcove'") as caught:
        await enable(installer_of(client, tmp_path))
    assert caught.value.cause == "webhooks[0]: no"


async def test_dry_run_gives_what_would_be_applied(client: InstallClient, installer: Installer) -> None:
    await enable(installer, Wishes(Endpoint.NONE))
    before = client.written[:]
    found = await installer.render(Wishes())
    assert client.written == before and not [item for item in found if item["kind"] == "IngressClass"]


async def test_pods_of_an_installation_that_is_gone_are_warned_of(
    client: InstallClient, installer: Installer
) -> None:
    await put(client, namespace("dev"))
    await create_all(client, resources.PODS, [pod("dev", "old")])
    plan = await installer.plan_enable(Wishes())
    assert "dev" in " ".join(plan.warnings) and "--restart" in " ".join(plan.warnings)
    await installer.enable(plan, silent, NOT_WAITING)
    assert not (await installer.plan_enable(Wishes())).warnings
