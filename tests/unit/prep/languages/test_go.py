"""Go: which package is the program."""

from __future__ import annotations

import pytest
from tests.unit.prep.folders import facts_of

from alcove.prep.languages.go import detect

MAIN = "// Package x.\npackage main\n"


@pytest.mark.parametrize(
    ("files", "package", "told"),
    [
        ({"main.go": MAIN, "cmd/x/main.go": MAIN}, ".", ""),
        ({"cmd/web/main.go": MAIN, "cmd/a/main.go": MAIN, "web.go": "package x"}, "./cmd/web", "2 programs"),
        ({"cmd/server/main.go": MAIN}, "./cmd/server", ""),
        ({"main_test.go": MAIN}, ".", "no package main"),
    ],
)
def test_the_program_is_found(files: dict[str, str], package: str, told: str) -> None:
    app = detect(facts_of({"go.mod": "module x\n\ngo 1.23.1\n", **files}))
    assert app is not None and app.live.build == (("go", "build", "-o", "/home/app/server", package),)
    assert f"go build -o /home/app/server {package}\n" in app.develop
    assert told in "".join(app.notes) and bool(told) is bool(app.notes)
    assert "FROM golang:1.23\n" in app.develop


def test_without_sums_nothing_is_downloaded() -> None:
    app = detect(facts_of({"go.mod": "module x\n", "main.go": MAIN}))
    assert app is not None and "download" not in app.develop and "go.sum" not in app.develop
