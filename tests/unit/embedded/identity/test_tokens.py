from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.embedded.fake_api import FakeCluster

from alcove.embedded.faults import ApiError
from alcove.embedded.identity.signing import load_signing_key, openid_configuration
from alcove.embedded.identity.tokens import ISSUER, AccountTokens
from alcove.embedded.objects import GroupResource, Object
from alcove.errors import AlcoveError

ACCOUNTS = GroupResource("serviceaccounts")
PODS = GroupResource("pods")


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cluster() -> FakeCluster:
    cluster = FakeCluster()
    cluster.put("serviceaccounts", {"metadata": {"name": "ci", "namespace": "dev", "uid": "account-1"}})
    spec = {"serviceAccountName": "ci", "nodeName": "node"}
    cluster.put("pods", {"metadata": {"name": "web", "namespace": "dev", "uid": "pod-1"}, "spec": spec})
    cluster.put("nodes", {"metadata": {"name": "node", "uid": "node-1"}})
    return cluster


@pytest.fixture
def tokens(tmp_path: Path, cluster: FakeCluster, clock: Clock) -> AccountTokens:
    return AccountTokens(load_signing_key(tmp_path), cluster, clock=clock)


def bound_to(kind: str, name: str, **more: str) -> Object:
    return {"apiVersion": "v1", "kind": kind, "name": name, **more}


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    return claims


def refused(tokens: AccountTokens, token: str, *audiences: str) -> bool:
    try:
        tokens.authenticate_token(token, audiences)
    except ApiError as error:
        assert error.code == 401
        return True
    return False


def test_a_token_tells_its_account_and_groups(tokens: AccountTokens) -> None:
    token, expiry = tokens.issue("dev", "ci", seconds=600)
    user, audiences = tokens.authenticate_token(token)
    assert user.name == "system:serviceaccount:dev:ci"
    assert user.uid == "account-1"
    assert user.groups == ("system:serviceaccounts", "system:serviceaccounts:dev", "system:authenticated")
    assert audiences == (ISSUER,)
    assert expiry == "2027-01-15T08:10:00Z"


def test_the_claims_are_those_of_kubernetes(tokens: AccountTokens) -> None:
    token, _ = tokens.issue("dev", "ci", bound=bound_to("Pod", "web", uid="pod-1"))
    claims = claims_of(token)
    assert claims["kubernetes.io"] == {
        "namespace": "dev",
        "serviceaccount": {"name": "ci", "uid": "account-1"},
        "pod": {"name": "web", "uid": "pod-1"},
        "node": {"name": "node", "uid": "node-1"},
    }
    assert set(claims) == {"iss", "sub", "aud", "iat", "nbf", "exp", "jti", "kubernetes.io"}


def test_a_bound_token_tells_its_pod(tokens: AccountTokens) -> None:
    token, _ = tokens.issue("dev", "ci", bound=bound_to("Pod", "web"))
    extra = tokens.authenticate_token(token)[0].extra
    assert extra["authentication.kubernetes.io/pod-name"] == ("web",)
    assert extra["authentication.kubernetes.io/node-uid"] == ("node-1",)


def test_a_token_ends_with_its_time(tokens: AccountTokens, clock: Clock) -> None:
    token, _ = tokens.issue("dev", "ci", seconds=600)
    clock.now += 599
    assert not refused(tokens, token)
    clock.now += 1
    assert refused(tokens, token)


def test_a_token_from_far_in_the_future_is_refused(tokens: AccountTokens, clock: Clock) -> None:
    token, _ = tokens.issue("dev", "ci")
    clock.now -= 61
    assert refused(tokens, token)


@pytest.mark.parametrize(("resource", "name"), [("serviceaccounts", "ci"), ("pods", "web")])
async def test_a_token_ends_with_its_objects(
    tokens: AccountTokens, cluster: FakeCluster, resource: str, name: str
) -> None:
    token, _ = tokens.issue("dev", "ci", bound=bound_to("Pod", "web"))
    assert not refused(tokens, token)
    await cluster.delete(GroupResource(resource), "dev", name, grace_seconds=0)
    assert refused(tokens, token)


def test_another_object_of_the_same_name_does_not_do(tokens: AccountTokens, cluster: FakeCluster) -> None:
    token, _ = tokens.issue("dev", "ci")
    cluster.put("serviceaccounts", {"metadata": {"name": "ci", "namespace": "dev", "uid": "account-2"}})
    assert refused(tokens, token)


