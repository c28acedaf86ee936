from __future__ import annotations

import asyncio
import contextlib
import os
import select
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.builds.fakes import pieces

from alcove.builds.programs import Lines, RealPrograms
from alcove.errors import UnavailableError

PROGRAMS = RealPrograms()


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


async def test_a_program_runs_to_its_end_with_its_input() -> None:
    code = (
        "import sys, os; print(len(sys.stdin.read()), os.environ['A']);"
        "print('x', file=sys.stderr); sys.exit(3)"
    )
    done = await PROGRAMS.finish(python(code), env={"A": "b"}, stdin=pieces(b"x" * 300_000))
    assert (done.code, done.output, done.errors) == (3, b"300000 b\n", "x\n")


async def test_a_program_that_does_not_read_its_input_says_why_by_its_exit_code() -> None:
    done = await PROGRAMS.finish(python("import sys; sys.exit(4)"), stdin=pieces(b"x" * 3_000_000, 100_000))
    assert done.code == 4


async def test_lines_come_while_the_program_runs_and_leaving_ends_it_with_its_children() -> None:
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)"
    )
    async with contextlib.aclosing(PROGRAMS.follow(python(code))) as lines:
        child = os.pidfd_open(int(await anext(lines)))
    ended = select.poll()
    ended.register(child, select.POLLIN)
    assert await asyncio.to_thread(ended.poll, 15_000)
    os.close(child)


async def test_both_outputs_come_as_one_and_the_exit_code_last() -> None:
    code = "import sys; print('a', flush=True); print('b', file=sys.stderr); sys.exit(2)"
    assert [line async for line in PROGRAMS.follow(python(code))] == ["a", "b", 2]


async def test_a_program_that_is_not_there_is_told() -> None:
    with pytest.raises(UnavailableError, match="no-such-program cannot be run"):
        await PROGRAMS.finish(["no-such-program"])


def test_bars_of_progress_show_what_they_come_to() -> None:
    lines = Lines()
    assert lines.feed(b"10 %\r50 %\r100 %\r\nne") == ["100 %"]
    assert lines.feed(b"xt\r\n") == ["next"]
    assert lines.end() == []


@given(st.lists(st.binary(max_size=20), max_size=10))
def test_however_the_output_is_cut_the_lines_are_the_same(parts: list[bytes]) -> None:
    cut, whole = Lines(), Lines()
    told = [line for part in parts for line in cut.feed(part)] + cut.end()
    assert told == whole.feed(b"".join(parts)) + whole.end()


def test_a_line_beyond_all_measure_is_told_in_pieces() -> None:
    lines = Lines()
    assert [len(line) for line in lines.feed(b"x" * 200_000)] == [65536] * 3
