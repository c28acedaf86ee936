from __future__ import annotations

import io
import sys
from contextlib import suppress
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.images.samples import AARCH64, elf

from alcove.images.elf import Linkage, parse_linkage, read_linkage


def parse(content: bytes) -> Linkage | None:
    return parse_linkage(io.BytesIO(content))


def test_a_program_says_what_it_needs() -> None:
    content = elf(needed=("liba.so.1", "libc.so.6"), interpreter="/lib64/ld.so", runpath="$ORIGIN/x:/y")
    assert parse(content) == Linkage(
        62, "/lib64/ld.so", ("liba.so.1", "libc.so.6"), runpath=("$ORIGIN/x", "/y")
    )


def test_the_older_form_of_where_to_look_is_kept_apart() -> None:
    assert parse(elf(rpath="/a:/b", machine=AARCH64)) == Linkage(183, rpath=("/a", "/b"))


def test_what_is_no_program_is_none() -> None:
    assert parse(b"#!/bin/sh\n") is None
    assert parse(b"") is None
    assert parse(b"\x7fELF\x01\x01" + bytes(80)) is None  # of 32 bits


def test_this_interpreter_is_read() -> None:
    linkage = read_linkage(Path(sys.executable))
    assert linkage is not None
    assert "/ld-" in linkage.interpreter
    assert any(name.startswith("libc.") for name in linkage.needed)


@given(st.binary(max_size=300), st.integers(0, 400), st.binary(min_size=1, max_size=16))
def test_any_bytes_are_read_or_refused(noise: bytes, at: int, patch: bytes) -> None:
    program = elf(needed=("liba.so",), interpreter="/lib/ld.so", runpath="/x")
    for content in (
        b"\x7fELF\x02\x01" + noise,
        program[:at],
        program[:at] + patch + program[at + len(patch) :],
    ):
        with suppress(ValueError):
            parse(content)
