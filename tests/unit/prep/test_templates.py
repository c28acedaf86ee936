"""Texts with places to fill."""

from __future__ import annotations

import pytest

from alcove.prep.templates import fill_template

VALUES = {"name": "web", "class": "c", "chart": "charts/web", "container": "    container: {}"}
EMPTY = {"public": "", "develop": "", "arguments": ""}


def test_lines_of_nothing_but_empty_places_go_away() -> None:
    text = fill_template("azds.yaml", {**VALUES, **EMPTY})
    assert "@{" not in text and "\n\n" not in text
    assert "    build:\n      useGitIgnore: true\n    container: {}\n" in text


def test_a_place_without_value_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        fill_template("azds.yaml", VALUES)
