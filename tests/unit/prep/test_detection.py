"""Which language a folder is in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.prep.folders import FOLDERS, facts_of

from alcove.prep.detection import detect
from alcove.prep.facts import Facts

PACKAGES = {"package.json": "{}"}


def found(files: dict[str, str]) -> list[str]:
    detected = detect(facts_of(files))
    return [app.language.value for app in (detected.app, *detected.others) if app is not None]


@pytest.mark.parametrize(
    ("files", "languages"),
    [
        ({}, []),
        ({"README.md": ""}, []),
        (PACKAGES, ["Node.js"]),
        ({**PACKAGES, "manage.py": ""}, ["Python", "Node.js"]),
        ({**PACKAGES, "requirements.txt": "flask"}, ["Python", "Node.js"]),
        ({**PACKAGES, "deploy.py": ""}, ["Node.js", "Python"]),
        ({**PACKAGES, "go.mod": "", "main.go": "package main"}, ["Go", "Node.js"]),
        ({**PACKAGES, "Gemfile": ""}, ["Ruby", "Node.js"]),
        ({**PACKAGES, "composer.json": "{}"}, ["PHP", "Node.js"]),
        ({**PACKAGES, "index.php": ""}, ["Node.js", "PHP"]),
        ({**PACKAGES, "pom.xml": ""}, ["Java", "Node.js"]),
        ({"setup.py": "", "x.sh": ""}, ["Python"]),
        ({"pyproject.toml": "[tool.ruff]", "go.mod": ""}, ["Go"]),
        ({"library.csproj": "<Project />"}, []),
    ],
)
def test_what_says_more_counts_more(files: dict[str, str], languages: list[str]) -> None:
    assert found(files) == languages


_NAMES = sorted({path for folder in FOLDERS.values() for path in folder} | {"a.py", "x/y.go"})
_TEXTS = [text for folder in FOLDERS.values() for text in folder.values()]


@given(st.dictionaries(st.sampled_from(_NAMES), st.text() | st.sampled_from(_TEXTS)))
def test_no_content_makes_it_fail(files: dict[str, str]) -> None:
    detect(Facts("web", frozenset(files), files))
