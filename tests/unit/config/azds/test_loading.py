"""From a directory to its project: what is on the disk and what is not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.config.azds.projects import make_bare

from alcove.config.azds import ConfigError, load_project
from alcove.config.azds.loading import check_tag

SIMPLE = b"kind: helm-release\ninstall: {chart: charts/web, set: {image: {tag: $(tag)}, v: '${V:-none}'}}\n"


def test_a_missing_file_is_told_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_project(tmp_path, environment={})
    assert caught.value.message == f"Config file not found: {tmp_path}/azds.yaml"
    assert "alcove prep" in caught.value.hint


def test_the_oldest_name_counts_when_the_new_one_is_not_there(tmp_path: Path) -> None:
    make_bare(tmp_path, SIMPLE)
    (tmp_path / "azds.yaml").rename(tmp_path / "vsce.yaml")
    assert load_project(tmp_path, environment={}).file == tmp_path / "vsce.yaml"
    (tmp_path / "azds.yaml").write_bytes(SIMPLE)
    assert load_project(tmp_path, environment={}).file == tmp_path / "azds.yaml"


def test_problems_name_the_file_that_has_them(tmp_path: Path) -> None:
    make_bare(tmp_path, b"kind: x\ninstall: {chart: charts/web}\n")
    (tmp_path / "azds.yaml").rename(tmp_path / "vsce.yaml")
    with pytest.raises(ConfigError, match=r"^vsce\.yaml:1: unknown kind"):
        load_project(tmp_path, environment={})


def test_a_directory_that_was_named_is_in_messages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_bare(tmp_path / "web", b"kind: x\ninstall: {chart: charts/web}\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"^web/azds\.yaml:1: unknown kind"):
        load_project(Path("web"), environment={})


def test_paths_are_absolute_whatever_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_bare(tmp_path / "web", SIMPLE)
    monkeypatch.chdir(tmp_path)
    project = load_project(Path("web"), environment={})
    assert project.install.chart == tmp_path / "web" / "charts" / "web"
    assert project.build.context == project.directory == tmp_path / "web"


def test_the_shell_counts_before_the_env_file(tmp_path: Path) -> None:
    make_bare(tmp_path, SIMPLE)
    assert load_project(tmp_path, environment={}).install.set["v"] == "none"
    (tmp_path / ".env").write_bytes(b"\xef\xbb\xbfV=file\r\n")
    assert load_project(tmp_path, environment={}).install.set["v"] == "file"
    assert load_project(tmp_path, environment={"V": "shell"}).install.set["v"] == "shell"


def test_a_damaged_env_file_is_named_with_its_line(tmp_path: Path) -> None:
    make_bare(tmp_path, SIMPLE)
    (tmp_path / ".env").write_text("A=1\noops\n")
    with pytest.raises(ConfigError, match=r"^\.env:2: this is not NAME=VALUE"):
        load_project(tmp_path, environment={})


def test_a_directory_in_place_of_the_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "azds.yaml").mkdir()
    with pytest.raises(ConfigError, match=r"cannot read .*azds\.yaml"):
        load_project(tmp_path, environment={})


def test_a_virtual_environment_of_the_name_is_no_env_file(tmp_path: Path) -> None:
    make_bare(tmp_path, SIMPLE)
    (tmp_path / ".env").mkdir()
    assert load_project(tmp_path, environment={}).install.set["v"] == "none"


def test_a_path_of_no_length_or_without_end_is_told(tmp_path: Path) -> None:
    name = "a" * 5000
    make_bare(tmp_path, f"kind: helm-release\ninstall: {{chart: {name}, values: [loop/x]}}\n".encode())
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(ConfigError) as caught:
        load_project(tmp_path, environment={})
    assert [problem.line for problem in caught.value.problems] == [2, 2]


def test_the_dockerfile_beside_the_file_counts_before_the_one_in_the_context(tmp_path: Path) -> None:
    content = b"kind: helm-release\nbuild: {context: ..}\ninstall: {chart: charts/web}\n"
    make_bare(tmp_path / "web", content)
    (tmp_path / "Dockerfile").touch()
    assert load_project(tmp_path / "web", environment={}).build.dockerfile == tmp_path / "web" / "Dockerfile"
    (tmp_path / "web" / "Dockerfile").unlink()
    assert load_project(tmp_path / "web", environment={}).build.dockerfile == tmp_path / "Dockerfile"


def test_whether_the_container_can_be_found_is_known(tmp_path: Path) -> None:
    make_bare(tmp_path, SIMPLE)
    assert check_tag(load_project(tmp_path, environment={}))
    (tmp_path / "azds.yaml").write_bytes(SIMPLE.replace(b"$(tag)", b"latest"))
    project = load_project(tmp_path, environment={})
    assert not check_tag(project) and "$(tag) is nowhere" in project.warnings[0]


def test_what_may_be_secret_has_no_repr(tmp_path: Path) -> None:
    content = SIMPLE + b"build: {args: {P: $V}}\nconfigurations: {develop: {container: {command: [$V]}}}\n"
    make_bare(tmp_path, content)
    assert "hunter2" not in repr(load_project(tmp_path, environment={"V": "hunter2"}))


def test_the_command_line_does_not_load_the_yaml_library() -> None:
    program = "import sys, alcove.cli.main, alcove.config; sys.exit('ruamel.yaml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
