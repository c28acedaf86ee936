from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from alcove.sessions.debugging import DEBUG_DIRECTORY, DEBUGGERS, SITE

PROGRAM = "print('it runs')"
FAKE = """
def listen(place):
    print("listens at", *place)
    {more}
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "sitecustomize.py").write_text(SITE)
    return tmp_path


def run(site: Path, program: str = PROGRAM, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a Python that has nothing but what is in ``site``."""
    own = {"PATH": os.environ["PATH"], "PYTHONPATH": str(site), **environment}
    argv = [sys.executable, "-c", program]
    return subprocess.run(argv, env=own, capture_output=True, text=True, check=True, timeout=60)


def test_it_compiles_without_a_warning() -> None:
    compile(SITE, "sitecustomize.py", "exec", dont_inherit=True)


def test_without_debugpy_the_program_runs_and_people_are_told(site: Path) -> None:
    (site / "debugpy.py").write_text("raise ImportError")
    done = run(site)
    assert done.stdout == "it runs\n" and "[alcove] debugpy is missing" in done.stderr


def test_with_debugpy_the_first_python_listens_and_its_children_do_not(site: Path) -> None:
    (site / "debugpy.py").write_text(FAKE.format(more=""))
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {PROGRAM!r}], check=True)"
    done = run(site, child)
    assert sorted(done.stdout.splitlines()) == ["it runs", "listens at 0.0.0.0 5678"]
    assert not done.stderr


@pytest.mark.parametrize("error", ["OSError('the port is taken')", "RuntimeError('once is enough')"])
def test_a_debugger_that_cannot_listen_does_not_stop_the_program(site: Path, error: str) -> None:
    (site / "debugpy.py").write_text(FAKE.format(more=f"raise {error}"))
    done = run(site)
    assert "it runs\n" in done.stdout and "[alcove] no debugger listens: " in done.stderr


def test_it_can_be_left_out(site: Path) -> None:
    (site / "debugpy.py").write_text(FAKE.format(more=""))
    assert run(site, ALCOVE_DEBUGPY="off").stdout == "it runs\n"


def test_debuggers_that_listen_say_where_and_pythons_finds_its_site() -> None:
    for debugger in DEBUGGERS.values():
        environment = " ".join(debugger.environment.values())
        assert debugger.how
        assert not debugger.port or debugger.needs_site or str(debugger.port) in environment
    assert DEBUGGERS["python"].environment == {"PYTHONPATH": DEBUG_DIRECTORY}
    assert str(DEBUGGERS["python"].port) in SITE
