"""Builds the agent.

``python native/agent/build.py`` makes ``build/alcove-agent-x86_64`` and ``build/alcove-agent-aarch64``:
static, stripped, and the same bytes for the same sources and ``ziglang``, wherever they are built.
``--for-tests DIRECTORY`` makes two with this machine's C compiler instead: ``alcove-agent``, and
``alcove-agent-sanitized``, which ends when it touches what it must not or does what C leaves undefined.
With ``--driver FILE`` it is one program instead, sanitized, that has ``FILE`` in the place of ``main.c``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
ARCHITECTURES = ("x86_64", "aarch64")

_WARNINGS = ("-Wall", "-Wextra", "-Werror", "-Wconversion", "-Wshadow", "-Wstrict-prototypes", "-Wvla")
# Without these names C11 has no POSIX; the sources are named relative to HERE, so that no path gets in.
_LANGUAGE = ("-std=c11", "-D_GNU_SOURCE")
# Optimising at link time and leaving out tables for exceptions makes it a quarter smaller.
_SMALL = ("-Os", "-flto", "-static", "-s", "-fno-unwind-tables", "-fno-asynchronous-unwind-tables")
_LINK_SMALL = ("-Wl,--gc-sections", "-Wl,--build-id=none", "-Wl,--no-eh-frame-hdr")
_SANITIZED = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def build_release(architecture: str, directory: Path) -> Path:
    """Cross-compile the program that goes into wheels."""
    target = directory / f"alcove-agent-{architecture}"
    compiler = (sys.executable, "-m", "ziglang", "cc", "-target", f"{architecture}-linux-musl")
    _compile(compiler, (*_SMALL, *_LINK_SMALL), target)
    return target


def build_for_tests(directory: Path) -> tuple[Path, Path]:
    """Compile a plain and a sanitized program for this machine."""
    plain, sanitized = directory / "alcove-agent", directory / "alcove-agent-sanitized"
    with ThreadPoolExecutor() as threads:
        made = [
            threads.submit(_compile, _native_compiler(), flags, target)
            for flags, target in ((("-O1", "-g"), plain), (_SANITIZED, sanitized))
        ]
    for one in made:
        one.result()
    return plain, sanitized


def build_driver(directory: Path, driver: Path) -> Path:
    """Compile a program that uses the agent's parts."""
    target = directory / driver.stem
    _compile(_native_compiler(), (*_SANITIZED, "-I."), target, main=str(driver))
    return target


def _native_compiler() -> tuple[str, ...]:
    return (os.environ.get("CC", "cc"),)


def _compile(
    compiler: tuple[str, ...], flags: tuple[str, ...], target: Path, *, main: str = "main.c"
) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    sources = [main if path.name == "main.c" else path.name for path in sorted(HERE.glob("*.c"))]
    # Made beside and renamed: a build that is interrupted leaves no half program, and one that runs stays.
    fresh = target.with_name(f"{target.name}.{os.getpid()}")
    command = [*compiler, *_LANGUAGE, *_WARNINGS, *flags, *sources, "-o", str(fresh)]
    try:
        subprocess.run(command, cwd=HERE, check=True)
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)


def main() -> None:
    """Build what the command line asks for."""
    parser = argparse.ArgumentParser(description="Build the in-container agent.")
    parser.add_argument("--output", type=Path, default=HERE / "build", help="where to put the programs")
    parser.add_argument("--architecture", choices=ARCHITECTURES, action="append", help="only this one")
    parser.add_argument("--for-tests", type=Path, metavar="DIRECTORY", help="with this machine's compiler")
    parser.add_argument(
        "--driver", type=Path, metavar="FILE", help="for tests: only this, in the place of main.c"
    )
    arguments = parser.parse_args()
    if arguments.for_tests is not None:
        if arguments.driver is not None:
            build_driver(arguments.for_tests.resolve(), arguments.driver.resolve())
        else:
            build_for_tests(arguments.for_tests.resolve())
        return
    for architecture in arguments.architecture or ARCHITECTURES:
        target = build_release(architecture, arguments.output.resolve())
        sys.stdout.write(f"{target.name} {target.stat().st_size} bytes\n")


if __name__ == "__main__":
    main()
