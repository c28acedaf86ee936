"""Make sure that a kubectl of 1.30 or newer is there: the machine's own, else the official release.

Older ones do not tunnel exec and port-forward through WebSockets, the only streams that the embedded
cluster speaks.
"""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

OLDEST = 30
RELEASES = "https://dl.k8s.io"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def minor_version(program: str) -> int:
    """Give the minor version of a kubectl, 0 when it does not say."""
    try:
        done = subprocess.run(
            [program, "version", "--client", "-o", "json"],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        return int(json.loads(done.stdout)["clientVersion"]["minor"].rstrip("+"))
    except (OSError, subprocess.SubprocessError, ValueError, KeyError):
        return 0


def install(directory: Path) -> None:
    """Download the newest stable release into ``directory``, with its checksum checked."""
    version = fetch(f"{RELEASES}/release/stable.txt").decode().strip()
    machine = ARCHITECTURES[platform.machine()]
    url = f"{RELEASES}/release/{version}/bin/linux/{machine}/kubectl"
    program = fetch(url)
    if hashlib.sha256(program).hexdigest() != fetch(f"{url}.sha256").decode().strip():
        raise SystemExit(f"error: {url} does not match its checksum")
    target = directory / "kubectl"
    target.write_bytes(program)
    target.chmod(0o755)


def fetch(url: str) -> bytes:
    """Give what stands at ``url``."""
    with urllib.request.urlopen(url, timeout=120) as response:
        content: bytes = response.read()
    return content


def main() -> None:
    """Use what is there, or install."""
    found = shutil.which("kubectl")
    if found and minor_version(found) >= OLDEST:
        return
    directory = Path(sys.argv[1])
    if minor_version(str(directory / "kubectl")) >= OLDEST:
        return
    try:
        install(directory)
    except OSError as error:
        raise SystemExit(
            f"error: no kubectl of 1.{OLDEST} or newer, and none can be downloaded ({error})\n"
            "hint: install kubectl and run make setup again"
        ) from error


if __name__ == "__main__":
    main()
