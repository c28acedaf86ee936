"""Builds the agent into the package, where wheels and editable installs have it, when its sources changed.

``python scripts/build_agent.py`` does so for this machine's architecture, ``--all`` for every one. Beside
each program ``.built-ARCHITECTURE`` says what it was built from: a digest of the sources and of the
compiler's version.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
SOURCES = Path("native/agent")
PROGRAMS = Path("src/alcove/images/bin")
ARCHITECTURES = ("x86_64", "aarch64")

Compile = Callable[[Path, Path, str], None]
"""Puts the program for an architecture into a directory, of the sources in another one."""


def this_architecture() -> str:
    """Name this machine's architecture."""
    machine = platform.machine()
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(machine.lower(), machine)


def compiler_requirement(repository: Path = REPOSITORY) -> str:
    """Give the requirement that pins the compiler: the one of the extra ``dev``."""
    document = tomllib.loads((repository / "pyproject.toml").read_text())
    requirements = document["project"]["optional-dependencies"]["dev"]
    return next(str(line) for line in requirements if str(line).startswith("ziglang"))


def digest_sources(directory: Path, compiler: str) -> str:
    """Give the digest of what a program is made of: names and contents of the sources, and the compiler."""
    digest = hashlib.sha256(compiler.encode())
    for path in sorted(directory.iterdir()):
        if path.suffix in (".c", ".h") or path.name == "build.py":
            content = path.read_bytes()
            digest.update(f"\0{path.name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def stale(repository: Path, architectures: Iterable[str]) -> list[str]:
    """Give the architectures whose program is missing, or made of other sources than those that are there."""
    now = digest_sources(repository / SOURCES, compiler_requirement(repository))
    programs = repository / PROGRAMS
    return [
        name
        for name in architectures
        if not (programs / f"alcove-agent-{name}").exists() or _built_from(programs, name) != now
    ]


def build(repository: Path, architectures: Iterable[str], compile_one: Compile | None = None) -> list[Path]:
    """Build those programs that are stale; give what was built.

    Raises:
        subprocess.CalledProcessError: the compiler refuses the sources, and has said why.
    """
    sources, programs = repository / SOURCES, repository / PROGRAMS
    programs.mkdir(parents=True, exist_ok=True)
    built = []
    for name in stale(repository, architectures):
        digest = digest_sources(sources, compiler_requirement(repository))
        (compile_one or _compile)(sources, programs, name)
        (programs / f".built-{name}").write_text(digest + "\n")
        built.append(programs / f"alcove-agent-{name}")
    return built


def _built_from(programs: Path, architecture: str) -> str:
    stamp = programs / f".built-{architecture}"
    return stamp.read_text().strip() if stamp.exists() else ""


def _compile(sources: Path, programs: Path, architecture: str) -> None:
    command = [sys.executable, str(sources / "build.py"), "--output", str(programs)]
    # What a build says on stdout belongs to whoever asked for the build.
    subprocess.run([*command, "--architecture", architecture], check=True, stdout=sys.stderr)


def main() -> None:
    """Build what the command line asks for."""
    parser = argparse.ArgumentParser(description="Build the agent into the package.")
    parser.add_argument("--all", action="store_true", help="for every architecture, not this machine's alone")
    wanted = ARCHITECTURES if parser.parse_args().all else (this_architecture(),)
    for path in build(REPOSITORY, wanted):
        sys.stdout.write(f"built {os.path.relpath(path)}, {path.stat().st_size} bytes\n")


if __name__ == "__main__":
    main()
