"""Transcripts of one stream: what a proxy says, and what it is told."""

from __future__ import annotations

import pytest
from tests.unit.xds.proxies import snapshot

from alcove.xds.resources import CLUSTER, ENDPOINTS, LISTENER, ROUTES, Snapshot
from alcove.xds.stream import DeltaStream, Refusal, Request, Response
from alcove.xds.subscription import StreamError

Told = list[tuple[str, dict[str, str], tuple[str, ...]]]


class Transcript:
    """Speaks with a stream and keeps the nonces that are outstanding."""

    def __init__(self, given: Snapshot | None = None) -> None:
        self.stream = DeltaStream()
        self.nonces: dict[str, str] = {}
        if given is not None:
            self.stream.offer(given)

    def says(self, url: str, *subscribe: str, drop: tuple[str, ...] = (), **has: str) -> None:
        self.stream.receive(Request(url, subscribe, drop, initial_versions=has))

    def acks(self, url: str) -> None:
        assert self.stream.receive(Request(url, nonce=self.nonces[url])) is None

    def nacks(self, url: str, error: str = "bad") -> Refusal | None:
        return self.stream.receive(Request(url, nonce=self.nonces[url], error=error))

    def told(self) -> Told:
        """Give (type, resources with versions, removed) of each response that is sent now."""
        responses = self.stream.respond()
        self.nonces.update({response.type_url: response.nonce for response in responses})
        return [_plain(response) for response in responses]


def _plain(response: Response) -> tuple[str, dict[str, str], tuple[str, ...]]:
    return response.type_url, {r.name: r.version for r in response.resources}, response.removed


A1, A2, B1 = (CLUSTER, "a", "1"), (CLUSTER, "a", "2"), (CLUSTER, "b", "1")


def test_nothing_is_said_before_there_is_a_snapshot() -> None:
    talk = Transcript()
    talk.says(CLUSTER)
    assert talk.told() == []
    assert not talk.stream.is_settled
    talk.stream.offer(snapshot(A1))
    assert talk.told() == [(CLUSTER, {"a": "1"}, ())]


@pytest.mark.parametrize("names", [(), ("*",)])
def test_both_forms_of_wildcard(names: tuple[str, ...]) -> None:
    talk = Transcript(snapshot(A1, B1))
    talk.says(CLUSTER, *names)
    assert talk.told() == [(CLUSTER, {"a": "1", "b": "1"}, ())]
    talk.acks(CLUSTER)
    assert talk.told() == []
    assert talk.stream.is_settled


def test_an_empty_wildcard_is_answered_once() -> None:
    talk = Transcript(snapshot())
    talk.says(CLUSTER)
    assert talk.told() == [(CLUSTER, {}, ())]
    talk.acks(CLUSTER)
    assert talk.told() == []


def test_an_older_wildcard_goes_on_beside_names_and_ends_by_its_sign() -> None:
    talk = Transcript(snapshot(A1, B1))
    talk.says(CLUSTER)
    talk.told()
    talk.acks(CLUSTER)
    talk.says(CLUSTER, "a")
    assert talk.told() == [(CLUSTER, {"a": "1"}, ())]
    talk.acks(CLUSTER)
    talk.says(CLUSTER, drop=("*",))
    talk.stream.offer(snapshot(A2))
    assert talk.told() == [(CLUSTER, {"a": "2"}, ())]


def test_a_name_that_does_not_exist_is_said_to_be_removed_once() -> None:
    talk = Transcript(snapshot())
    talk.says(ENDPOINTS, "x")
    assert talk.told() == [(ENDPOINTS, {}, ("x",))]
    talk.acks(ENDPOINTS)
    assert talk.told() == []
    talk.stream.offer(snapshot((ENDPOINTS, "x", "1")))
    assert talk.told() == [(ENDPOINTS, {"x": "1"}, ())]


def test_a_name_subscribed_to_again_is_sent_again() -> None:
    talk = Transcript(snapshot(A1))
    talk.says(CLUSTER, "a")
    talk.told()
    talk.acks(CLUSTER)
    first = talk.nonces[CLUSTER]
    talk.says(CLUSTER, "a")
    assert talk.told() == [(CLUSTER, {"a": "1"}, ())]
    assert talk.nonces[CLUSTER] != first


