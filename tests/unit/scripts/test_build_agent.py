from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

_SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "build_agent.py"
_SPEC = importlib.util.spec_from_file_location("build_agent", _SCRIPT)
assert _SPEC and _SPEC.loader
build_agent = importlib.util.module_from_spec(_SPEC)  # the scripts are no package
_SPEC.loader.exec_module(build_agent)

PROJECT = '[project.optional-dependencies]\ndev = ["pytest", "ziglang==0.17.0"]\n'


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    sources = tmp_path / build_agent.SOURCES
    sources.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    for name in ("main.c", "log.h", "build.py", "notes.txt"):
        (sources / name).write_text(name)
    return tmp_path


class Compiler:
    """Writes the architecture's name in place of a program."""

    def __init__(self) -> None:
        self.compiled: list[str] = []

    def __call__(self, sources: Path, programs: Path, architecture: str) -> None:
        assert (sources / "main.c").exists()
        (programs / f"alcove-agent-{architecture}").write_text(architecture)
        self.compiled.append(architecture)


def test_what_is_missing_is_built_and_then_left_alone(repository: Path) -> None:
    compiler = Compiler()
    built = build_agent.build(repository, ["x86_64"], compiler)
    assert built == [repository / build_agent.PROGRAMS / "alcove-agent-x86_64"]
    assert build_agent.build(repository, ["x86_64"], compiler) == []
    assert build_agent.stale(repository, build_agent.ARCHITECTURES) == ["aarch64"]
    assert compiler.compiled == ["x86_64"]


@pytest.mark.parametrize("name", ["main.c", "log.h", "build.py", "new.c"])
def test_a_change_of_the_sources_makes_it_stale(repository: Path, name: str) -> None:
    build_agent.build(repository, ["x86_64"], Compiler())
    (repository / build_agent.SOURCES / name).write_text("changed")
    assert build_agent.stale(repository, ["x86_64"]) == ["x86_64"]


def test_another_compiler_makes_it_stale(repository: Path) -> None:
    build_agent.build(repository, ["x86_64"], Compiler())
    (repository / "pyproject.toml").write_text(PROJECT.replace("0.17", "0.18"))
    assert build_agent.stale(repository, ["x86_64"]) == ["x86_64"]


def test_neither_times_nor_other_files_make_it_stale(repository: Path) -> None:
    build_agent.build(repository, ["x86_64"], Compiler())
    (repository / build_agent.SOURCES / "main.c").touch()
    (repository / build_agent.SOURCES / "notes.txt").write_text("changed")
    assert build_agent.stale(repository, ["x86_64"]) == []


def test_a_program_that_was_removed_is_stale(repository: Path) -> None:
    (made,) = build_agent.build(repository, ["x86_64"], Compiler())
    made.unlink()
    assert build_agent.stale(repository, ["x86_64"]) == ["x86_64"]


def test_a_build_that_fails_leaves_it_stale(repository: Path) -> None:
    def fail(sources: Path, programs: Path, architecture: str) -> None:
        (programs / f"alcove-agent-{architecture}").touch()
        raise OSError("no compiler")

    with pytest.raises(OSError, match="no compiler"):
        build_agent.build(repository, ["x86_64"], fail)
    assert build_agent.stale(repository, ["x86_64"]) == ["x86_64"]


def test_the_project_pins_its_compiler() -> None:
    assert build_agent.compiler_requirement().startswith("ziglang==")
