"""Questions and answers."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import json
import logging
from typing import Any

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.admission.worlds import CHILD, SETTINGS, Object, injected, pod

from alcove.admission.facts import PodSecurity, SpaceFacts
from alcove.admission.review import Answer, Question, ReviewError, decide, parse_review, render_answer


def review(item: object = None, **request: Any) -> bytes:
    """Give the body of a question about a new pod."""
    told = {
        "uid": "u-1",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "operation": "CREATE",
        "namespace": "alice",
        "object": pod() if item is None else item,
        "oldObject": None,
        "dryRun": False,
    }
    body = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": told | request}
    return json.dumps(body).encode()


def answered(body: bytes, facts: SpaceFacts | None = CHILD) -> Object:
    """Give the response to a question."""
    question = parse_review(body)
    whole = json.loads(json.dumps(render_answer(question, decide(question, facts, SETTINGS))))
    assert (whole["apiVersion"], whole["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
    response: Object = whole["response"]
    assert response["uid"] == question.uid
    assert response["allowed"] is True
    return response


def test_a_new_pod_is_patched() -> None:
    response = answered(review())
    patch = json.loads(base64.b64decode(response["patch"]))
    assert response["patchType"] == "JSONPatch"
    assert jsonpatch.apply_patch(pod(), patch) == injected(pod())
    assert response["auditAnnotations"] == {"outcome": "injected"}


def test_a_pod_in_order_gets_no_patch() -> None:
    response = answered(review(injected(pod())))
    assert response.keys() == {"uid", "allowed", "auditAnnotations"}


def test_a_dry_run_is_answered_alike() -> None:
    assert answered(review(dryRun=True)) == answered(review())


@pytest.mark.parametrize(
    "request_fields",
    [
        {"operation": "UPDATE"},
        {"operation": "DELETE", "object": None},
        {"subResource": "ephemeralcontainers"},
        {"resource": {"group": "apps", "version": "v1", "resource": "deployments"}},
        {"resource": {"group": "metrics.k8s.io", "version": "v1", "resource": "pods"}},
        {"resource": None},
        {"object": None},
        {"object": []},
    ],
)
def test_what_is_no_new_pod_is_allowed_without_a_word(request_fields: dict[str, Any]) -> None:
    assert answered(review(**request_fields)) == {"uid": "u-1", "allowed": True}


def test_a_reason_is_told_and_a_wish_is_not() -> None:
    strict = dataclasses.replace(CHILD, pod_security=PodSecurity.BASELINE)
    (warning,) = answered(review(), strict)["warnings"]
    assert warning.startswith("alcove: not injected: the Pod Security level")
    wished = answered(review(pod(metadata={"labels": {"azds.io/no-proxy": "true"}})))
    assert "warnings" not in wished
    assert wished["auditAnnotations"] == {"outcome": "skipped: NO_PROXY"}


def test_a_namespace_that_is_not_known_leaves_the_pod_and_says_so() -> None:
    (warning,) = answered(review(), None)["warnings"]
    assert "not known to be a space" in warning


def test_our_mistakes_cost_nobody_a_pod(caplog: pytest.LogCaptureFixture) -> None:
    broken = pod()
    broken["spec"]["dnsConfig"] = {"searches": 7}
    with caplog.at_level(logging.ERROR):
        response = answered(review(broken))
    assert "patch" not in response
    assert "see the log of the control plane" in response["warnings"][0]
    assert "Traceback" in caplog.text


def test_a_warning_fits_into_a_header() -> None:
    question = Question("u", "alice", None)
    told = render_answer(question, Answer(warnings=("a\r\nb\x00" + "\u00e4" * 300,)))
    (warning,) = told["response"]["warnings"]
    assert warning.startswith("alcove: a  b ")
    assert len(warning.encode()) <= 256


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"null",
        b"[]",
        b"{}",
        b"[" * 1_000_000,
        b'{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1beta1","request":{"uid":"u"}}',
        b'{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1"}',
        review(uid=""),
        review(uid=7),
    ],
)
def test_what_is_no_question_is_refused_as_such(body: bytes) -> None:
    with pytest.raises(ReviewError):
        parse_review(body)


@given(st.binary())
def test_random_bytes_raise_nothing_else(body: bytes) -> None:
    with contextlib.suppress(ReviewError):
        parse_review(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
PARTS = st.dictionaries(
    st.sampled_from(
        ["containers", "initContainers", "volumes", "dnsConfig", "labels", "annotations", "name"]
    ),
    JSON,
)


@given(spec=JSON | PARTS, meta=JSON | PARTS, namespace=JSON)
def test_whatever_is_asked_the_answer_is_allowed(spec: Any, meta: Any, namespace: Any) -> None:
    logging.disable(logging.CRITICAL)
    try:
        answered(review({"metadata": meta, "spec": spec}, namespace=namespace))
    finally:
        logging.disable(logging.NOTSET)
