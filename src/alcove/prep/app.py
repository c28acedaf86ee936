"""What a language's module makes of a folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from alcove.prep.ports import Port
from alcove.prep.templates import fill_template

OWNER = "1000:1000"
"""Who a generated image's process is: nobody special; by number, so that Kubernetes sees it is not root."""


_DOCKERFILES = ("Dockerfile", "Dockerfile.develop")


class Language(Enum):
    """The languages for which a Dockerfile can be generated."""

    DOTNET = ".NET"
    GO = "Go"
    JAVA = "Java"
    NODE = "Node.js"
    PHP = "PHP"
    PYTHON = "Python"
    RUBY = "Ruby"


@dataclass(frozen=True, slots=True)
class Live:
    """How a running service is brought up to date in its container: ``container`` of azds.yaml."""

    sync: tuple[str, ...]
    """Patterns of the files that go into the container as they change; others need a new image."""
    command: tuple[str, ...] = ()
    """Instead of the image's, when it is built otherwise."""
    kill: tuple[str, ...] = ()
    """Processes that end at a change; without any a copy is enough."""
    build: tuple[tuple[str, ...], ...] = ()
    """Commands that run at a change."""


@dataclass(frozen=True, slots=True)
class Debugging:
    """How an editor comes to a process that ``alcove up --debug`` has started."""

    configuration: Mapping[str, Any]
    """An entry of ``.vscode/launch.json`` without its name and task."""


@dataclass(frozen=True, slots=True)
class App:
    """A folder, understood."""

    language: Language
    because: str
    """The file that says so."""
    port: Port
    dockerfile: str
    develop: str
    """The Dockerfile for developing: tools and sources are in its image."""
    live: Live
    interpreted: bool = False
    """Its sources are what runs: images that somebody else's Dockerfile makes can be updated in place too."""
    arguments: Mapping[str, str] = field(default_factory=dict)
    """Build arguments of the image for developing."""
    ignored: tuple[str, ...] = ()
    """What need not be in an image, beside what nobody's image needs."""
    variables: tuple[tuple[str, str], ...] = ()
    """Environment that says where to listen, beside PORT; ``%`` stands for the port."""
    debugging: Debugging | None = None
    notes: tuple[str, ...] = ()


def fill_dockerfiles(language: str, values: Mapping[str, str]) -> tuple[str, str]:
    """Give a language's Dockerfile and Dockerfile.develop."""
    both = {"owner": OWNER, **values}
    return fill_template(f"{language}/Dockerfile", both), fill_template(
        f"{language}/Dockerfile.develop", both
    )


def exec_form(argv: Sequence[str]) -> str:
    """Write a command as Dockerfiles have it: a list that no shell reads."""
    return json.dumps(list(argv), ensure_ascii=False)


def shell_command(line: str) -> tuple[str, ...]:
    """Give the command that runs a line in a shell, which the program then takes the place of."""
    return ("sh", "-c", f"exec {line}")
