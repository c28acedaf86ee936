"""``up --debug``: which debugger a project's language has, and how an editor attaches to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from alcove import errors
from alcove.prep.app import Language
from alcove.prep.detection import detect
from alcove.prep.facts import Wishes
from alcove.prep.gathering import gather_facts
from alcove.prep.planning import plan_files
from alcove.prep.writing import write_files
from alcove.sessions.debugging import DEBUGGERS

LAUNCH = ".vscode/launch.json"
_DEBUGGERS = {
    Language.NODE: "node",
    Language.PYTHON: "python",
    Language.JAVA: "java",
    Language.DOTNET: "dotnet",
}


def find_debugger(directory: Path) -> str:
    """Give the name of the debugger for a project.

    Raises:
        UsageError: its language has none that could be started, or cannot be told.
    """
    app = detect(gather_facts(directory)).app
    found = _DEBUGGERS.get(app.language) if app is not None else None
    if found is None:
        language = f"this is {app.language.value}" if app is not None else "its language cannot be told"
        raise errors.UsageError(
            f"no debugger can be started for {directory.name}",
            cause=language,
            hint="--debug is for Node.js, Python, Java and .NET; else: alcove exec, --port",
        )
    return found


def write_launch(directory: Path) -> bool:
    """Write how an editor attaches, unless there is such a file; tell whether it was written.

    Raises:
        AlcoveError: it cannot be written.
    """
    planned = [one for one in plan_files(gather_facts(directory), Wishes()).files if one.path == LAUNCH]
    return any(write_files(directory, planned).values())


def attach_lines(debugger: str, ports: Mapping[int, int], *, written: bool) -> Iterator[str]:
    """Yield how people attach; ``ports`` gives the workstation's port by the container's."""
    known = DEBUGGERS[debugger]
    yield f"Debugger: {known.how.format(port=ports.get(known.port, known.port))}"
    yield f"{LAUNCH} {'was written' if written else 'is kept'}: it has, or may take over, the configuration"
