"""Texts of azds.yaml, .dockerignore and for editors."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.prep.folders import FOLDERS, facts_of

from alcove.prep.documents import CHART_IGNORED, quote
from alcove.prep.facts import Wishes
from alcove.prep.planning import plan_files


def planned(folder: str) -> dict[str, str]:
    return {file.path: file.content for file in plan_files(facts_of(folder), Wishes()).files}


@given(st.text(st.characters(codec="utf-8"), min_size=1))
@pytest.mark.parametrize("form", ["a: {}", "[{}, {}]", "- {}"])
def test_every_text_is_read_as_it_is(form: str, text: str) -> None:
    found = yaml.safe_load(form.replace("{}", quote(text)))
    assert found in ({"a": text}, [text, text], [text])


@pytest.mark.parametrize(
    "text", ["yes", "8080", "1e3", "-", "--", "- a", "a: b", "a #b", "!x", "~", ".", "-1", "=", "<<"]
)
def test_what_means_something_in_yaml_is_quoted(text: str) -> None:
    assert yaml.safe_load(f"[{quote(text)}]") == [text]


@pytest.mark.parametrize("folder", sorted(FOLDERS.keys() - {"unsupported"}))
def test_nothing_is_in_an_image_that_azure_dev_spaces_left_out(folder: str) -> None:
    lines = planned(folder)[".dockerignore"].splitlines()
    assert set(CHART_IGNORED) <= set(lines) and len(lines) == len(set(lines))


@pytest.mark.parametrize("folder", sorted(FOLDERS.keys() - {"unsupported"}))
def test_every_task_that_a_debugger_starts_exists(folder: str) -> None:
    files = planned(folder)
    tasks = json.loads(files[".vscode/tasks.json"])["tasks"]
    labels = {task["label"]: task["args"] for task in tasks}
    assert labels["alcove: up"] == ["up"] and labels["alcove: down"] == ["down"]
    launch = json.loads(files.get(".vscode/launch.json", '{"configurations": []}'))
    for configuration in launch["configurations"]:
        assert labels[configuration["preLaunchTask"]] == ["up", "--debug"]


@pytest.mark.parametrize(
    ("folder", "kind"),
    [("node-npm", "node"), ("python-pip", "debugpy"), ("java-maven", "java"), ("dotnet-web", "coreclr")],
)
def test_debuggers_that_can_attach_are_set_up(folder: str, kind: str) -> None:
    [configuration] = json.loads(planned(folder)[".vscode/launch.json"])["configurations"]
    assert configuration["type"] == kind and configuration["request"] == "attach"
