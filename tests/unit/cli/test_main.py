"""The command line as a whole: help, errors, exit codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from alcove.cli import main


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "alcove", *arguments], capture_output=True, text=True, timeout=20
    )


def test_help_goes_to_stdout_and_lists_every_command() -> None:
    done = run("--help")
    assert done.returncode == 0 and not done.stderr
    assert all(name in done.stdout for name in main.COMMANDS)


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys; from alcove.cli.main import run; run(['--help']); print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=20)
    assert "click" in done.stderr
    assert not {"aiohttp", "asyncio", "yaml", "rich", "kubernetes_asyncio"} & set(done.stderr.split())


@pytest.mark.parametrize("name", list(main.COMMANDS))
def test_every_command_in_the_table_exists(name: str) -> None:
    assert run(name, "--help").returncode == 0


@pytest.mark.parametrize(
    "arguments",
    [["bogus"], ["cluster", "bogus"], ["cluster", "start", "--port", "99999"], ["cluster", "load-image"]],
)
def test_a_wrong_command_line_is_a_usage_error_with_a_hint(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.startswith("error: ") and "hint: see 'alcove" in done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_name_the_command(shell: str) -> None:
    assert "_ALCOVE_COMPLETE" in run("completion", shell).stdout


def test_completion_offers_subcommands() -> None:
    environment = {"_ALCOVE_COMPLETE": "bash_complete", "COMP_WORDS": "alcove cluster st", "COMP_CWORD": "2"}
    done = subprocess.run(
        [sys.executable, "-m", "alcove"], capture_output=True, text=True, env=environment, timeout=20
    )
    assert {"plain,start", "plain,stop", "plain,status"} <= set(done.stdout.split())


def test_a_cluster_that_does_not_run_is_told_apart_from_an_error(tmp_path: Path) -> None:
    status = run("cluster", "status", "--data-dir", str(tmp_path), "-o", "json")
    assert status.returncode == 0 and '"ready": false' in status.stdout
    done = run("cluster", "kubeconfig", "--data-dir", str(tmp_path))
    assert done.returncode == 3
    assert "does not run" in done.stderr and "hint: start it" in done.stderr


def test_reset_does_not_touch_a_directory_that_is_no_cluster(tmp_path: Path) -> None:
    (tmp_path / "precious").touch()
    done = run("cluster", "reset", "-y", "--data-dir", str(tmp_path))
    assert done.returncode == 4 and (tmp_path / "precious").exists()


def test_reset_asks_first(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "alcove", "cluster", "reset", "--data-dir", str(tmp_path)],
        input="n\n",
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.returncode == 130 and tmp_path.exists()
