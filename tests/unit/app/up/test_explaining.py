from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.app.up.worlds import make_folder, write

from alcove.app.up.explaining import explain
from alcove.errors import UsageError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = make_folder(tmp_path)
    return write(folder, {".dockerignore": b"*.log\n", ".git/config": b""})


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("app.py", "copy and restart: app.py is copied, then the 'iterate' section builds and restarts"),
        (
            "new/module.py",
            "copy and restart: new/module.py is copied, then the 'iterate' section builds and restarts",
        ),
        ("static/index.html", "copy: static/index.html is a static file: it is copied, nothing is restarted"),
        (
            "Dockerfile",
            "build and deploy: Dockerfile is the Dockerfile: the image is built and the release upgraded",
        ),
        (
            "azds.yaml",
            "build and deploy: azds.yaml is azds.yaml: the image is built and the release upgraded",
        ),
        ("x.log", "nothing: x.log is ignored by .dockerignore:1 (*.log)"),
        (".git/config", "nothing: .git/config is ignored by version control"),
    ],
)
def test_what_a_save_does_and_why(folder: Path, path: str, said: str) -> None:
    assert list(explain(folder, folder / path, {}, "develop")) == [said]


def test_a_file_of_the_chart(folder: Path) -> None:
    (said,) = explain(folder, folder / "charts" / "web" / "values.yaml", {}, "develop")
    assert said.startswith("build and deploy: charts/web/values.yaml is part of the chart")


def test_a_file_outside(folder: Path) -> None:
    with pytest.raises(UsageError, match="is not below"):
        list(explain(folder, folder.parent / "other.py", {}, "develop"))
