"""The names of the cluster."""

from __future__ import annotations

from typing import Any

import dnslib
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.embedded.network.conftest import endpoints, service

from alcove.embedded.network import dnswire
from alcove.embedded.network.names import Alias, Names, Outside
from alcove.embedded.network.services import ServiceKey, resolve_service

PORTS = [{"name": "http", "port": 80}]


def _known() -> Names:
    names = Names()
    hosted = endpoints("db", "10.42.0.2", port=5432, name="pg")
    hosted["endpoints"][0]["hostname"] = "db-0"
    plain = endpoints("web", "10.42.0.3", name="http")
    given_services: list[tuple[Any, list[Any]]] = [
        (service("web", "10.96.0.50", ports=PORTS), [plain]),
        (service("db", "None", ports=[{"name": "pg", "port": 5432}]), [hosted]),
        (service("empty", "None"), []),
        (service("many", "None"), [endpoints("many", *(f"10.42.1.{last}" for last in range(200)))]),
        (service("far", "", type="ExternalName", externalName="Example.com."), []),
    ]
    for spec, slices in given_services:
        names.update(ServiceKey("default", spec["metadata"]["name"]), resolve_service(spec, slices))
    return names


NAMES = _known()


def ask(name: str, kind: str = "A", *, size: int = 0) -> dnslib.DNSRecord:
    question = dnslib.DNSRecord.question(name, kind)
    if size:
        question.add_ar(dnslib.EDNS0(udp_len=size))
    query = dnswire.parse_query(question.pack())
    assert query is not None
    reply = NAMES.answer(query)
    assert isinstance(reply, dnswire.Reply)
    return dnslib.DNSRecord.parse(dnswire.encode_reply(query, reply, ttl=5, limit=query.limit))


@pytest.mark.parametrize(
    ("name", "kind", "answers"),
    [
        ("web.default.svc.cluster.local", "A", ["10.96.0.50"]),
        ("WEB.default.svc.Cluster.local", "A", ["10.96.0.50"]),
        ("db.default.svc.cluster.local", "A", ["10.42.0.2"]),
        ("db-0.db.default.svc.cluster.local", "A", ["10.42.0.2"]),
        ("10-42-9-9.default.pod.cluster.local", "A", ["10.42.9.9"]),
        ("web.default.svc.cluster.local", "AAAA", []),
        ("default.svc.cluster.local", "A", []),
        ("_http._tcp.web.default.svc.cluster.local", "SRV", ["0 100 80 web.default.svc.cluster.local."]),
        ("_pg._tcp.db.default.svc.cluster.local", "SRV", ["0 100 5432 db-0.db.default.svc.cluster.local."]),
        ("db.default.svc.cluster.local", "SRV", ["0 100 5432 db-0.db.default.svc.cluster.local."]),
        ("50.0.96.10.in-addr.arpa", "PTR", ["web.default.svc.cluster.local."]),
        ("2.0.42.10.in-addr.arpa", "PTR", ["db-0.db.default.svc.cluster.local."]),
    ],
)
def test_names_are_answered_as_coredns_does(name: str, kind: str, answers: list[str]) -> None:
    answer = ask(name, kind)
    assert (answer.header.rcode, [str(record.rdata) for record in answer.rr]) == (0, answers)
    assert all(record.ttl == 5 for record in answer.rr)


@pytest.mark.parametrize(
    "name",
    [
        "none.default.svc.cluster.local",
        "empty.default.svc.cluster.local",
        "nobody.svc.cluster.local",
        "300-1-1-1.default.pod.cluster.local",
        "9.9.42.10.in-addr.arpa",
    ],
)
def test_what_is_not_there_is_denied_with_the_time_to_remember_it(name: str) -> None:
    answer = ask(name)
    assert answer.header.rcode == dnswire.NXDOMAIN
    assert [str(record.rname) for record in answer.auth] == ["cluster.local."]


def test_srv_answers_bring_the_addresses_along() -> None:
    answer = ask("_pg._tcp.db.default.svc.cluster.local", "SRV")
    assert [(str(one.rname), str(one.rdata)) for one in answer.ar] == [
        ("db-0.db.default.svc.cluster.local.", "10.42.0.2")
    ]


def test_the_order_of_addresses_turns() -> None:
    first = {str(ask("many.default.svc.cluster.local", size=4096).rr[0].rdata) for _ in range(60)}
    assert len(first) > 1


def test_an_answer_that_is_too_long_is_cut_and_marked() -> None:
    assert ask("many.default.svc.cluster.local").header.tc
    whole = ask("many.default.svc.cluster.local", size=4096)
    assert (whole.header.tc, len(whole.rr), len(whole.ar)) == (0, 200, 1)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("far.default.svc.cluster.local", Alias("Example.com")),
        ("example.com", Outside()),
        ("1.2.0.192.in-addr.arpa", Outside()),
        ("notcluster.local", Outside()),
    ],
)
def test_what_others_know_is_said_to_be_theirs(name: str, expected: object) -> None:
    query = dnswire.parse_query(dnslib.DNSRecord.question(name).pack())
    assert query is not None
    assert NAMES.answer(query) == expected


def test_a_service_that_is_gone_leaves_no_name_behind() -> None:
    names = _known()
    for name in ("web", "db", "empty", "many", "far"):
        names.update(ServiceKey("default", name), None)
    fresh = Names()
    assert {k: v for k, v in vars(names).items() if v} == {k: v for k, v in vars(fresh).items() if v}


@given(st.binary(max_size=80))
def test_any_packet_is_answered_or_ignored(packet: bytes) -> None:
    query = dnswire.parse_query(packet)
    if query is not None:
        reply = NAMES.answer(query)
        if isinstance(reply, dnswire.Reply):
            assert len(dnswire.encode_reply(query, reply, ttl=5, limit=query.limit)) >= 12


@given(st.binary(max_size=80))
def test_any_question_is_answered_or_ignored(tail: bytes) -> None:
    test_any_packet_is_answered_or_ignored.hypothesis.inner_test(  # type: ignore[attr-defined]
        bytes.fromhex("000101000001000000000001") + tail
    )
