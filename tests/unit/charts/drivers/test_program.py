from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from alcove.charts.drivers.ports import Plan
from alcove.charts.drivers.program import ProgramDriver, find_program, read_release
from alcove.charts.errors import ChartError, HelmError

RELEASE: dict[str, Any] = {
    "chart": {"metadata": {"name": "web"}},
    "info": {"notes": "hello"},
    "manifest": "".join(f"---\n# Source: web/templates/a.yaml\nkind: {kind}\n" for kind in "AB"),
    "hooks": [{"path": "web/templates/h.yaml", "manifest": "kind: H\n"}],
}
SCRIPT = """#!/bin/sh
echo "$@" >> {log}
for word; do case $word in *values.json) cat "$word" >> {log};; esac; done
{body}
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def driver(tmp_path: Path, log: Path, body: str) -> ProgramDriver:
    program = tmp_path / "helm"
    program.write_text(SCRIPT.format(log=log, body=body))
    program.chmod(0o755)
    return ProgramDriver(str(program), {"PATH": "/bin:/usr/bin"}, tmp_path / "kubeconfig")


def test_a_report_of_a_dry_run_is_read_by_templates() -> None:
    templates = read_release(RELEASE, "kind: C\n")
    assert templates.files == {
        "web/templates/a.yaml": "---\nkind: A\n---\nkind: B\n",
        "web/templates/h.yaml": "---\nkind: H\n",
        "web/templates/NOTES.txt": "hello",
    }
    assert templates.crds == (("crds.yaml", "kind: C\n"),)
    assert read_release({}, " \n").crds == ()


async def test_rendering_is_a_dry_run(tmp_path: Path, log: Path) -> None:
    body = f"case $1 in install) cat <<'E'\n{json.dumps(RELEASE)}\nE\n;; esac"
    templates = await driver(tmp_path, log, body).render(Path("chart"), Plan("r", "dev", {"a": 1}))
    assert set(templates.files) == {"web/templates/a.yaml", "web/templates/h.yaml", "web/templates/NOTES.txt"}
    first, second = log.read_text().splitlines()
    assert first.startswith("install r chart --dry-run=client -o json --namespace dev --kubeconfig")
    assert second == '{"a": 1}show crds chart'


async def test_installing_and_upgrading_keep_labels_and_bound_the_history(tmp_path: Path, log: Path) -> None:
    helm = driver(tmp_path, log, "")
    await helm.install(Path("chart"), Plan("r", "dev"))
    await helm.install(Path("chart"), Plan("r", "dev", labels={"a": "b"}, revision=2))
    await helm.uninstall("r", "dev")
    first, second, third = log.read_text().splitlines()
    assert first.startswith("install r chart --timeout 300s")
    assert second.startswith("upgrade r chart")
    assert "--history-max 5 --reset-values --labels a=b" in second
    assert third.startswith("uninstall r")


async def test_what_the_program_says_is_given_word_for_word(tmp_path: Path, log: Path) -> None:
    helm = driver(tmp_path, log, "echo 'Error: INSTALLATION FAILED: no' >&2; exit 1")
    with pytest.raises(HelmError) as caught:
        await helm.install(Path("chart"), Plan("r", "dev"))
    assert caught.value.cause == "INSTALLATION FAILED: no"
    with pytest.raises(ChartError):
        await helm.render(Path("chart"), Plan("r", "dev"))


async def test_a_cancelled_program_is_ended(tmp_path: Path, log: Path) -> None:
    os.mkfifo(tmp_path / "pid")
    helm = driver(tmp_path, log, f"echo $$ > {tmp_path}/pid; exec sleep 600")
    async with asyncio.TaskGroup() as group:
        task = group.create_task(helm.uninstall("r", "dev"))
        pid = await asyncio.to_thread((tmp_path / "pid").read_text)
        task.cancel()
    assert not Path(f"/proc/{pid.strip()}").exists()


def test_the_program_is_found_on_path(tmp_path: Path) -> None:
    assert find_program({"PATH": str(tmp_path)}) == ""
    assert find_program({}) == ""
    (tmp_path / "helm").touch(0o755)
    assert find_program({"PATH": str(tmp_path)}) == str(tmp_path / "helm")
