"""Files in every shape there was, each with what it says beside it, and files that are wrong in every way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.unit.config.azds import projects

from alcove.config.azds import ConfigError

FILES = sorted(projects.FILES.glob("*.yaml"))
ERRORS = sorted(projects.ERRORS.glob("*.yaml"))


def names(path: Path) -> str:
    return path.stem


def test_there_are_files_of_every_shape() -> None:
    assert len(FILES) >= 60 and len(ERRORS) >= 40


@pytest.mark.parametrize("file", FILES, ids=names)
def test_a_file_says_what_is_beside_it(file: Path, tmp_path: Path) -> None:
    content = file.read_bytes()
    name = projects.configuration_of(content)
    project = projects.load(
        projects.make_project(tmp_path.resolve(), content, configuration=name), configuration=name
    )
    expected = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
    assert projects.render_project(project) == expected


@pytest.mark.parametrize("file", ERRORS, ids=names)
def test_what_is_wrong_is_told_with_its_line(file: Path, tmp_path: Path) -> None:
    content = file.read_bytes()
    directory = projects.make_bare(tmp_path.resolve() / "project", content)
    with pytest.raises(ConfigError) as caught:
        projects.load(directory, configuration=projects.configuration_of(content))
    expected = file.with_suffix(".txt").read_text(encoding="utf-8")
    assert projects.render_error(caught.value, tmp_path.resolve()) == expected
