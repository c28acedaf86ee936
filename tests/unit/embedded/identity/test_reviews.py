from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest

from alcove.embedded import faults
from alcove.embedded.faults import ApiError
from alcove.embedded.identity import reviews
from alcove.embedded.objects import Object
from alcove.embedded.ports import UserInfo

if TYPE_CHECKING:
    from tests.unit.embedded.identity.conftest import Policy

JANE = UserInfo("jane", ("system:authenticated",), uid="7", extra={"a": ("b",)})
AS_JANE = {"kind": "User", "name": "jane"}
PODS = {"verb": "get", "resource": "pods", "namespace": "dev"}


class FakeTokens:
    """Knows one token, and issues it."""

    def authenticate_certificate(self, subject_common_name: str, organizations: Sequence[str]) -> UserInfo:
        raise NotImplementedError

    def authenticate_token(
        self, token: str, audiences: Sequence[str] = ()
    ) -> tuple[UserInfo, tuple[str, ...]]:
        if token != "good":
            raise faults.unauthorized()
        return JANE, tuple(audiences) or ("api",)

    def issue(self, namespace: str, service_account: str, **options: Any) -> tuple[str, str]:
        return f"{namespace}/{service_account}/{options['seconds']}", "2030-01-01T00:00:00Z"


def ask(policy: Policy, plural: str, spec: Object, **more: str) -> Any:
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "Review", "spec": spec}
    answered = reviews.Reviews(FakeTokens(), policy.authorizer).answer(plural, body, user=JANE, **more)
    assert answered["spec"] == spec
    return answered["status"]


def test_a_token_review_tells_whose_token_it_is(policy: Policy) -> None:
    status = ask(policy, "tokenreviews", {"token": "good", "audiences": ["x"]})
    assert status["authenticated"]
    assert status["audiences"] == ["x"]
    assert status["user"]["username"] == "jane"


def test_a_token_review_of_a_bad_token_is_an_answer(policy: Policy) -> None:
    assert "authenticated" not in ask(policy, "tokenreviews", {"token": "bad"})


def test_whoami(policy: Policy) -> None:
    told = {"username": "jane", "uid": "7", "groups": ["system:authenticated"], "extra": {"a": ["b"]}}
    assert ask(policy, "selfsubjectreviews", {}) == {"userInfo": told}


def test_can_i(policy: Policy) -> None:
    assert ask(policy, "selfsubjectaccessreviews", {"resourceAttributes": PODS}) == {"allowed": False}
    policy.bind("view", AS_JANE, namespace="dev")
    status = ask(policy, "selfsubjectaccessreviews", {"resourceAttributes": PODS})
    assert status["allowed"]
    assert "view" in status["reason"]


def test_can_i_reach_a_url(policy: Policy) -> None:
    spec = {"nonResourceAttributes": {"path": "/version", "verb": "get"}}
    assert ask(policy, "selfsubjectaccessreviews", spec)["allowed"]


def test_can_somebody_else(policy: Policy) -> None:
    policy.bind("view", {"kind": "Group", "name": "ops"}, namespace="dev")
    spec = {"user": "joe", "groups": ["ops"], "resourceAttributes": PODS}
    assert ask(policy, "subjectaccessreviews", spec)["allowed"]
    assert ask(policy, "localsubjectaccessreviews", spec, namespace="dev")["allowed"]


def test_all_that_i_can(policy: Policy) -> None:
    policy.role("reader", "core | pods | get list")
    policy.bind("reader", AS_JANE, namespace="dev")
    status = ask(policy, "selfsubjectrulesreviews", {"namespace": "dev"})
    assert {"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods"]} in status["resourceRules"]
    assert any("/version" in rule["nonResourceURLs"] for rule in status["nonResourceRules"])
    assert status["incomplete"] is False


@pytest.mark.parametrize(
    ("plural", "spec", "namespace", "code"),
    [
        ("selfsubjectrulesreviews", {}, "", 400),
        ("selfsubjectaccessreviews", {}, "", 422),
        ("selfsubjectaccessreviews", {"resourceAttributes": PODS, "nonResourceAttributes": PODS}, "", 422),
        ("subjectaccessreviews", {"resourceAttributes": PODS}, "", 422),
        ("localsubjectaccessreviews", {"user": "x", "resourceAttributes": PODS}, "prod", 422),
    ],
)
def test_incomplete_questions_are_refused(
    policy: Policy, plural: str, spec: Object, namespace: str, code: int
) -> None:
    with pytest.raises(ApiError) as raised:
        ask(policy, plural, spec, namespace=namespace)
    assert raised.value.code == code


def test_what_is_no_review_is_not_known(policy: Policy) -> None:
    known = reviews.Reviews(FakeTokens(), policy.authorizer)
    assert "tokenreviews" in known
    assert "pods" not in known


def test_a_token_request_is_answered_with_the_token() -> None:
    body = {"kind": "TokenRequest", "spec": {"audiences": ["a"]}}
    answered = reviews.token_request(FakeTokens(), "dev", "ci", body)
    assert answered["status"] == {"token": "dev/ci/3600", "expirationTimestamp": "2030-01-01T00:00:00Z"}
    assert answered["spec"]["expirationSeconds"] == 3600


@pytest.mark.parametrize("seconds", [0, 599, 2**32 + 1])
def test_durations_that_are_not_allowed(seconds: int) -> None:
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest"}
    with pytest.raises(ApiError, match="may not specify a duration"):
        reviews.token_request(FakeTokens(), "dev", "ci", body | {"spec": {"expirationSeconds": seconds}})
