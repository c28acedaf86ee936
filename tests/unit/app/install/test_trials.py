"""What doctor tries: a pod that is not kept, a name, a request to the gateway, whom the webhook trusts."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import pytest
from tests.unit.app.install.test_statuses import RECORD, seen
from tests.unit.app.install.worlds import InstallClient, create_all, ready
from tests.unit.app.spaces.worlds import namespace, put

from alcove.admission import signing
from alcove.app.install.trials import resolve_name, trust_ends, try_gateway, try_name, try_pod
from alcove.kube import resources
from alcove.kube.client import Object
from alcove.kube.resources import Resource
from alcove.model import SpaceName

DEV = SpaceName("dev")


class Injecting(InstallClient):
    """A cluster whose webhook answers."""

    async def create(self, resource: Resource, item: Object, *, dry_run: bool = False) -> Object:
        stored = await super().create(resource, item, dry_run=dry_run)
        assert dry_run
        labels = {**stored["metadata"].get("labels", {}), "alcove.dev/injected": "true"}
        return {**stored, "metadata": {**stored["metadata"], "labels": labels}}


async def test_a_pod_that_is_injected_is_fine_and_not_kept() -> None:
    client = Injecting()
    await put(client, namespace("dev"))
    found = await try_pod(client, seen(), DEV)
    assert not found.problem and "'dev'" in found.told
    assert (await client.list(resources.PODS)).items == []


async def test_a_pod_that_is_not_injected_is_a_problem() -> None:
    client = InstallClient()
    await put(client, namespace("dev"))
    found = await try_pod(client, seen(), None)
    assert "gets no proxy" in found.problem and "8443" in found.hint


async def test_what_stands_in_the_way_in_the_selected_space_is_said() -> None:
    client = InstallClient()
    strict = namespace("dev")
    strict["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] = "baseline"
    await put(client, strict)
    found = await try_pod(client, seen(namespaces=[strict]), DEV)
    assert "Pod Security level of its namespace is baseline" in found.problem
    assert (await try_pod(client, seen(namespaces=[strict]), None)).skipped


async def test_a_pod_that_may_not_be_created_tells_nothing() -> None:
    client = InstallClient()
    client.denied = {("create", "pods")}
    assert "is not known" in (await try_pod(client, seen(), DEV)).skipped


NAMES = {"alcove-doctor.a.b": ["20.1.2.3"], "x.elb.example.com": ["30.1.2.3", "20.1.2.3"]}


async def resolve(host: str) -> Sequence[str]:
    return NAMES.get(host, ())


def reached(suffix: str, **balancer: str) -> Any:
    service = {"status": {"loadBalancer": {"ingress": [balancer] if balancer else []}}}
    return seen(recorded=RECORD | {"hostSuffix": suffix}, gateway_service=service)


@pytest.mark.parametrize(
    ("installation", "problem", "hint"),
    [
        (reached(".a.b", ip="20.1.2.3"), "", ""),
        (reached(".a.b", hostname="x.elb.example.com"), "", ""),
        (reached(".alcove.localhost", ip="127.0.0.1"), "", ""),
        (
            reached(".a.b", ip="9.9.9.9"),
            "leads to 20.1.2.3, and the gateway is at 9.9.9.9",
            "*.a.b A 9.9.9.9",
        ),
        (reached(".c.d", ip="20.1.2.3"), "has no address", "*.c.d A 20.1.2.3"),
        (reached(".c.d", hostname="x.elb.example.com"), "has no address", "CNAME x.elb.example.com"),
        (reached(".a.b"), "no address yet", "LoadBalancer"),
        (reached("", hostname="x.elb.example.com"), "no host suffix yet", "--host-suffix"),
    ],
)
async def test_names_lead_to_the_gateway(installation: Any, problem: str, hint: str) -> None:
    found = await try_name(installation, resolve)
    assert problem in found.problem and bool(problem) == bool(found.problem)
    assert hint in found.hint


async def test_without_a_gateway_nothing_is_tried() -> None:
    none = seen(recorded=RECORD | {"endpoint": "none"})
    assert (await try_name(none, resolve)).skipped and (await try_gateway(InstallClient(), none)).skipped


def gateway_pod() -> Object:
    labels = {"app.kubernetes.io/name": "alcove", "app.kubernetes.io/component": "gateway"}
    meta = {"name": "gw", "namespace": "azds", "labels": labels}
    return {"metadata": meta, "status": {"conditions": ready()}}


@pytest.mark.parametrize(
    ("answer", "problem"),
    [(b"HTTP/1.1 404 Not Found\r\n\r\n", ""), (b"220 smtp\r\n", "not HTTP"), (None, "cannot be reached")],
)
async def test_the_gateway_answers(answer: bytes | None, problem: str) -> None:
    client = InstallClient()
    await put(client, namespace("azds", space=False))
    await create_all(client, resources.PODS, [gateway_pod()])
    if answer is not None:
        client.ports["azds", "gw", 8080] = lambda _request: answer
    found = await try_gateway(client, seen(pods=[gateway_pod()]))
    assert problem in found.problem and bool(problem) == bool(found.problem)
    assert (await try_gateway(client, seen())).skipped


def test_the_last_authority_counts() -> None:
    first, last = (
        signing.make_authority(1_700_000_000.0, ends) for ends in (1_800_000_000.0, 1_900_000_000.0)
    )
    bundle = base64.b64encode(first.certificate + last.certificate).decode()
    assert trust_ends({"webhooks": [{"clientConfig": {"caBundle": bundle}}]}) == 1_900_000_000.0


@pytest.mark.parametrize("bundle", [None, "", "bm8=", "no base64!"])
def test_what_is_no_bundle_trusts_nobody(bundle: str | None) -> None:
    assert trust_ends({"webhooks": [{"clientConfig": {"caBundle": bundle}}]}) is None
    assert trust_ends(None) is None


async def test_this_machine_finds_itself() -> None:
    assert "127.0.0.1" in await resolve_name("127.0.0.1")
    assert await resolve_name("alcove-doctor.invalid") == ()
