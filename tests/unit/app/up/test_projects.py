from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest
from tests.unit.app.up.worlds import AZDS, FOLDER, open_folder, write

from alcove.app.up.projects import Choices, choose_command, client_name, project_id
from alcove.config.azds import ConfigError
from alcove.sessions.settings import CommandSettings, UpSettings
from alcove.sync.scanning import scan


def test_a_folder_by_itself(tmp_path: Path) -> None:
    project = open_folder(write(tmp_path / "web", FOLDER))
    settings = project.settings
    assert project.name == "web" and settings.project.prefix == ""
    assert (settings.build.context, settings.build.dockerfile) == ("", "Dockerfile")
    assert settings.install.chart == "charts/web" and settings.config_file == "azds.yaml"
    assert settings.install.set == {"image": {"tag": "$(tag)"}}
    assert settings.space.root_space_prefix == "dev." and settings.space.host_suffix == ".apps.example"
    assert set(FOLDER) <= set(scan(project.selection).manifest.entries)


def test_a_context_outside_of_the_folder(tmp_path: Path) -> None:
    azds = AZDS.replace(b"context: .,", b"context: ../..,")
    directory = write(tmp_path / "repo" / "services" / "web", {**FOLDER, "azds.yaml": azds})
    write(tmp_path / "repo", {"shared/lib.py": b"1"})
    project = open_folder(directory)
    assert project.selection.root == tmp_path / "repo"
    settings = project.settings
    assert settings.project.prefix == "services/web"
    assert (settings.build.context, settings.build.dockerfile) == ("", "services/web/Dockerfile")
    assert settings.install.chart == "services/web/charts/web"
    assert settings.config_file == "services/web/azds.yaml"
    assert "shared/lib.py" in scan(project.selection).manifest.entries


def test_a_context_below_the_folder_and_a_chart_beside_it(tmp_path: Path) -> None:
    azds = AZDS.replace(b"context: ., dockerfile: Dockerfile", b"context: src").replace(
        b"chart: charts/web", b"chart: ../charts/web, values: [values.dev.yaml?, secrets.yaml?]"
    )
    files = {"web/azds.yaml": azds, "web/src/Dockerfile": b"FROM x", "web/values.dev.yaml": b"a: 1"}
    write(tmp_path, {**files, **{path: one for path, one in FOLDER.items() if path.startswith("charts/")}})
    settings = open_folder(tmp_path / "web").settings
    assert settings.project.prefix == "web" and settings.build.context == "web/src"
    assert settings.build.dockerfile == "web/src/Dockerfile"
    assert settings.install.chart == "charts/web" and settings.install.values == ("web/values.dev.yaml",)


def test_backslashes_are_slashes(tmp_path: Path) -> None:
    azds = AZDS.replace(b"chart: charts/web", b"chart: 'charts\\web'")
    assert (
        open_folder(write(tmp_path / "web", {**FOLDER, "azds.yaml": azds})).settings.install.chart
        == "charts/web"
    )


@pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")
def test_directories_that_are_links(tmp_path: Path) -> None:
    real = write(
        tmp_path / "real" / "web", {path: one for path, one in FOLDER.items() if "charts" not in path}
    )
    write(tmp_path / "elsewhere", {path: one for path, one in FOLDER.items() if "charts" in path})
    (real / "charts").symlink_to(tmp_path / "elsewhere" / "charts")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    project = open_folder(tmp_path / "link" / "web")
    assert project.selection.root == tmp_path
    settings = project.settings
    assert settings.project.prefix == "real/web" and settings.install.chart == "elsewhere/charts/web"
    assert "elsewhere/charts/web/Chart.yaml" in scan(project.selection).manifest.entries


def test_a_project_is_told_from_all_others(tmp_path: Path) -> None:
    ids = {project_id(tmp_path / name, host) for name in "ab" for host in "xy"}
    assert len(ids) == 4 and all(len(one) == 12 for one in ids)
    assert project_id(tmp_path, "x") == project_id(tmp_path, "x")
    assert "@" in client_name()


@pytest.mark.skipif(os.name != "posix", reason="names are Unicode there")
def test_a_folder_whose_name_is_no_unicode(tmp_path: Path) -> None:
    directory = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    project = open_folder(write(directory, FOLDER))
    sent = msgspec.json.decode(msgspec.json.encode(project.settings), type=UpSettings)
    assert sent == project.settings and sent.project.name == "caf?"


@pytest.mark.parametrize(
    ("choices", "command"),
    [
        (Choices(), ("python", "app.py")),
        (Choices(program=("npm", "start")), ("npm", "start")),
        (Choices(own_command=False), ()),
        (Choices(own_command=False, program=("x",)), ("x",)),
        (Choices(hold=True), ("python", "app.py")),
    ],
)
def test_what_is_run(choices: Choices, command: tuple[str, ...]) -> None:
    assert choose_command(choices, ("python", "app.py")) == CommandSettings(command, hold=choices.hold)
    assert choose_command(Choices(), ()) == CommandSettings()


def test_a_folder_without_azds_yaml(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        open_folder(tmp_path)
