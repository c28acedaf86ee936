"""Which copies of foreign Ingresses there are to be."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.app.observation.objects import ingress, rule
from tests.unit.spaces.worlds import make_tree

from alcove.app.gateway.applying import apply_copies
from alcove.app.gateway.bodies import is_copy
from alcove.app.gateway.copies import CopyAction, plan_copies
from alcove.app.gateway.naming import name_copied_secret, name_copy
from alcove.kube import errors, resources
from alcove.kube.client import Object
from alcove.kube.fake import FakeKubeClient
from alcove.spaces.hosts import is_host

TREE = make_tree(dev="", amy="dev", amyx="amy", prod="")
WEB = ("/", "web", 80)


def foreign(space: str, *rules: Object, name: str = "entry", **spec: Any) -> Object:
    made = ingress(space, *rules, cls="nginx", **spec)
    made["metadata"] |= {"name": name, "uid": f"uid-of-{name}"}
    return made


def annotated(item: Object, **annotations: str) -> Object:
    named = {name.replace("__", "/").replace("_", "."): value for name, value in annotations.items()}
    item["metadata"]["annotations"] = named
    return item


def plan(*items: Object) -> tuple[dict[str, Object], list[str]]:
    """Give what is created, by name, and what is told."""
    found = plan_copies(items, TREE)
    assert {action.verb for action in found.actions} <= {"create"}
    return {each.name: each.body for each in found.actions if each.body}, [
        str(each) for each in found.reports
    ]


def hosts(item: Object) -> list[str]:
    return [each["host"] for each in item["spec"]["rules"]]


def test_every_space_below_has_a_copy_beside_the_original() -> None:
    original = annotated(
        foreign("dev", rule("web.test", WEB), tls=[{"hosts": ["web.test"], "secretName": "tls"}]),
        nginx_ingress_kubernetes_io__x="1",
        kubectl_kubernetes_io__last="{}",
    )
    made, told = plan(original)
    assert set(made) == {"entry-amy", "entry-amyx"} and not told
    assert made["entry-amy"]["spec"] == {
        "ingressClassName": "nginx",
        "rules": [rule("amy.s.web.test", WEB)],
        "tls": [{"hosts": ["amy.s.web.test"], "secretName": "tls"}],
    }
    meta = made["entry-amy"]["metadata"]
    assert (meta["namespace"], meta["labels"]["alcove.dev/ingress-copy"]) == ("dev", "true")
    assert meta["ownerReferences"] == [
        {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "entry", "uid": "uid-of-entry"}
    ]
    annotations = meta["annotations"]
    assert annotations.pop("alcove.dev/copy-digest")
    assert annotations == {
        "nginx.ingress.kubernetes.io/x": "1",
        "alcove.dev/copy-of": "entry",
        "alcove.dev/copy-for": "amy",
    }


@pytest.mark.parametrize(
    ("annotation", "secret"),
    [
        ("cert-manager.io/issuer", "tls-amyx-alcove"),
        ("cert-manager.io/cluster-issuer", "tls-amyx-alcove"),
        ("kubernetes.io/tls-acme", "tls-amyx-alcove"),
        ("nginx.ingress.kubernetes.io/x", "tls"),
    ],
)
def test_only_an_issuer_makes_a_secret_of_its_own(annotation: str, secret: str) -> None:
    original = foreign("amy", rule("web.test", WEB), tls=[{"hosts": ["web.test"], "secretName": "tls"}])
    original["metadata"]["annotations"] = {annotation: "x"}
    made, _ = plan(original)
    assert made["entry-amyx"]["spec"]["tls"][0]["secretName"] == secret


@pytest.mark.parametrize(
    "item",
    [
        ingress("dev", rule("web.test", WEB)),
        ingress("dev", rule("web.test", WEB), cls="traefik-azds"),
        foreign("prod", rule("web.test", WEB)),
        foreign("amyx", rule("web.test", WEB)),
        foreign("plain", rule("web.test", WEB)),
        foreign("dev", rule("web.test", ("/.well-known/acme-challenge/x", "solver", 80))),
    ],
)
def test_these_have_no_copies_and_nobody_is_told(item: Object) -> None:
    assert plan(item) == ({}, [])


@pytest.mark.parametrize(
    ("item", "why"),
    [
        (foreign("dev", rule("web.test", WEB), rule("", WEB)), "a rule without a host cannot have a prefix"),
        (foreign("dev", rule("web.test", WEB), rule("*.test", WEB)), "'*.test' cannot have a prefix"),
        (foreign("dev", rule("web.test", WEB), tls=[{"hosts": ["*.test"]}]), "'*.test' cannot have a prefix"),
        (foreign("dev", defaultBackend={"service": {}}), "it has no rule"),
        (foreign("dev", rule(".".join(["a" * 62] * 4), WEB)), "is longer than DNS allows"),
    ],
)
def test_these_have_no_copies_and_it_is_told(item: Object, why: str) -> None:
    made, told = plan(item)
    assert not made and all(each.startswith("Ingress dev/entry: ") for each in told)
    assert any(why in each for each in told)


def test_what_proves_a_host_to_an_issuer_is_not_copied() -> None:
    made, _ = plan(foreign("amy", rule("web.test", ("/.well-known/acme-challenge/x", "solver", 80), WEB)))
    assert made["entry-amyx"]["spec"]["rules"] == [rule("amyx.s.web.test", WEB)]


def test_a_host_that_an_ingress_has_by_itself_is_not_copied() -> None:
    tls = [{"hosts": ["web.test"], "secretName": "a"}, {"hosts": ["api.test"], "secretName": "b"}]
    original = foreign("dev", rule("web.test", WEB), rule("api.test", WEB), tls=tls)
    own = foreign("amy", rule("amy.s.web.test", WEB), name="own")
    made, told = plan(original, own)
    assert hosts(made["entry-amy"]) == ["amy.s.api.test"]
    assert made["entry-amy"]["spec"]["tls"] == [{"hosts": ["amy.s.api.test"], "secretName": "b"}]
    assert hosts(made["entry-amyx"]) == ["amyx.s.web.test", "amyx.s.api.test"]
    assert told == [
        "Ingress dev/entry: 'amy.s.web.test' comes from the Ingress amy/own: it is not copied for amy"
    ]


def test_of_two_spaces_that_have_a_host_the_nearer_ones_is_copied() -> None:
    made, told = plan(
        foreign("dev", rule("web.test", WEB)), foreign("amy", rule("web.test", WEB), name="own")
    )
    assert {name: hosts(item) for name, item in made.items()} == {
        "entry-amy": ["amy.s.web.test"],
        "own-amyx": ["amyx.s.web.test"],
    }
    assert told == [
        "Ingress dev/entry: 'amyx.s.web.test' comes from the Ingress amy/own: it is not copied for amyx"
    ]


def test_two_ingresses_of_one_space_may_share_a_host() -> None:
    more = foreign("dev", rule("web.test", ("/api", "api", 80)), name="more")
    made, told = plan(foreign("dev", rule("web.test", WEB)), more)
    assert set(made) == {"entry-amy", "entry-amyx", "more-amy", "more-amyx"} and not told


def test_hosts_in_annotations_have_the_prefix_too() -> None:
    original = annotated(
        foreign("amy", rule("web.test", WEB)),
        appgw_ingress_kubernetes_io__backend_hostname="x",
    )
    original["metadata"]["annotations"] = {
        "appgw.ingress.kubernetes.io/backend-hostname": "web.test",
        "external-dns.alpha.kubernetes.io/hostname": "web.test, other.test",
        "nginx.ingress.kubernetes.io/upstream-vhost": "$service_name.test",
        "meta.helm.sh/release-name": "web",
    }
    annotations = plan(original)[0]["entry-amyx"]["metadata"]["annotations"]
    assert {name: value for name, value in annotations.items() if not name.startswith("alcove")} == {
        "appgw.ingress.kubernetes.io/backend-hostname": "amyx.s.web.test",
        "external-dns.alpha.kubernetes.io/hostname": "amyx.s.web.test,amyx.s.other.test",
        "nginx.ingress.kubernetes.io/upstream-vhost": "$service_name.test",
    }


def test_names_that_would_be_equal_differ() -> None:
    tree = make_tree(dev="", b="dev", **{"a-b": "dev"})
    originals = [
        foreign("dev", rule("x.test", WEB), name="x-a"),
        foreign("dev", rule("y.test", WEB), name="x"),
    ]
    names = {action.name for action in plan_copies(originals, tree).actions}
    assert len(names) == 4
    taken = foreign("dev", name="entry-amy")
    assert "entry-amy" not in plan(foreign("dev", rule("x.test", WEB)), taken)[0]


@given(st.from_regex(r"[a-z]([-a-z0-9.]{0,90}[a-z0-9])?", fullmatch=True), st.integers(1, 63), st.booleans())
def test_names_are_valid_and_keep_their_end(ingress_name: str, length: int, distinct: bool) -> None:
    space = "s" * length
    name = name_copy(ingress_name, space, distinct=distinct)
    assert len(name) <= 63
    assert name.endswith(space if length < 50 else "s") and not set("-.") & {name[0], name[-1]}
    if is_host(ingress_name):
        assert is_host(name)
    assert name_copied_secret("tls", space) == f"tls-{space}-alcove"


def test_long_names_differ_in_their_digests() -> None:
    names = {name_copy("i" * 70 + end, "amy") for end in "xyz"}
    assert len(names) == 3 and all(len(name) == 63 and name.endswith("-amy") for name in names)


async def apply(client: FakeKubeClient) -> list[CopyAction]:
    found = plan_copies((await client.list(resources.INGRESSES)).items, TREE)
    assert await apply_copies(client, found.actions) == ()
    return [*found.actions]


async def make_cluster(*items: Object) -> FakeKubeClient:
    client = FakeKubeClient()
    for space in TREE.parents:
        await client.create(resources.NAMESPACES, {"metadata": {"name": space}})
    for item in items:
        await client.create(resources.INGRESSES, item)
    return client


async def copies(client: FakeKubeClient) -> list[Object]:
    return [each for each in (await client.list(resources.INGRESSES)).items if is_copy(each)]


async def test_what_is_applied_is_planned_no_more_and_follows_its_original() -> None:
    client = await make_cluster(foreign("dev", rule("web.test", WEB), tls=[{"secretName": "tls"}]))
    assert [action.verb for action in await apply(client)] == ["create", "create"]
    assert not await apply(client)
    changed = {
        "spec": {"rules": [rule("new.test", WEB)], "tls": None},
        "metadata": {"annotations": {"a": "b"}},
    }
    await client.patch(resources.INGRESSES, "entry", changed, namespace="dev")
    assert [action.verb for action in await apply(client)] == ["patch", "patch"]
    assert not await apply(client)
    (first, _) = await copies(client)
    assert first["spec"] == {"ingressClassName": "nginx", "rules": [rule("amy.s.new.test", WEB)]}
    assert first["metadata"]["annotations"]["a"] == "b"
    await client.patch(resources.INGRESSES, "entry", {"metadata": {"annotations": None}}, namespace="dev")
    await apply(client)
    assert "a" not in (await copies(client))[0]["metadata"]["annotations"]


async def test_what_others_do_to_a_copy_is_undone_unless_it_is_theirs_to_do() -> None:
    original = foreign("amy", rule("web.test", WEB))
    del original["spec"]["ingressClassName"]
    client = await make_cluster(original)
    await apply(client)
    completed = {"spec": {"ingressClassName": "default"}, "metadata": {"annotations": {"by": "controller"}}}
    await client.patch(resources.INGRESSES, "entry-amyx", completed, namespace="amy")
    assert not await apply(client)
    await client.patch(resources.INGRESSES, "entry-amyx", {"spec": {"rules": []}}, namespace="amy")
    assert [action.verb for action in await apply(client)] == ["patch"]
    assert hosts((await copies(client))[0]) == ["amyx.s.web.test"]


async def test_copies_go_with_their_reason() -> None:
    client = await make_cluster(foreign("dev", rule("web.test", WEB)), foreign("amy", rule("a.test", WEB)))
    await apply(client)
    assert len(await copies(client)) == 3
    await client.delete(resources.INGRESSES, "entry", namespace="dev")
    assert [action.verb for action in await apply(client)] == ["delete", "delete"]
    assert [each["metadata"]["name"] for each in await copies(client)] == ["entry-amyx"]
    assert [each.verb for each in plan_copies(await copies(client), make_tree(dev="")).actions] == ["delete"]


class Refusing(FakeKubeClient):
    """A cluster that refuses one name."""

    refused: tuple[str, errors.KubeError] | None = None

    async def create(self, resource: Any, item: Object, *, dry_run: bool = False) -> Object:
        if self.refused and item["metadata"]["name"] == self.refused[0]:
            raise self.refused[1]
        return await super().create(resource, item, dry_run=dry_run)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            errors.ForbiddenError("no", code=403),
            ["Ingress dev/entry-amy: its copy could not be written (create): no"],
        ),
        (
            errors.InvalidError("bad", code=422),
            ["Ingress dev/entry-amy: its copy could not be written (create): bad"],
        ),
        (errors.AlreadyExistsError("there", code=409), []),
    ],
)
async def test_one_that_fails_keeps_no_other_from_being_made(
    error: errors.KubeError, told: list[str]
) -> None:
    client = Refusing()
    for space in TREE.parents:
        await client.create(resources.NAMESPACES, {"metadata": {"name": space}})
    client.refused = ("entry-amy", error)
    found = plan_copies([foreign("dev", rule("web.test", WEB))], TREE)
    assert [str(each) for each in await apply_copies(client, found.actions)] == told
    assert [each["metadata"]["name"] for each in await copies(client)] == ["entry-amyx"]


async def test_a_cluster_that_does_not_answer_is_no_report() -> None:
    client = FakeKubeClient()
    client.unreachable = True
    with pytest.raises(errors.UnreachableError):
        await apply_copies(client, plan_copies([foreign("dev", rule("web.test", WEB))], TREE).actions)


def test_the_order_of_ingresses_changes_nothing() -> None:
    items: list[Object] = [
        foreign(space, rule(f"{name}.test", WEB), name=name)
        for space in ("dev", "amy")
        for name in ("x", "x-amy", "y")
    ]
    first = plan_copies(items, TREE)
    random.Random(7).shuffle(items)
    assert plan_copies(items, TREE) == first


@given(
    st.recursive(
        st.none() | st.booleans() | st.text() | st.integers(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["host", "http", "paths", "path", "hosts", "secretName", "rules", "tls"]),
                inner,
            )
        ),
    )
)
def test_nothing_in_a_spec_makes_planning_fail(spec: object) -> None:
    plan_copies([{"metadata": {"name": "x", "namespace": "dev"}, "spec": spec}, spec], TREE)
