"""Debuggers that a command can be started with, without knowing the command: by its environment alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

DEBUG_DIRECTORY = "/.alcove/debug"
"""In the container; Python looks there for a module that it imports at its start."""


@dataclass(frozen=True, slots=True)
class Debugger:
    """How a language's debugger is made to listen."""

    port: int
    """Where it listens; 0: nowhere, an editor runs it in the container."""
    environment: Mapping[str, str] = field(default_factory=dict)
    needs_site: bool = False
    """Whether ``SITE`` has to be in the container."""
    how: str = ""
    """What people do to attach."""


DEBUGGERS: Mapping[str, Debugger] = {
    "node": Debugger(
        9229, {"NODE_OPTIONS": "--inspect=0.0.0.0:9229"}, how="attach to localhost:{port} (node)"
    ),
    "python": Debugger(
        5678, {"PYTHONPATH": DEBUG_DIRECTORY}, needs_site=True, how="attach to localhost:{port} (debugpy)"
    ),
    "java": Debugger(
        5005,
        {"JAVA_TOOL_OPTIONS": "-agentlib:jdwp=transport=dt_socket,server=y,suspend=n,address=*:5005"},
        how="attach to localhost:{port} (JDWP)",
    ),
    "dotnet": Debugger(0, how="attach by a pipe: alcove exec -- /vsdbg/vsdbg --interpreter=vscode"),
}

SITE = """\
\"\"\"Started by every Python of this container: the first one listens for a debugger.\"\"\"

import os
import sys

if os.environ.get("ALCOVE_DEBUGPY") != "off":
    try:
        import debugpy
    except ImportError:
        sys.stderr.write("[alcove] debugpy is missing: pip install debugpy in Dockerfile.develop\\n")
    else:
        os.environ["ALCOVE_DEBUGPY"] = "off"
        try:
            debugpy.listen(("0.0.0.0", 5678))
        except (OSError, RuntimeError) as error:
            sys.stderr.write(f"[alcove] no debugger listens: {error}\\n")
"""
"""A ``sitecustomize`` module: child processes inherit the mark and do not listen again."""
