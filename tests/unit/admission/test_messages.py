"""The small parts of bootstraps."""

from __future__ import annotations

from alcove.admission.messages import cluster, direct_answer, pipe, socket_address


def test_a_cluster_has_one_address_under_its_own_name() -> None:
    address = socket_address("fd00::1", 443)
    found = cluster("identity", address, connect_timeout="5s")
    assert found["load_assignment"]["cluster_name"] == found["name"] == "identity"
    (locality,) = found["load_assignment"]["endpoints"]
    assert locality["lb_endpoints"] == [{"endpoint": {"address": address}}]
    assert found["connect_timeout"] == "5s"


def test_sockets_are_for_their_makers_user_alone() -> None:
    assert pipe("/run/x.sock") == {"pipe": {"path": "/run/x.sock", "mode": 0o600}}


def test_answers_are_lines() -> None:
    assert direct_answer(200, "ready", path="/ready") == {
        "match": {"path": "/ready"},
        "direct_response": {"status": 200, "body": {"inline_string": "ready\n"}},
    }
