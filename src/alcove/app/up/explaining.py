"""What a save of a file does, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from alcove import errors
from alcove.app.hub.planning import rules_of
from alcove.app.up.projects import Choices, open_project
from alcove.config.azds.tokens import make_tokens
from alcove.sync.selection import find_ignoring_rule
from alcove.sync.updates import Kind, choose_update

_WORDS = {
    Kind.NOTHING: "nothing",
    Kind.COPY: "copy",
    Kind.RESTART: "copy and restart",
    Kind.REBUILD: "build and deploy",
}


def explain(directory: Path, file: Path, environment: Mapping[str, str], configuration: str) -> Iterator[str]:
    """Yield lines that say what a save of ``file`` does.

    Raises:
        UsageError: the file is outside of what the project is made of.
    """
    project = open_project(directory, environment, Choices(configuration), make_tokens("", "", "", ""))
    root = project.selection.root
    real = file.parent.resolve() / file.name
    if not real.is_relative_to(root):
        raise errors.UsageError(f"{file} is not below {root}", hint="name a file of the project")
    path = real.relative_to(root).as_posix()
    ignored = find_ignoring_rule(project.selection, path)
    update = choose_update(path, rules_of(project.settings), ignored_by=ignored)
    yield f"{_WORDS[update.kind]}: {update.reason}"
