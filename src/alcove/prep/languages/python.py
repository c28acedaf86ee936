"""Python: pip, Poetry, uv or Pipenv; Django, FastAPI, Flask or a plain program."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any

from alcove.prep.app import OWNER, App, Debugging, Language, Live, exec_form, fill_dockerfiles
from alcove.prep.facts import Facts
from alcove.prep.languages.python_packages import Installation, choose_installation
from alcove.prep.languages.python_programs import Program, find_program
from alcove.prep.ports import Hint, find_port, warn_of_loopback

_VERSION = "3.12"
_HINTS = (
    Hint(
        r"environ(?:\.get\(|\.setdefault\(|\[)\s*['\"]PORT['\"]\s*,\s*['\"]?(?P<port>\d{2,5})\b",
        yielding=True,
    ),
    Hint(r"getenv\(\s*['\"]PORT['\"]\s*,\s*['\"]?(?P<port>\d{2,5})\b", yielding=True),
    Hint(r"\bport\s*=\s*(?P<port>\d{2,5})\b"),
    Hint(r"^PORT\s*(?::\s*int\s*)?=\s*(?P<port>\d{2,5})\b"),
    Hint(r"(?:HTTPServer|TCPServer)\(\s*\(\s*['\"][^'\"]*['\"]\s*,\s*(?P<port>\d{2,5})\b"),
)
_EXCLUDED = ("!**/requirements*.txt", "!**/{pyproject.toml,setup.py,setup.cfg,Pipfile}", "!**/*.lock")


def detect(facts: Facts) -> App | None:
    """Understand a folder that has Python's manifests, or a program in Python."""
    project = _toml(facts.text("pyproject.toml"))
    installation = choose_installation(facts, project)
    manifests = (*facts.below(r"requirements.*\.txt"), "pyproject.toml", "Pipfile")
    needs = "\n".join(facts.text(path).lower() for path in manifests)
    program = find_program(facts, needs)
    because = installation.because or facts.first("manage.py") or program.file
    if not because:
        return None
    sources = [] if program.takes_port else facts.below(r".*\.py", deep=2)
    port = find_port(facts, _HINTS, sources)
    dockerfile, develop = fill_dockerfiles(
        "python", _values(facts, project, installation, program) | {"port": str(port.number)}
    )
    return App(
        Language.PYTHON,
        because,
        port,
        dockerfile,
        develop,
        Live(sync=_EXCLUDED, kill=("python", "python3")),
        interpreted=True,
        ignored=("**/__pycache__", "**/*.pyc", ".venv", "venv"),
        debugging=_DEBUGGING,
        notes=(*program.notes, *warn_of_loopback(facts, sources)),
    )


def is_declared(facts: Facts) -> bool:
    """Tell whether a manifest says that it is Python, not only a file that might be some script."""
    return bool(choose_installation(facts, _toml(facts.text("pyproject.toml"))).because) or facts.has(
        "manage.py"
    )


def _toml(text: str) -> Mapping[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}


def _values(
    facts: Facts, project: Mapping[str, Any], installation: Installation, program: Program
) -> dict[str, str]:
    manifests = " ".join(installation.manifests)
    develop = " ".join((*installation.manifests, *installation.develop_manifests))
    return {
        "version": _version(facts, project),
        "environment": installation.environment,
        "manifests": f"COPY {manifests} ./" if manifests else "",
        "develop_manifests": f"COPY --chown={OWNER} {develop} /app/\nWORKDIR /app" if manifests else "",
        "develop_directory": "" if manifests else "WORKDIR /app",
        "install": "\n".join(f"RUN {step}" for step in (*installation.steps, *program.steps)),
        "develop_install": "\n".join(f"RUN {step}" for step in (*installation.develop, *program.steps)),
        "after": "\n".join(f"RUN {step}" for step in installation.after),
        "develop_after": "\n".join(f"RUN {step}" for step in installation.develop_after),
        "command": exec_form(program.command),
        "develop_command": exec_form(program.develop or program.command),
    }


def _version(facts: Facts, project: Mapping[str, Any]) -> str:
    """Give the version that is asked for; where any newer one will do, ours unless it is older."""
    pinned = re.search(
        r"\b(3\.\d+)", facts.text(".python-version") or facts.text("runtime.txt") or _pipfile(facts)
    )
    if pinned is not None:
        return pinned[1]
    table = project.get("project")
    wanted = str(table.get("requires-python", "")) if isinstance(table, dict) else ""
    least = re.search(r"(>=|~=|==|\^)\s*3\.(\d+)", wanted)
    below = re.search(r"<\s*3\.(\d+)", wanted)
    ours = int(_VERSION.partition(".")[2])
    minor = max(ours, int(least[2])) if least and least[1] == ">=" else int(least[2]) if least else ours
    if below is not None and minor >= int(below[1]):
        minor = int(below[1]) - 1
    return f"3.{minor}"


def _pipfile(facts: Facts) -> str:
    found = re.search(r"python_version\s*=\s*\"(3\.\d+)\"", facts.text("Pipfile"))
    return found[1] if found else ""


_DEBUGGING = Debugging(
    {
        "type": "debugpy",
        "request": "attach",
        "connect": {"host": "localhost", "port": 5678},
        "pathMappings": [{"localRoot": "${workspaceFolder}", "remoteRoot": "/app"}],
        "justMyCode": True,
    }
)
