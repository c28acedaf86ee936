from __future__ import annotations

import pytest
from tests.unit.embedded.admission.conftest import POD, Webhooks, allow, deny, unreachable, write

from alcove.embedded.faults import ApiError
from alcove.embedded.objects import Object


def label(key: str) -> list[Object]:
    return [
        {"op": "add", "path": "/metadata/labels", "value": {}},
        {"op": "add", "path": f"/metadata/labels/{key}", "value": "yes"},
    ]


def add_label(key: str) -> list[Object]:
    return [{"op": "add", "path": f"/metadata/labels/{key}", "value": "yes"}]


LABELLED = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"labels": {}}}


async def test_without_webhooks_the_object_stays_the_same_one(webhooks: Webhooks) -> None:
    request = write()
    assert await webhooks.chain.mutate(request) is request.object
    await webhooks.chain.validate(request)


async def test_webhooks_change_the_object_in_the_order_of_their_names(webhooks: Webhooks) -> None:
    webhooks.add("b", allow(add_label("b")))
    webhooks.add("a", allow(label("a")))
    request = write()
    changed = await webhooks.chain.mutate(request)
    assert changed is not None
    assert changed["metadata"]["labels"] == {"a": "yes", "b": "yes"}
    assert webhooks.names() == ["a", "b"]
    assert request.object is not None
    assert request.object["metadata"] == {}