@pytest.mark.parametrize(
    ("issued_for", "asked", "good_for"),
    [
        ((), (), (ISSUER,)),
        (("vault",), (), None),
        (("vault", "db"), ("db", "other"), ("db",)),
        ((), ("vault",), None),
    ],
)
def test_audiences_are_kept_apart(
    tokens: AccountTokens,
    issued_for: tuple[str, ...],
    asked: tuple[str, ...],
    good_for: tuple[str, ...] | None,
) -> None:
    token, _ = tokens.issue("dev", "ci", audiences=issued_for)
    if good_for is None:
        assert refused(tokens, token, *asked)
    else:
        assert tokens.authenticate_token(token, asked)[1] == good_for


@pytest.mark.parametrize(
    ("account", "bound", "code"),
    [
        ("nobody", None, 404),
        ("ci", bound_to("Pod", "gone"), 404),
        ("ci", bound_to("Pod", "web", uid="other"), 409),
        ("ci", bound_to("ConfigMap", "web"), 400),
    ],
)
def test_what_cannot_be_issued_is_refused(
    tokens: AccountTokens, account: str, bound: Object | None, code: int
) -> None:
    with pytest.raises(ApiError) as raised:
        tokens.issue("dev", account, bound=bound)
    assert raised.value.code == code


def test_a_pod_of_another_account_cannot_be_bound(tokens: AccountTokens, cluster: FakeCluster) -> None:
    cluster.put("serviceaccounts", {"metadata": {"name": "other", "namespace": "dev"}})
    with pytest.raises(ApiError, match="different serviceaccount"):
        tokens.issue("dev", "other", bound=bound_to("Pod", "web"))


async def test_the_token_of_a_secret_is_good_while_the_secret_exists(
    tokens: AccountTokens, cluster: FakeCluster, clock: Clock
) -> None:
    meta = {"name": "t", "namespace": "dev", "annotations": {"kubernetes.io/service-account.name": "ci"}}
    token = tokens.issue_for_secret(cluster.put("secrets", {"metadata": meta}))
    clock.now += 1e9
    assert not refused(tokens, token)
    await cluster.delete(GroupResource("secrets"), "dev", "t")
    assert refused(tokens, token)


@given(data=st.data())
def test_no_changed_token_authenticates(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    cluster = FakeCluster()
    cluster.put("serviceaccounts", {"metadata": {"name": "ci", "namespace": "dev"}})
    tokens = AccountTokens(load_signing_key(tmp_path_factory.getbasetemp() / "key"), cluster)
    token, _ = tokens.issue("dev", "ci")
    place = data.draw(st.integers(0, len(token) - 1))
    character = data.draw(st.characters())
    changed = token[:place] + character + token[place + data.draw(st.integers(0, 2)) :]
    assert changed == token or refused(tokens, changed)


@given(text=st.text(max_size=200) | st.from_regex(r"[\w-]*\.[\w-]*\.[\w-]*", fullmatch=True))
def test_random_text_is_no_token(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    key = load_signing_key(tmp_path_factory.getbasetemp() / "key")
    assert refused(AccountTokens(key, FakeCluster()), text)


def test_tokens_of_another_cluster_are_refused(tmp_path: Path, cluster: FakeCluster) -> None:
    one, two = (AccountTokens(load_signing_key(tmp_path / name), cluster) for name in ("one", "two"))
    token, _ = one.issue("dev", "ci")
    assert refused(two, token)


def test_tokens_outlive_a_restart(tmp_path: Path, cluster: FakeCluster) -> None:
    token, _ = AccountTokens(load_signing_key(tmp_path), cluster).issue("dev", "ci")
    assert not refused(AccountTokens(load_signing_key(tmp_path), cluster), token)


@given(content=st.binary(max_size=200))
def test_a_damaged_key_is_told(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    directory = tmp_path_factory.mktemp("key")
    (directory / "service-account.key").write_bytes(content)
    with pytest.raises(AlcoveError, match="signing key"):
        load_signing_key(directory)


def test_the_openid_documents_name_the_key_of_the_tokens(tmp_path: Path, tokens: AccountTokens) -> None:
    token, _ = tokens.issue("dev", "ci")
    header = json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))
    (key,) = load_signing_key(tmp_path).key_set()["keys"]
    assert (key["kid"], key["alg"]) == (header["kid"], header["alg"])
    assert openid_configuration(ISSUER, "https://x/openid/v1/jwks")["issuer"] == ISSUER
