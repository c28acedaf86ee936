from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.embedded.admission.conftest import POD, allow, write

from alcove.embedded.admission import exchange
from alcove.embedded.admission.exchange import AnswerError
from alcove.embedded.admission.matching import Webhook
from alcove.embedded.faults import ApiError
from alcove.embedded.objects import Object

HOOK = Webhook(("c", 0), "hook", {}, "v1", 10, False, False, True, ("v1",))
ITEM = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": []}}
ASKED = exchange.review(HOOK, write(POD, ITEM), "uid-1")

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
PATHS = st.sampled_from(
    ["", "/", "/metadata", "/metadata/name", "/spec/containers/0", "/spec/containers/-", "/x/y"]
)
STEPS = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test", "nonsense"])},
    optional={"path": PATHS | JSON, "from": PATHS | JSON, "value": JSON},
)


def answered(**changed: Any) -> Object:
    answer: Any = allow()(ASKED)
    answer["response"] |= changed
    return dict(answer)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (None, "response was absent"),
        ({}, "response was absent"),
        ({"response": []}, "response was absent"),
        (answered() | {"apiVersion": "v1"}, "expected webhook response of admission.k8s.io/v1"),
        (answered(uid="other"), "expected response.uid"),
        (answered(allowed="yes"), "not a boolean"),
        (answered(warnings="careful"), "not a list"),
        (answered(patch="W10="), "but not response.patchType"),
        (answered(patchType="JSONPatch"), "but not response.patch"),
        (answered(patch="W10=", patchType="Merge"), "unsupported patch type"),
        (answered(patch="?", patchType="JSONPatch"), "undecodable patch"),
        (answered(patch=7, patchType="JSONPatch"), "undecodable patch"),
        (answered(patch="e30=", patchType="JSONPatch"), "not a list"),
        (answered(patch=base64.b64encode(b"[NaN]").decode(), patchType="JSONPatch"), "undecodable"),
        (answered(patch=base64.b64encode(b"[1e999]").decode(), patchType="JSONPatch"), "undecodable"),
        (answered(patch=base64.b64encode(b'["\\ud800"]').decode(), patchType="JSONPatch"), "undecodable"),
        (answered(patch=base64.b64encode(b"[" * 99_999).decode(), patchType="JSONPatch"), "undecodable"),
    ],
)
def test_what_is_no_answer_is_told(answer: object, told: str) -> None:
    with pytest.raises(AnswerError, match=told):
        exchange.parse_answer(HOOK, ASKED, answer, mutating=True)


FIELDS = st.sampled_from(["uid", "allowed", "patch", "patchType", "warnings", "status"])


@given(answer=JSON, response=st.dictionaries(FIELDS, JSON | st.just("JSONPatch")))
def test_no_answer_breaks_the_server(answer: object, response: Object) -> None:
    for said in (answer, answered(**response)):
        try:
            exchange.parse_answer(HOOK, ASKED, said, mutating=True)
        except AnswerError as error:
            assert str(error)


@given(patch=st.lists(STEPS | JSON, max_size=4))
def test_no_patch_breaks_the_server(patch: list[Any]) -> None:
    before = json.dumps(ITEM)
    try:
        result = exchange.patched(HOOK, write(POD, ITEM), ITEM, patch)
    except ApiError as error:
        assert error.code == 500
    else:
        assert (result["apiVersion"], result["kind"]) == ("v1", "Pod")
        assert isinstance(result["metadata"], dict)
    assert json.dumps(ITEM) == before


@pytest.mark.parametrize(
    "step",
    [
        {"op": "replace", "path": "/kind", "value": "Secret"},
        {"op": "replace", "path": "/apiVersion", "value": "v2"},
        {"op": "remove", "path": "/metadata"},
        {"op": "replace", "path": "", "value": []},
        {"op": "test", "path": "/metadata/name", "value": "b"},
        {"op": "remove", "path": "/none"},
    ],
)
def test_patches_that_leave_no_such_object_are_refused(step: Object) -> None:
    with pytest.raises(ApiError):
        exchange.patched(HOOK, write(POD, ITEM), ITEM, [step])


def test_old_webhooks_are_asked_in_their_version() -> None:
    hook = Webhook(("c", 0), "hook", {}, "v1", 10, False, False, True, ("v1beta1",))
    assert exchange.review(hook, write(), "u")["apiVersion"] == "admission.k8s.io/v1beta1"


def test_webhooks_of_unknown_versions_cannot_be_asked() -> None:
    hook = Webhook(("c", 0), "hook", {}, "v1", 10, False, False, True, ("v9",))
    with pytest.raises(AnswerError, match="known AdmissionReview versions"):
        exchange.review(hook, write(), "u")


def test_a_subresource_is_asked_about_with_the_kind_of_its_body() -> None:
    scale = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {}}
    asked = exchange.review(HOOK, write(POD, scale, subresource="scale"), "u")["request"]
    assert asked["kind"] == {"group": "autoscaling", "version": "v1", "kind": "Scale"}
    assert asked["subResource"] == "scale"


def test_warnings_are_cut_to_a_bearable_size() -> None:
    answer = exchange.parse_answer(HOOK, ASKED, answered(warnings=["x" * 9999] * 99), mutating=True)
    assert len("".join(answer.warnings)) <= 4096
