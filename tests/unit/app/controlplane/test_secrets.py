from __future__ import annotations

from tests.unit.app.controlplane.clients import RefusingClient

from alcove import aio
from alcove.app.controlplane.secrets import follow_certificates, tls_namespaces, watch_name
from alcove.app.controlplane.watching import ObjectStore
from alcove.kube import errors, resources
from alcove.kube.client import Object, WatchEvent
from alcove.kube.fake import FakeKubeClient


def ingress(space: str, *hosts: str, ingress_class: str = "alcove") -> Object:
    tls = [{"hosts": list(hosts), "secretName": "web-tls"}] if hosts else []
    rules = [{"host": host, "http": {"paths": []}} for host in hosts or ("a.b",)]
    spec = {"ingressClassName": ingress_class, "rules": rules, "tls": tls}
    return {"metadata": {"name": "web", "namespace": space}, "spec": spec}


def test_only_namespaces_whose_ingresses_of_ours_name_certificates_are_asked() -> None:
    found = [ingress("dev", "web.example.com"), ingress("amy"), ingress("bob", "x.y", ingress_class="nginx")]
    assert tls_namespaces(found) == ("dev",)


async def test_the_certificates_of_such_a_namespace_are_followed_until_it_needs_none() -> None:
    client, store = FakeKubeClient(), ObjectStore(["ingresses"])
    await client.create(resources.NAMESPACES, {"metadata": {"name": "dev"}})
    for kind in ("kubernetes.io/tls", "Opaque"):
        secret = {"metadata": {"name": kind.lower()[-3:], "namespace": "dev"}, "type": kind}
        await client.create(resources.SECRETS, secret)
    async with aio.open_background(name="test") as background:
        background.start(follow_certificates(client, store), name="follow")
        with store.changes() as changed:
            store.take("ingresses", WatchEvent("ADDED", ingress("dev", "web.example.com")))
            while not store.has_listed(watch_name("dev")):
                changed.clear()
                await changed.wait()
            names = [item["metadata"]["name"] for item in store.all_items([watch_name("dev")])]
            assert names == ["tls"]
            store.take("ingresses", WatchEvent("DELETED", ingress("dev")))
            while store.all_items([watch_name("dev")]):
                changed.clear()
                await changed.wait()
    assert not store.has_listed(watch_name("dev"))


async def test_a_namespace_that_hides_them_counts_as_without() -> None:
    store, blind = ObjectStore(["ingresses"]), RefusingClient(errors.ForbiddenError("you may not", code=403))
    async with aio.open_background(name="test") as background:
        background.start(follow_certificates(blind, store), name="follow")
        with store.changes() as changed:
            store.take("ingresses", WatchEvent("ADDED", ingress("dev", "web.example.com")))
            while not store.has_listed(watch_name("dev")):
                changed.clear()
                await changed.wait()
    assert store.all_items([watch_name("dev")]) == []
