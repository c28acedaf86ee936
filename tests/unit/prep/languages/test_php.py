"""PHP: with and without Composer."""

from __future__ import annotations

import pytest
from tests.unit.prep.folders import facts_of

from alcove.prep.languages.php import detect


@pytest.mark.parametrize(
    ("wanted", "version"),
    [("^8.1", "8.3"), (">=8.4", "8.4"), ("8.2.*", "8.2"), ("~8.1", "8.1"), ("^7.4", "7.4"), ("*", "8.3")],
)
def test_the_version_is_the_one_that_is_asked_for(wanted: str, version: str) -> None:
    app = detect(facts_of({"composer.json": f'{{"require": {{"php": "{wanted}"}}}}'}))
    assert app is not None and f"FROM php:{version}-apache\n" in app.dockerfile


@pytest.mark.parametrize(
    ("file", "root"), [("index.php", "."), ("public/index.php", "public"), ("web/index.php", "web")]
)
def test_pages_are_served_from_where_the_first_is(file: str, root: str) -> None:
    app = detect(facts_of({file: ""}))
    assert app is not None and app.develop.endswith(f'-t {root}"]\n') and "composer" not in app.dockerfile


def test_each_request_reads_its_files_so_nothing_is_restarted() -> None:
    app = detect(facts_of({"index.php": ""}))
    assert app is not None and not app.live.kill and app.interpreted


def test_other_folders_are_none() -> None:
    assert detect(facts_of({"lib/a.php": ""})) is None
