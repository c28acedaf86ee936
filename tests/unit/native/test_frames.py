"""What the agent reads, whatever the bytes are: frames, values, digests, paths, files of its own."""

from __future__ import annotations

import hashlib
import itertools
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.native.conftest import Agent, Driver
from tests.unit.native.hub import Container, Hub, container, write

from alcove.agents import frames, messages

LARGEST = (1 << 20) + 64


def find(driver: Driver, content: bytes, piece: int) -> list[str]:
    return driver.ask("frames", len(content), piece, content=content).split()


class TestFrames:
    @given(
        sent=st.lists(
            st.tuples(st.integers(0, 255), st.integers(0, 0xFFFFFFFF), st.binary(max_size=300)), max_size=8
        ),
        piece=st.integers(1, 64),
    )
    def test_are_found_however_they_are_cut(
        self, driver: Driver, sent: list[tuple[int, int, bytes]], piece: int
    ) -> None:
        content = b"".join(
            (5 + len(payload)).to_bytes(4) + bytes([kind]) + request.to_bytes(4) + payload
            for kind, request, payload in sent
        )
        expected = [f"{kind}:{request}:{len(payload)}" for kind, request, payload in sent]
        assert find(driver, content, piece) == expected
        if content:
            assert find(driver, content[:-1], piece) == [*expected[:-1], "more"]

    @given(content=st.binary(max_size=200), piece=st.integers(1, 50))
    def test_anything_else_is_broken_or_more(self, driver: Driver, content: bytes, piece: int) -> None:
        found = find(driver, content, piece)
        assert all(word in ("broken", "more") or word.count(":") == 2 for word in found)

    @pytest.mark.parametrize("length", [0, 4, LARGEST + 1, 0x7FFFFFFF, 0xFFFFFFFF])
    def test_lengths_that_no_frame_has(self, driver: Driver, length: int) -> None:
        assert find(driver, length.to_bytes(4) + bytes(20), 24) == ["broken"]

    def test_the_largest(self, driver: Driver) -> None:
        content = LARGEST.to_bytes(4) + bytes(LARGEST)
        assert find(driver, content, 65536) == [f"0:0:{LARGEST - 5}"]

    @given(content=st.binary(max_size=100), order=st.text("12456678", min_size=1, max_size=18))
    def test_values_are_read_within_the_payload(self, driver: Driver, content: bytes, order: str) -> None:
        words = driver.ask("payload", len(content), int(order), content=content).split()
        assert len(words) == len(order) + 2
        assert words[-2:] in (["0", "0"], ["0", "1"], ["1", "0"])

    @given(texts=st.lists(st.binary(max_size=20).filter(lambda text: b"\0" not in text), max_size=20))
    def test_lists(self, driver: Driver, texts: list[bytes]) -> None:
        content = len(texts).to_bytes(4) + b"".join(len(text).to_bytes(4) + text for text in texts)
        assert driver.ask("payload", len(content), 6, content=content) == f"{len(texts)} 1 0"
        longer = driver.ask("payload", len(content) + 1, 6, content=content + b"x")
        assert longer == f"{len(texts)} 0 0"

    @pytest.mark.parametrize(
        "content", [b"\xff\xff\xff\xff", b"\0\0\0\1\xff\xff\xff\xffx", b"\0\0\0\1\0\0\0\1\0"]
    )
    def test_lists_that_lie(self, driver: Driver, content: bytes) -> None:
        assert driver.ask("payload", len(content), 6, content=content) == "0 0 1"


class TestDigests:
    @given(content=st.binary(max_size=400), piece=st.integers(1, 200))
    def test_are_those_of_everybody(self, driver: Driver, content: bytes, piece: int) -> None:
        digest = driver.ask("sha256", len(content), piece, content=content)
        assert digest == hashlib.sha256(content).hexdigest()

    @pytest.mark.parametrize("length", [0, 55, 56, 63, 64, 65, 119, 120, 128, 1_000_003])
    def test_of_these_lengths(self, driver: Driver, length: int) -> None:
        content = random.Random(length).randbytes(length)
        digest = driver.ask("sha256", length, 4096, content=content)
        assert digest == hashlib.sha256(content).hexdigest()


class TestPaths:
    @given(st.text("./a", max_size=12))
    def test_below_a_root(self, driver: Driver, path: str) -> None:
        parts = path.split("/")
        expected = all(part not in ("", ".", "..") for part in parts)
        assert driver.ask("path", len(path), content=path.encode()) == str(int(expected))

    @pytest.mark.parametrize(("length", "expected"), [(255, "1"), (256, "0")])
    def test_long_names(self, driver: Driver, length: int, expected: str) -> None:
        assert driver.ask("path", length, content=b"a" * length) == expected


