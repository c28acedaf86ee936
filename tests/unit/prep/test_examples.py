"""The examples of ``up``: untouched folders, which ``prep`` makes ready."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from alcove.config.azds import load_project
from alcove.prep.preparing import prepare

EXAMPLES = Path(__file__).parents[3] / "examples" / "03-up"
BY_HAND = {"c": {"Dockerfile", "Dockerfile.develop", "azds.yaml"}}


@pytest.mark.parametrize("name", ["python", "node", "c"])
def test_each_is_ready_after_prep(tmp_path: Path, name: str) -> None:
    folder = Path(shutil.copytree(EXAMPLES / name, tmp_path / name))
    prepared = prepare(folder, ingress=True)
    kept = {path for path, state in prepared.files.items() if state == "kept"}
    assert kept == BY_HAND.get(name, set()) and not prepared.plan.warnings
    assert prepared.plan.port.number == 8080
    project = load_project(folder, environment={})
    assert project.install.chart == folder / "charts" / name and project.build.use_git_ignore
    assert project.build.dockerfile == folder / "Dockerfile.develop"
    assert project.container is not None and project.container.iterate is not None


def test_none_needs_the_network_to_be_built(tmp_path: Path) -> None:
    for name in ("python", "node"):
        folder = Path(shutil.copytree(EXAMPLES / name, tmp_path / name))
        prepare(folder)
        for dockerfile in ("Dockerfile", "Dockerfile.develop"):
            steps = [
                line for line in (folder / dockerfile).read_text().splitlines() if line.startswith("RUN")
            ]
            assert steps in ([], ["RUN mkdir -p -m 1777 /home/app"])