async def test_a_webhook_is_asked_with_everything_it_may_want(webhooks: Webhooks) -> None:
    webhooks.add("a", allow())
    await webhooks.chain.mutate(write())
    review = webhooks.asked[0][1]
    assert (review["kind"], review["apiVersion"]) == ("AdmissionReview", "admission.k8s.io/v1")
    asked = review["request"]
    assert asked["operation"] == "CREATE"
    assert asked["kind"] == {"group": "", "version": "v1", "kind": "ConfigMap"}
    assert asked["resource"] == {"group": "", "version": "v1", "resource": "configmaps"}
    assert asked["userInfo"] == {"username": "jane", "groups": ["system:authenticated"]}
    assert asked["options"] == {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"}
    assert (asked["name"], asked["namespace"], asked["oldObject"]) == ("new", "dev", None)


async def test_earlier_webhooks_are_asked_again_when_a_later_one_changed_something(
    webhooks: Webhooks,
) -> None:
    webhooks.add("a", allow(), reinvocationPolicy="IfNeeded")
    webhooks.add("b", allow(label("b")), reinvocationPolicy="IfNeeded")
    webhooks.add("c", allow())
    await webhooks.chain.mutate(write())
    assert webhooks.names() == ["a", "b", "c", "a"]


@pytest.mark.parametrize(("first", "second"), [("Never", label("b")), ("IfNeeded", None)])
async def test_nobody_is_asked_again_without_need(
    webhooks: Webhooks, first: str, second: list[Object] | None
) -> None:
    webhooks.add("a", allow(), reinvocationPolicy=first)
    webhooks.add("b", allow(second))
    await webhooks.chain.mutate(write())
    assert webhooks.names() == ["a", "b"]


async def test_containers_from_a_webhook_get_what_plugins_give(webhooks: Webhooks) -> None:
    webhooks.cluster.put("serviceaccounts", {"metadata": {"name": "default", "namespace": "dev"}})
    sidecar = {"op": "add", "path": "/spec/containers/-", "value": {"name": "sidecar", "image": "s"}}
    webhooks.add("inject", allow([sidecar]))
    spec = {"containers": [{"name": "web", "image": "w"}]}
    changed = await webhooks.chain.mutate(write(POD, {**LABELLED, "kind": "Pod", "spec": spec}))
    assert changed is not None
    assert [len(container["volumeMounts"]) for container in changed["spec"]["containers"]] == [1, 1]
    assert len(changed["spec"]["volumes"]) == 1


async def test_a_webhook_refuses_in_its_own_words(webhooks: Webhooks) -> None:
    webhooks.add("no", deny(message="not here", code=409, reason="Conflict"))
    with pytest.raises(ApiError) as raised:
        await webhooks.chain.mutate(write())
    assert raised.value.message == 'admission webhook "no" denied the request: not here'
    assert (raised.value.code, raised.value.reason) == (409, "Conflict")


@pytest.mark.parametrize(
    ("status", "code", "ending"),
    [
        ({}, 400, "request without explanation"),
        ({"reason": "Nope"}, 400, "request: Nope"),
        ({"message": "x", "code": 200}, 400, "request: x"),
        ({"message": "x", "code": "seven"}, 400, "request: x"),
    ],
)
async def test_a_refusal_is_an_error_whatever_its_status_says(
    webhooks: Webhooks, status: Object, code: int, ending: str
) -> None:
    webhooks.add("no", deny(**status), kind="validating")
    with pytest.raises(ApiError) as raised:
        await webhooks.chain.validate(write())
    assert raised.value.code == code
    assert raised.value.message.endswith(ending)


@pytest.mark.parametrize("kind", ["mutating", "validating"])
async def test_a_webhook_that_fails_fails_the_write(webhooks: Webhooks, kind: str) -> None:
    webhooks.add("down", unreachable, kind=kind)
    with pytest.raises(ApiError) as raised:
        await webhooks.chain.mutate(write())
        await webhooks.chain.validate(write())
    assert raised.value.message == (
        'Internal error occurred: failed calling webhook "down": failed to call webhook: connection refused'
    )
    assert raised.value.code == 500


@pytest.mark.parametrize("kind", ["mutating", "validating"])
async def test_a_failure_that_may_be_ignored_is(webhooks: Webhooks, kind: str) -> None:
    webhooks.add("down", unreachable, kind=kind, failurePolicy="Ignore")
    request = write()
    assert await webhooks.chain.mutate(request) is request.object
    await webhooks.chain.validate(request)


async def test_a_refusal_is_never_ignored(webhooks: Webhooks) -> None:
    webhooks.add("no", deny(), failurePolicy="Ignore")
    with pytest.raises(ApiError):
        await webhooks.chain.mutate(write())


async def test_every_validating_webhook_is_asked_and_the_first_refusal_told(webhooks: Webhooks) -> None:
    for name, reply in (
        ("a", allow(warnings=["careful"])),
        ("b", deny(message="b")),
        ("c", deny(message="c")),
    ):
        webhooks.add(name, reply, kind="validating")
    request = write()
    with pytest.raises(ApiError, match="denied the request: b"):
        await webhooks.chain.validate(request)
    assert webhooks.names() == ["a", "b", "c"]
    assert request.warnings == ["careful"]


async def test_a_validating_webhook_may_not_patch(webhooks: Webhooks) -> None:
    webhooks.add("a", allow(label("a")), kind="validating")
    with pytest.raises(ApiError, match="may not return response"):
        await webhooks.chain.validate(write())


@pytest.mark.parametrize(("effects", "refused"), [("Some", True), (None, True), ("NoneOnDryRun", False)])
async def test_a_dry_run_calls_only_what_has_no_effects(
    webhooks: Webhooks, effects: str | None, refused: bool
) -> None:
    webhooks.add("a", allow(), sideEffects=effects)
    if not refused:
        await webhooks.chain.mutate(write(dry_run=True))
        return
    with pytest.raises(ApiError, match="does not support dry run"):
        await webhooks.chain.mutate(write(dry_run=True))


async def test_a_patch_of_a_deletion_is_an_error(webhooks: Webhooks) -> None:
    webhooks.add("a", allow(label("a")))
    with pytest.raises(ApiError, match="not supported for this operation"):
        await webhooks.chain.mutate(write(operation="DELETE", old=LABELLED))


async def test_rbac_writes_are_checked_for_escalation(webhooks: Webhooks) -> None:
    await webhooks.chain.validate(write())
    assert webhooks.escalations == ["new"]
