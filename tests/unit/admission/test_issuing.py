"""Who a token stands for, and what that pod gets: never another pod's."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from alcove.admission import issuing, signing
from alcove.admission.certificates import Authority
from alcove.admission.issuing import PodIdentity, Refusal, Refused, resolve_pod
from alcove.xds.identity import node_id, resolve_identity

NOW = 1_800_000_000.0
POD = PodIdentity("0b1f7c1e-4b1c-4b5e-9d0a-6a1c2d3e4f50", "shop", "web-0")
NAME, UID = "authentication.kubernetes.io/pod-name", "authentication.kubernetes.io/pod-uid"


def review(**changes: Any) -> dict[str, Any]:
    """Give what an API server answers for the pod's token, with other fields of the status or its user."""
    user = {
        "username": "system:serviceaccount:shop:default",
        "uid": "account-uid",
        "groups": ["system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated"],
        "extra": {NAME: [POD.name], UID: [POD.uid]},
    }
    status = {"authenticated": True, "user": user, "audiences": ["azds"]}
    for name, value in changes.items():
        (user if name in user else status)[name] = value
    return {**issuing.render_token_review("t"), "status": status}


def authority(ends: float = NOW + 1_000_000) -> Authority:
    return Authority(signing.make_authority(NOW, ends), ends)


def certificate_of(document: issuing.Document) -> x509.Certificate:
    (secret,) = document.body["resources"]
    pem = secret["tls_certificate"]["certificate_chain"]["inline_string"]
    return x509.load_pem_x509_certificate(pem.encode())


def test_the_review_asks_for_our_audience() -> None:
    assert issuing.render_token_review("t")["spec"] == {"token": "t", "audiences": ["azds"]}


def test_a_bound_token_stands_for_its_pod() -> None:
    assert resolve_pod(review()) == POD


@pytest.mark.parametrize(
    "changes",
    [
        {"authenticated": False},
        {"authenticated": "true"},
        {"authenticated": None},
        {"audiences": []},
        {"audiences": None},
        {"audiences": ["https://kubernetes.default.svc"]},
        {"audiences": "azds"},
    ],
)
def test_what_the_cluster_did_not_make_for_us_is_not_authentic(changes: dict[str, Any]) -> None:
    refused = resolve_pod(review(**changes))
    assert isinstance(refused, Refused)
    assert refused.refusal is Refusal.NOT_AUTHENTIC


@pytest.mark.parametrize(
    "changes",
    [
        {"extra": {}},
        {"extra": None},
        {"extra": {NAME: ["web-0"]}},
        {"extra": {UID: [POD.uid]}},
        {"extra": {NAME: ["web-0", "web-1"], UID: [POD.uid]}},
        {"extra": {NAME: "web-0", UID: POD.uid}},
        {"extra": {NAME: [7], UID: [POD.uid]}},
        {"extra": {NAME: ["web-0/../web-1"], UID: [POD.uid]}},
        {"extra": {NAME: ["web-0\n"], UID: [POD.uid]}},
        {"extra": {NAME: ["a" * 254], UID: [POD.uid]}},
        {"extra": {NAME: ["web-0"], UID: ["u/shop/web-1"]}},
        {"extra": {NAME: ["web-0"], UID: [""]}},
        {"username": "alice"},
        {"username": "system:serviceaccount:shop"},
        {"username": "system:serviceaccount:shop:default:more"},
        {"username": "system:serviceaccount:other/shop:default"},
        {"username": "system:serviceaccount:other.shop:default"},
        {"username": "system:serviceaccount::default"},
        {"username": "x:system:serviceaccount:shop"},
        {"username": "system:node:shop:default"},
        {"username": None},
    ],
)
def test_a_token_that_does_not_name_one_pod_stands_for_none(changes: dict[str, Any]) -> None:
    refused = resolve_pod(review(**changes))
    assert isinstance(refused, Refused)
    assert refused.refusal is Refusal.NOT_OF_A_POD


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=5,
)


@given(
    st.sampled_from(
        ["status", "status.user", "status.user.extra", "status.user.username", "status.audiences"]
    ),
    _JSON,
)
def test_random_answers_never_stand_for_another_pod(place: str, value: Any) -> None:
    answer = copy.deepcopy(review())
    *parents, last = place.split(".")
    inner = answer
    for name in parents:
        inner = inner[name]
    inner[last] = value
    assert isinstance(resolve_pod(answer), Refused)


def test_the_certificate_says_the_pod_as_the_configurations_server_reads_it() -> None:
    found = certificate_of(issuing.issue_certificate(POD, authority(), NOW))
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    identity = resolve_identity(uris, "", trust_domain="alcove")
    assert identity == POD.node_id == node_id(POD.uid, POD.namespace, POD.name)


@pytest.mark.parametrize(
    ("left", "lifetime", "max_age"),
    [(1e6, 86_400, 43_200), (20_000, 20_000, 10_000), (1, 1, 0)],
)
def test_a_certificate_does_not_outlive_its_authority(left: float, lifetime: int, max_age: int) -> None:
    document = issuing.issue_certificate(POD, authority(NOW + left), NOW)
    assert certificate_of(document).not_valid_after_utc.timestamp() == NOW + lifetime
    assert document.max_age == max_age


def test_each_certificate_has_a_key_of_its_own() -> None:
    signer = authority()
    keys = {
        issuing.issue_certificate(POD, signer, NOW).body["resources"][0]["tls_certificate"]["private_key"][
            "inline_string"
        ]
        for _ in range(2)
    }
    assert len(keys) == 2


def test_trust_is_the_whole_bundle() -> None:
    (secret,) = issuing.render_trust(b"one\ntwo\n").body["resources"]
    assert secret["name"] == "trust"
    assert secret["validation_context"] == {"trusted_ca": {"inline_string": "one\ntwo\n"}}


def test_a_refusal_is_one_line() -> None:
    assert str(Refused(Refusal.UNAVAILABLE, "why")) == "the token cannot be looked at now (why)"
    assert str(Refused(Refusal.NOT_OF_A_POD)) == "the token is not bound to a pod"