class TestRecords:
    @given(st.binary(max_size=100))
    def test_whatever_is_in_a_file(self, driver: Driver, content: bytes) -> None:
        assert len(driver.ask("values", len(content), content=content).split()) == 4

    @given(st.lists(st.text("0123456789\0ab", max_size=4), max_size=12))
    def test_what_nearly_is_one(self, driver: Driver, words: list[str]) -> None:
        content = "\0".join(words).encode() + b"\0"
        assert len(driver.ask("values", len(content), content=content).split()) == 4


class Fuzzer:
    """Sends what is nearly sense, and looks whether the agent still serves others."""

    def __init__(self, pod: Container, seed: int) -> None:
        self.random = random.Random(seed)
        self.pod = pod
        self.seed = seed

    def text(self) -> str:
        some = ["", "a", "a/b", "..", "/etc/passwd", str(self.pod.root), "l/x", "x" * 300, "ü"]
        return self.random.choice(some)

    def texts(self) -> tuple[str, ...]:
        return tuple(self.text() for _ in range(self.random.randrange(3)))

    def message(self) -> messages.Message:
        number = self.random.randrange(5)
        root = str(self.pod.root)
        size = self.random.randrange(4)
        choices: list[messages.Message] = [
            messages.Begin(self.random.choice((root, root, self.text()))),
            messages.File(self.text(), 0o644, size, hashlib.sha256(b"x" * size).digest()),
            messages.Data(b"x" * size),
            messages.Link(self.text(), self.random.choice(("..", "/", "a"))),
            messages.Directory(self.text(), 0o755),
            messages.Remove(self.text()),
            messages.Mode(self.text(), 0o755),
            messages.Commit(self.text()[:20]),
            messages.Tree(root, self.texts()),
            messages.Run(("true", *self.texts()), ("A=1",), "", self.random.randrange(4)),
            messages.Input(b"x" * number),
            messages.InputEnd(),
            messages.Signal(self.random.randrange(100)),
            messages.Stop(("no-such-name",), 5),
            messages.Start(("sleep", "600")),
            messages.Ping(),
            messages.Log(b"x"),
            messages.BuildFailed("x"),
        ]
        return self.random.choice(choices)

    def frame(self) -> bytes:
        frame = bytearray(frames.encode(self.message(), self.random.choice((1, 1, 1, 2, 3, 0))))
        if self.random.random() < 0.15:
            for _ in range(self.random.randrange(1, 4)):
                frame[self.random.randrange(len(frame))] = self.random.randrange(256)
        if self.random.random() < 0.05:
            del frame[self.random.randrange(len(frame)) :]
        return bytes(frame)

    def converse(self) -> None:
        """One connection, with frames until the agent has enough of it or they end."""
        hub = self.pod.hub() if self.random.random() < 0.95 else self.pod.dial()
        try:
            for _ in range(self.random.randrange(1, 40)):
                hub.connection.sendall(self.frame())
        except OSError:
            pass
        finally:
            hub.close()

    def check(self) -> None:
        hub: Hub = self.pod.hub()
        hub.ask(messages.Ping())
        hub.apply(self.pod.root, *write("checked", str(self.seed).encode()))
        assert (self.pod.root / "checked").read_bytes() == str(self.seed).encode()
        hub.close()


def fuzz(agent: Agent, directory: Path, seeds: Iterator[int]) -> None:
    """Converse with one agent; a fault of a sanitized one ends it, and says where it was."""
    quiet = agent.below("sh", "-c", f'exec "$@" >{directory}/out 2>{directory}/err', "sh")
    with container(quiet, directory) as pod:
        run = pod.begin("sleep", "600")
        for count, seed in enumerate(seeds):
            fuzzer = Fuzzer(pod, seed)
            fuzzer.converse()
            if count % 20 == 19:
                fuzzer.check()
        Fuzzer(pod, 0).check()
        run.send(signal.SIGTERM)
        assert run.wait() in (0, 128 + signal.SIGTERM, 128 + signal.SIGKILL), (directory / "err").read_text()
    assert {path.name for path in directory.iterdir()} <= {"alcove", "app", "out", "err"}


@pytest.mark.timeout(120)
def test_conversations_that_are_nearly_sense(sanitized: Agent, tmp_path: Path) -> None:
    try:
        fuzz(sanitized, tmp_path, iter(range(200)))
    finally:
        sanitized.close()


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_many_conversations_that_are_nearly_sense(sanitized: Agent, tmp_path: Path) -> None:
    """For as long as ``ALCOVE_FUZZ_SECONDS`` says."""
    deadline = time.monotonic() + float(os.environ.get("ALCOVE_FUZZ_SECONDS", "3"))
    seeds = itertools.count(random.SystemRandom().randrange(1 << 32))
    try:
        fuzz(sanitized, tmp_path, itertools.takewhile(lambda _: time.monotonic() < deadline, seeds))
    finally:
        sanitized.close()
