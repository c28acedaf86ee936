"""How the packages that a program in Python needs come into an image: pip, Poetry, uv or Pipenv."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alcove.prep.facts import Facts

PIP = "pip install --no-cache-dir"


@dataclass(frozen=True, slots=True)
class Installation:
    """How the packages that it needs come into an image."""

    because: str
    manifests: tuple[str, ...] = ()
    """What must be there for it."""
    steps: tuple[str, ...] = ()
    develop: tuple[str, ...] = ()
    """The same with what is needed for developing."""
    after: tuple[str, ...] = ()
    """What needs all sources."""
    develop_after: tuple[str, ...] = ()
    environment: str = ""
    develop_manifests: tuple[str, ...] = ()
    """What must be there for developing besides."""


def choose_installation(facts: Facts, project: Mapping[str, Any]) -> Installation:
    """Give how packages are installed; without ``because`` where no manifest names any.

    ``project`` is what is in ``pyproject.toml``.
    """
    tools = project.get("tool")
    tools = tools if isinstance(tools, dict) else {}
    if facts.has("uv.lock"):
        return _uv()
    if facts.has("poetry.lock") or "poetry" in tools:
        return _poetry(facts)
    if facts.has("Pipfile"):
        return _pipenv(facts)
    if facts.has("requirements.txt"):
        return _requirements(facts)
    declared = facts.first("pyproject.toml", "setup.py")
    if declared and ("project" in project or facts.has("setup.py")):
        return _whole(declared, f"{PIP} .", f"{PIP} -e .")
    return Installation("")


def _whole(because: str, install: str, develop: str) -> Installation:
    """Install what needs all sources to be there."""
    return Installation(because, after=(install,), develop_after=(develop,), develop=(f"{PIP} debugpy",))


def _uv() -> Installation:
    sync = "uv sync --frozen --no-install-project"
    return Installation(
        "uv.lock",
        ("pyproject.toml", "uv.lock"),
        (f"{PIP} uv", f"{sync} --no-dev"),
        (f"{PIP} uv", sync, "uv pip install --python /opt/venv/bin/python3 debugpy"),
        environment="ENV UV_PROJECT_ENVIRONMENT=/opt/venv PATH=/opt/venv/bin:$PATH",
    )


def _poetry(facts: Facts) -> Installation:
    install = "poetry install --no-interaction --no-root"
    return Installation(
        "poetry.lock" if facts.has("poetry.lock") else "pyproject.toml",
        ("pyproject.toml", *(["poetry.lock"] if facts.has("poetry.lock") else [])),
        (f"{PIP} poetry", f"{install} --only main"),
        (f"{PIP} poetry", install, f"{PIP} debugpy"),
        environment="ENV POETRY_VIRTUALENVS_CREATE=false",
    )


def _pipenv(facts: Facts) -> Installation:
    locked = facts.has("Pipfile.lock")
    install = f"pipenv install --system {'--deploy' if locked else '--skip-lock'}"
    return Installation(
        "Pipfile",
        ("Pipfile", *(["Pipfile.lock"] if locked else [])),
        (f"{PIP} pipenv", install),
        (f"{PIP} pipenv", f"{install} --dev", f"{PIP} debugpy"),
    )


def _requirements(facts: Facts) -> Installation:
    """Install with pip; a file that names nothing needs no network."""
    lines = [line.partition("#")[0].strip() for line in facts.text("requirements.txt").splitlines()]
    named = any(lines) or (not facts.text("requirements.txt") and "requirements.txt" not in facts.texts)
    if not named:
        return Installation("requirements.txt")
    # Files that this one refers to (-r, -c) may be anywhere: then all of them have to be there.
    refers = any(re.match(r"(-r|-c|-e|--requirement|--constraint|--editable|\.)", line) for line in lines)
    install = f"{PIP} -r requirements.txt"
    if refers:
        return _whole("requirements.txt", install, install)
    developing = facts.first("requirements-dev.txt", "dev-requirements.txt", "requirements_dev.txt")
    others = re.search(r"^\s*(-r|-c|-e)", facts.text(developing), re.MULTILINE) if developing else None
    also = f" -r {developing}" if developing and not others else ""
    return Installation(
        "requirements.txt",
        ("requirements.txt",),
        (install,),
        (f"{install}{also} debugpy",),
        develop_manifests=(developing,) if also else (),
    )