def test_an_unsubscribed_name_is_no_longer_told() -> None:
    talk = Transcript(snapshot(A1, B1))
    talk.says(CLUSTER, "a", "b")
    talk.told()
    talk.acks(CLUSTER)
    talk.says(CLUSTER, drop=("a", "never-heard-of"))
    talk.stream.offer(snapshot(A2))
    assert talk.told() == [(CLUSTER, {}, ("b",))]


def test_a_name_dropped_beside_a_wildcard_is_told_what_becomes_of_it() -> None:
    talk = Transcript(snapshot(A1))
    talk.says(CLUSTER, "*", "a", "gone")
    talk.told()
    talk.acks(CLUSTER)
    talk.says(CLUSTER, drop=("a", "gone"))
    assert talk.told() == [(CLUSTER, {"a": "1"}, ("gone",))]


def test_a_proxy_that_comes_back_is_told_differences() -> None:
    talk = Transcript(snapshot(A2, B1, (CLUSTER, "c", "1")))
    talk.says(CLUSTER, a="1", b="1", d="1")
    assert talk.told() == [(CLUSTER, {"a": "2", "c": "1"}, ())]
    talk.acks(CLUSTER)
    assert talk.told() == [(CLUSTER, {}, ("d",))]


def test_a_proxy_that_comes_back_with_everything_is_told_nothing() -> None:
    talk = Transcript(snapshot(A1, (ROUTES, "r", "1")))
    talk.says(CLUSTER, a="1")
    talk.says(ROUTES, "r", r="1")
    assert talk.told() == []
    assert talk.stream.is_settled


def test_what_a_later_request_presents_does_not_count() -> None:
    talk = Transcript(snapshot(A1))
    talk.says(CLUSTER, "x")
    talk.told()
    talk.acks(CLUSTER)
    talk.says(CLUSTER, "a", a="1")
    assert talk.told() == [(CLUSTER, {"a": "1"}, ())]


def test_only_the_newest_state_follows_an_ack() -> None:
    talk = Transcript(snapshot(A1))
    talk.says(CLUSTER)
    talk.told()
    for version in ("2", "3", "4"):
        talk.stream.offer(snapshot((CLUSTER, "a", version)))
        assert talk.told() == []
    talk.acks(CLUSTER)
    assert talk.told() == [(CLUSTER, {"a": "4"}, ())]


def test_a_change_that_was_taken_back_is_not_sent() -> None:
    talk = Transcript(snapshot(A1))
    talk.says(CLUSTER)
    talk.told()
    talk.stream.offer(snapshot(A2))
    talk.stream.offer(snapshot(A1))
    talk.acks(CLUSTER)
    assert talk.told() == []


def test_an_outdated_nonce_answers_nothing_but_its_subscription_counts() -> None:
    talk = Transcript(snapshot(A1, B1))
    talk.says(CLUSTER, "a")
    talk.told()
    talk.stream.receive(Request(CLUSTER, subscribe=("b",), nonce="outdated", error="not about this one"))
    assert talk.told() == []
    assert talk.stream.refused == {}
    talk.acks(CLUSTER)
    assert talk.told() == [(CLUSTER, {"b": "1"}, ())]


def test_a_refused_version_waits_for_another_one() -> None:
    talk = Transcript(snapshot(A1))
    talk.says(CLUSTER)
    talk.told()
    talk.acks(CLUSTER)
    talk.stream.offer(snapshot(A2))
    talk.told()
    assert talk.nacks(CLUSTER, "too odd") == Refusal(CLUSTER, ("a",), "too odd")
    assert talk.told() == []
    assert talk.stream.is_settled
    assert talk.stream.refused == {(CLUSTER, "a"): "2"}
    talk.stream.offer(snapshot(A2, B1))
    assert talk.told() == [(CLUSTER, {"b": "1"}, ())]
    talk.acks(CLUSTER)
    talk.stream.offer(snapshot((CLUSTER, "a", "3"), B1))
    assert talk.told() == [(CLUSTER, {"a": "3"}, ())]
    talk.acks(CLUSTER)
    assert talk.stream.refused == {}


