"""Make sure that a kubectl of 1.30 or newer is there: the machine's own, Debian's, else the official release.

Older ones do not tunnel exec and port-forward through WebSockets, the only streams that the embedded
cluster speaks. Debian's package is taken from the release that first had a new enough one and unpacked
beside our own programs: nothing is installed on the machine, and apt checks its signature.
"""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

OLDEST = 30
DEBIAN_SUITE = "trixie"
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


def unpack_from_debian(directory: Path) -> None:
    """Put the kubectl of Debian's package into ``directory``, from the mirror this machine uses.

    Raises:
        OSError: this is no Debian, or its mirror does not have it.
    """
    mirror = debian_mirror()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        for place in ("lists", "cache/archives"):
            (scratch / place / "partial").mkdir(parents=True)
        sources = scratch / "sources.list"
        sources.write_text(f"deb [signed-by={KEYRING}] {mirror} {DEBIAN_SUITE} main\n")
        options = [
            f"Dir::Etc::sourcelist={sources}",
            "Dir::Etc::sourceparts=-",
            f"Dir::State::lists={scratch / 'lists'}",
            f"Dir::Cache={scratch / 'cache'}",
            "APT::Sandbox::User=root",
        ]
        apt = ["apt-get", "-qq", *(f"-o{option}" for option in options)]
        try:
            for arguments in (["update"], ["download", f"kubectl/{DEBIAN_SUITE}"]):
                subprocess.run([*apt, *arguments], cwd=scratch, check=True, capture_output=True, timeout=300)
            package = next(scratch.glob("kubectl_*.deb"))
            subprocess.run(["dpkg", "-x", str(package), str(scratch / "root")], check=True, timeout=60)
        except (subprocess.SubprocessError, StopIteration) as error:
            raise OSError(f"Debian's package: {error}") from error
        shutil.copy2(scratch / "root" / "usr" / "bin" / "kubectl", directory / "kubectl")


KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def debian_mirror() -> str:
    """Give the Debian mirror that apt is set up with.

    Raises:
        OSError: this is no Debian.
    """
    try:
        told = subprocess.run(
            ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"],
            capture_output=True, text=True, check=True, timeout=60,
        ).stdout  # fmt: skip
    except subprocess.SubprocessError as error:
        raise OSError(f"apt-get: {error}") from error
    mirror = next((uri for uri in told.split() if uri.rstrip("/").endswith("/debian")), None)
    if mirror is None:
        raise OSError("apt is not set up with a Debian mirror")
    return mirror


def download_release(directory: Path) -> None:
    """Download the newest stable release into ``directory``, with its checksum checked.

    Raises:
        OSError: it cannot be reached.
    """
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
    with urllib.request.urlopen(url, timeout=60) as response:
        content: bytes = response.read()
    return content


def main() -> None:
    """Use what is there, or get it into the directory named by the first argument."""
    directory = Path(sys.argv[1])
    found = shutil.which("kubectl") or "kubectl"
    if max(minor_version(found), minor_version(str(directory / "kubectl"))) >= OLDEST:
        return
    reasons = []
    for get in (unpack_from_debian, download_release):
        try:
            get(directory)
        except OSError as error:
            reasons.append(str(error))
        else:
            return
    raise SystemExit(
        f"error: no kubectl of 1.{OLDEST} or newer, and none can be had ({'; '.join(reasons)})\n"
        "hint: install kubectl and run make setup again"
    )


if __name__ == "__main__":
    main()
