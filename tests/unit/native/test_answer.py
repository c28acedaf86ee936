"""How the agent reads HTTP answers: what is one, what is none, and that no bytes do harm."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.native.conftest import Driver
from tests.unit.native.exchanges import render

DONE, FAULT = 8, 9
HEAD_BYTES, BODY_BYTES = 16 * 1024, 256 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    state: int
    status: int
    max_age: int
    body: bytes
    fault: str


def parse(driver: Driver, wire: bytes, *, piece: int = 0, closed: bool = False) -> Answer:
    state, status, max_age, body, fault = driver.ask(
        "answer", len(wire), piece, int(closed), content=wire
    ).split(" ", 4)
    return Answer(int(state), int(status), int(max_age), bytes.fromhex(body), fault)


def head(*lines: str) -> bytes:
    return "".join(f"{line}\r\n" for line in ("HTTP/1.1 200 OK", *lines, "")).encode()


CHUNKED = head("Transfer-Encoding: chunked")


class TestBodies:
    def test_by_length(self, driver: Driver) -> None:
        answer = parse(driver, render(b"the body") + b"what comes next")
        assert (answer.state, answer.status, answer.body) == (DONE, 200, b"the body")

    def test_by_chunks(self, driver: Driver) -> None:
        wire = CHUNKED + b"4\r\nthe \r\nA;name=value\r\nbody, long\r\n0\r\nTrailer: x\r\n\r\nnext"
        assert parse(driver, wire).body == b"the body, long"
        assert parse(driver, wire).state == DONE

    def test_up_to_the_end(self, driver: Driver) -> None:
        assert parse(driver, head() + b"the body").state not in (DONE, FAULT)
        assert parse(driver, head() + b"the body", closed=True).body == b"the body"

    @pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
    def test_none(self, driver: Driver, status: str) -> None:
        assert parse(driver, f"HTTP/1.1 {status}\r\n\r\n".encode()).state == DONE

    def test_interim_answers_are_not_the_answer(self, driver: Driver) -> None:
        wire = b"HTTP/1.1 100 Continue\r\nContent-Length: 7\r\n\r\n" + render(b"body", status="403 Forbidden")
        answer = parse(driver, wire)
        assert (answer.state, answer.status, answer.body) == (DONE, 403, b"body")

    def test_lines_may_end_without_a_carriage_return(self, driver: Driver) -> None:
        answer = parse(driver, b"HTTP/1.0 200\nContent-Length:1\n\nx")
        assert (answer.state, answer.body) == (DONE, b"x")

    @pytest.mark.parametrize(
        "wire", [head("Content-Length: 5"), CHUNKED, CHUNKED + b"1\r\n", b"HTTP/1.1 2", b""]
    )
    def test_the_end_of_the_connection_in_its_midst_is_a_fault(self, driver: Driver, wire: bytes) -> None:
        assert parse(driver, wire).state not in (DONE, FAULT)
        assert "the connection was closed" in parse(driver, wire, closed=True).fault


class TestAge:
    @pytest.mark.parametrize(
        ("header", "age"),
        [
            ("max-age=60", 60),
            ("private,\tMAX-AGE=60 , must-revalidate", 60),
            ("max-age=60, max-age=70", 60),
            ("s-maxage=60", -1),
            ("max-age=", -1),
            ("max-age=-1", -1),
            ("max-age=6x", -1),
            ('max-age="60"', -1),
            ("max-age=" + "9" * 400, 100_000_000_000),
            ("", -1),
            (",,,", -1),
        ],
    )
    def test_is_that_of_cache_control(self, driver: Driver, header: str, age: int) -> None:
        assert parse(driver, render(headers=(f"cache-control: {header}",))).max_age == age

    def test_may_not_be_told(self, driver: Driver) -> None:
        assert parse(driver, render(headers=("X-Cache-Control: max-age=5",))).max_age == -1


class TestFaults:
    @pytest.mark.parametrize(
        "wire",
        [
            b"HTTP/2 200 OK\r\n",
            b"HTTP/1.1 99 OK\r\n",
            b"HTTP/1.1 2000\r\n",
            b"HTTP/1.1  200 OK\r\n",
            b"HTTP/1.1 20x OK\r\n",
            b"\r\n",
            b"SSH-2.0-OpenSSH\r\n",
            b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
            head("Content-Length: 5", "Content-Length: 5"),
            head("Content-Length: 5, 5"),
            head("Content-Length: +5"),
            head("Content-Length:"),
            head("Content-Length: 5", "Transfer-Encoding: chunked"),
            head("Transfer-Encoding: gzip, chunked"),
            head("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
            head("Content-Length : 5"),
            head("A: b", " folded"),
            head("no colon"),
            head(": no name"),
            head("A: \0"),
            head("A: b\rContent-Length: 5"),
            CHUNKED + b"\r\n",
            CHUNKED + b"-1\r\n",
            CHUNKED + b"5 5\r\n",
            CHUNKED + b"1\r\nxy\r\n",
        ],
    )
    def test_what_proxies_disagree_about_is_one(self, driver: Driver, wire: bytes) -> None:
        answer = parse(driver, wire)
        assert answer.state == FAULT
        assert answer.fault

    @pytest.mark.parametrize("fits", [True, False])
    def test_headers_have_a_bound(self, driver: Driver, fits: bool) -> None:
        rest = len(head("A: ", "Content-Length: 0"))
        wire = head("A: " + "x" * (HEAD_BYTES - rest + (not fits)), "Content-Length: 0")
        assert parse(driver, wire).state == (DONE if fits else FAULT)

    def test_interim_answers_have_a_bound(self, driver: Driver) -> None:
        assert "16 KiB" in parse(driver, b"HTTP/1.1 100\r\n\r\n" * 2000).fault

    def test_tiny_chunks_have_a_bound(self, driver: Driver) -> None:
        assert "16 KiB" in parse(driver, CHUNKED + b"1\r\nx\r\n" * 10_000).fault

    def test_a_line_without_end_has_a_bound(self, driver: Driver) -> None:
        assert "16 KiB" in parse(driver, b"x" * 100_000, piece=1000).fault

    @pytest.mark.parametrize("framing", ["length", "chunks", "close"])
    @pytest.mark.parametrize("fits", [True, False])
    def test_a_body_has_a_bound(self, driver: Driver, framing: str, fits: bool) -> None:
        body = b"x" * (BODY_BYTES + (not fits))
        wire = {
            "length": render(body),
            "chunks": CHUNKED + b"10000\r\n" + body[:65536] + b"\r\n%x\r\n" % (len(body) - 65536),
            "close": head() + body,
        }[framing]
        if framing == "chunks":
            wire += body[65536:] + b"\r\n0\r\n\r\n"
        answer = parse(driver, wire, piece=4096, closed=True)
        assert (answer.state == DONE, answer.body == body) == (fits, fits)
        assert ("256 KiB" in answer.fault) == (not fits)

    @pytest.mark.parametrize("size", ["f" * 7, "f" * 15, "f" * 16, "8" + "0" * 15, "f" * 500])
    def test_huge_sizes_do_not_overflow(self, driver: Driver, size: str) -> None:
        answer = parse(driver, CHUNKED + f"{size}\r\n".encode() + b"x" * (BODY_BYTES + 1))
        assert "256 KiB" in answer.fault
        assert "256 KiB" in parse(driver, head(f"Content-Length: {int(size, 16)}")).fault


FRAGMENTS = (
    *(
        b"HTTP/1.1 200 OK",
        b"HTTP/1.1 100",
        b"HTTP/1.",
        b"200",
        b" ",
        b"\r\n",
        b"\n",
        b"\r",
        b"\r\n\r\n",
        b"\0",
    ),
    *(b"Content-Length: ", b"Transfer-Encoding: chunked", b"Cache-Control: ", b"max-age=", b",", b":", b";"),
    *(b"0", b"1", b"5", b"a", b"ffffffffffffffffff", b"99999999999999999999", b"x" * 70, CHUNKED, head()),
)


class TestAnyBytes:
    @given(
        body=st.binary(max_size=300),
        cuts=st.lists(st.integers(1, 60), max_size=8),
        piece=st.integers(0, 50),
        status=st.integers(200, 599).filter(lambda status: status not in (204, 304)),
    )
    def test_what_was_rendered_is_read(
        self, driver: Driver, body: bytes, cuts: list[int], piece: int, status: int
    ) -> None:
        chunks, rest = [], body
        for cut in cuts:
            chunks.append(rest[:cut])
            rest = rest[cut:]
        framed = b"".join(b"%X\r\n%s\r\n" % (len(chunk), chunk) for chunk in (*chunks, rest) if chunk)
        by_chunks = CHUNKED.replace(b"200", str(status).encode()) + framed + b"0\r\n\r\n"
        for wire in (render(body, status=f"{status} x"), by_chunks):
            answer = parse(driver, wire, piece=piece)
            assert (answer.state, answer.status, answer.body) == (DONE, status, body)

    @given(
        parts=st.lists(st.sampled_from(FRAGMENTS) | st.binary(max_size=5), max_size=25),
        piece=st.integers(1, 30),
        closed=st.booleans(),
    )
    def test_how_it_is_cut_changes_nothing(
        self, driver: Driver, parts: list[bytes], piece: int, closed: bool
    ) -> None:
        wire = b"".join(parts)
        answer = parse(driver, wire, closed=closed)
        assert answer == parse(driver, wire, piece=piece, closed=closed)
        assert answer == parse(driver, wire, piece=1, closed=closed)
        assert (answer.state == FAULT) == bool(answer.fault)
        assert not closed or answer.state in (DONE, FAULT)

    def test_damaged_answers_do_no_harm(self, driver: Driver) -> None:
        chance = random.Random(11)
        good = (
            render(b"body " * 20, headers=("Cache-Control: private, max-age=60", "A: b")),
            CHUNKED + b"a\r\n0123456789\r\n3;x\r\nabc\r\n0\r\nA: b\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\n" + head("Cache-Control: max-age=1") + b"to the end",
        )
        for _ in range(3000):
            wire = bytearray(chance.choice(good))
            for _ in range(chance.randrange(1, 6)):
                at = chance.randrange(len(wire))
                match chance.randrange(4):
                    case 0:
                        wire[at] = chance.randrange(256)
                    case 1:
                        del wire[at : at + chance.randrange(1, 9)]
                    case 2:
                        wire[at:at] = chance.choice(FRAGMENTS)
                    case _:
                        wire[at:at] = wire[: chance.randrange(len(wire) + 1)]
                wire += b"\n"
            answer = parse(driver, bytes(wire), piece=chance.randrange(20), closed=True)
            assert answer.state in (DONE, FAULT)
            assert len(answer.body) <= BODY_BYTES