def test_after_a_refusal_the_old_version_is_sent_to_be_sure() -> None:
    talk = Transcript(snapshot(A2))
    talk.says(CLUSTER, a="1")
    talk.told()
    talk.nacks(CLUSTER)
    talk.stream.offer(snapshot(A1))
    assert talk.told() == [(CLUSTER, {"a": "1"}, ())]


def test_the_bad_one_of_several_is_found() -> None:
    talk = Transcript(snapshot(A1, B1))
    talk.says(CLUSTER)
    talk.told()
    assert talk.nacks(CLUSTER) == Refusal(CLUSTER, ("a", "b"), "bad")
    assert talk.told() == [(CLUSTER, {"a": "1"}, ())]
    talk.acks(CLUSTER)
    assert talk.told() == [(CLUSTER, {"b": "1"}, ())]
    assert talk.nacks(CLUSTER) == Refusal(CLUSTER, ("b",), "bad")
    assert talk.told() == []
    assert talk.stream.refused == {(CLUSTER, "b"): "1"}


ALL = (CLUSTER, ENDPOINTS, LISTENER, ROUTES)


def everywhere(name: str) -> Snapshot:
    return snapshot(*((url, name, "1") for url in ALL))


def test_make_before_break() -> None:
    talk = Transcript(everywhere("old"))
    for url in reversed(ALL):
        talk.says(url, "*")
    told: Told = []
    for given in (None, everywhere("new")):
        if given:
            talk.stream.offer(given)
        while now := talk.told():
            told += now
            for url, _, _ in now:
                talk.acks(url)
    old, new = {"old": "1"}, {"new": "1"}
    assert told == [
        *((url, old, ()) for url in ALL),
        *((CLUSTER, new, ()), (ENDPOINTS, new, ()), (LISTENER, new, ())),
        (ROUTES, new, ("old",)),
        *((LISTENER, {}, ("old",)), (ENDPOINTS, {}, ("old",)), (CLUSTER, {}, ("old",))),
    ]


def test_routes_wait_until_clusters_and_endpoints_are_answered() -> None:
    talk = Transcript(everywhere("x"))
    for url in (CLUSTER, ENDPOINTS, ROUTES):
        talk.says(url, "*")
    assert [url for url, _, _ in talk.told()] == [CLUSTER, ENDPOINTS]
    talk.acks(CLUSTER)
    assert talk.told() == []
    talk.acks(ENDPOINTS)
    assert [url for url, _, _ in talk.told()] == [ROUTES]


def test_a_refusal_does_not_hold_later_types_back() -> None:
    talk = Transcript(everywhere("x"))
    talk.says(CLUSTER)
    talk.says(ROUTES, "x")
    talk.told()
    talk.nacks(CLUSTER)
    assert talk.told() == [(ROUTES, {"x": "1"}, ())]


def test_a_changed_cluster_takes_its_endpoints_along() -> None:
    endpoints = (ENDPOINTS, "a", "1")
    talk = Transcript(snapshot(A1, endpoints))
    talk.says(CLUSTER, a="1")
    talk.says(ENDPOINTS, "a", a="1")
    assert talk.told() == []
    talk.stream.offer(snapshot(A2, endpoints))
    assert talk.told() == [(CLUSTER, {"a": "2"}, ()), (ENDPOINTS, {"a": "1"}, ())]


def test_types_nobody_knows_are_served_too() -> None:
    url = "type.googleapis.com/example.Strange"
    talk = Transcript(snapshot((url, "x", "1")))
    talk.says(url)
    assert talk.told() == [(url, {"x": "1"}, ())]


def test_a_request_must_name_a_type() -> None:
    with pytest.raises(StreamError, match="type_url"):
        Transcript().says("")


def test_types_and_names_are_bounded() -> None:
    talk = Transcript()
    with pytest.raises(StreamError, match="types"):
        for number in range(100):
            talk.says(f"type.googleapis.com/T{number}")
    with pytest.raises(StreamError, match="names"):
        Transcript().says(CLUSTER, *(str(number) for number in range(100_001)))
