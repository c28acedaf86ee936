"""A machine of a few files, and a store on it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.embedded.images.samples import FakeRunner

from alcove.embedded.images import LocalImageStore


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A machine whose /bin is a link into /usr, with things that are nobody's business."""
    root = tmp_path / "machine"
    for directory in ("usr/bin", "etc/ssl/certs", "etc/ssl/private", "etc/ssh", "home/me", "root/.ssh"):
        (root / directory).mkdir(parents=True)
    (root / "bin").symlink_to("usr/bin")
    (root / "lib64").mkdir()
    files = {
        "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nme:x:1000:1000:Me:/home/me:/bin/sh\n",
        "etc/group": "root:x:0:\nstaff:x:50:\n",
        "etc/shadow": "root:secret:",
        "etc/ssl/certs/ca.pem": "public",
        "etc/ssl/private/key.pem": "secret",
        "etc/ssh/ssh_host_key": "secret",
        "etc/hosts": "127.0.0.1 localhost",
        "etc/nsswitch.conf": "hosts: files dns",
        "etc/ld.so.conf": "private",
        "home/me/token": "secret",
    }
    for name, text in files.items():
        (root / name).write_text(text)
    (root / "etc/ld.so.conf").chmod(0o600)
    (root / "etc/localtime").symlink_to("/usr/share/zoneinfo/UTC")
    return root


@pytest.fixture
def runner() -> FakeRunner:
    return FakeRunner()


@pytest.fixture
def notices() -> list[str]:
    return []


@pytest.fixture
def store(tmp_path: Path, machine: Path, runner: FakeRunner, notices: list[str]) -> LocalImageStore:
    return LocalImageStore(
        tmp_path / "images",
        step_runner=runner,
        clock=lambda: 1000.0,
        notice=notices.append,
        machine_root=machine,
    )
