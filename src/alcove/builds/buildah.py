"""How Buildah is called in a builder's pod, which has SYS_ADMIN but is not privileged.

Steps run in containers of their own by runc, without what only privileged pods may: cgroups (``rootless``),
keyrings and pivot_root, of which the usual seccomp profile allows none. Each build has a process namespace of
its own, so that nothing of it is left when it is ended.
"""

from __future__ import annotations

import platform
import shutil
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from alcove.builds.failures import explain_failure
from alcove.builds.programs import Programs
from alcove.builds.requests import BuildRequest
from alcove.errors import AlcoveError, UnavailableError

_APART = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
_RUNTIMES = ("runc", "crun")
"""The better first: older versions of crun refuse machines with cgroups of version 1."""
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_MOUNTED_CACHES = "buildah-cache"
"""What Buildah calls the caches that steps mount; they are worth keeping."""
_TAIL = 40
_POLICY = '{"default": [{"type": "insecureAcceptAnything"}]}\n'
_REGISTRIES = 'unqualified-search-registries = ["docker.io"]\nshort-name-mode = "permissive"\n'


def this_architecture() -> str:
    """Name this machine's architecture as images do."""
    machine = platform.machine()
    return _ARCHITECTURES.get(machine, machine)


@dataclass(frozen=True, slots=True)
class Storage:
    """A storage of images and layers."""

    directory: Path
    """All that belongs to it."""
    configuration: Path

    @property
    def root(self) -> Path:
        """Images and layers."""
        return self.directory / "storage"

    @property
    def temporary(self) -> Path:
        """Caches that steps mount, and what Buildah needs for a moment."""
        return self.directory / "tmp"


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are.

    Each space has a storage of its own: what one has built, pulled with its credentials, or left in a cache
    is never found in another's builds. What was taken from the node they share, to read.
    """

    state: Path
    """The cache, on a file system that is no overlay; survives this process."""
    run: Path
    """In memory."""

    @property
    def work(self) -> Path:
        """What is needed for a moment: contexts, archives."""
        return self.state / "work"

    @property
    def spaces(self) -> Path:
        """The storages of spaces."""
        return self.state / "spaces"

    @property
    def policy(self) -> Path:
        """Which images are trusted: all."""
        return self.run / "policy.json"

    def prepare(self) -> None:
        """Make them, and remove what a process that was killed has left."""
        temporary = (*self.state.glob("bases/tmp/*"), *self.spaces.glob("*/tmp/*"))
        left = [path for path in temporary if not path.name.startswith(_MOUNTED_CACHES)]
        for path in (self.work, *self.state.glob("bases/base-*"), *left):
            shutil.rmtree(path, ignore_errors=True)
        for directory in (self.spaces, self.work, self.run):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.policy.write_text(_POLICY)
        (self.run / "registries.conf").write_text(_REGISTRIES)

    def bases(self) -> Storage:
        """Give the storage of what was taken from the node."""
        return self._storage(self.state / "bases")

    def of_space(self, space: str) -> Storage:
        """Give the storage of a space, made when missing; ``space`` is its key, not its name."""
        shared = self.bases().root
        return self._storage(
            self.spaces / space, f'[storage.options]\nadditionalimagestores = ["{shared}"]\n'
        )

    def _storage(self, directory: Path, options: str = "") -> Storage:
        made = Storage(directory, self.run / f"{directory.name}.conf")
        for each in (made.root, made.temporary):
            each.mkdir(mode=0o700, parents=True, exist_ok=True)
        own = f'[storage]\ndriver = "overlay"\ngraphroot = "{made.root}"\n'
        made.configuration.write_text(f'{own}runroot = "{self.run}/{directory.name}"\n{options}')
        return made

    def environment(self, storage: Storage) -> dict[str, str]:
        """Give the variables of every call that is to work on a storage."""
        return {
            "HOME": str(self.run),
            "TMPDIR": str(storage.temporary),
            "CONTAINERS_STORAGE_CONF": str(storage.configuration),
            "CONTAINERS_REGISTRIES_CONF": str(self.run / "registries.conf"),
            "BUILDAH_NOPIVOT": "1",
        }


def find_runtime(search: str | None = None) -> str:
    """Give the program that runs the steps of builds.

    Raises:
        UnavailableError: there is none.
    """
    found = next((path for name in _RUNTIMES if (path := shutil.which(name, path=search))), None)
    if found is None:
        raise UnavailableError("neither runc nor crun is here", hint="install the package runc")
    return found


@dataclass(frozen=True, slots=True)
class Commands:
    """Buildah's command lines."""

    places: Places
    runtime: str

    def build(self, request: BuildRequest, context: Path, *, auth: Path | None, result: Path) -> list[str]:
        """Build; the image's id is written to ``result``, its layers stay as cache."""
        options = [
            *("--isolation", "rootless", "--runtime", self.runtime, "--runtime-flag", "rootless=true"),
            *("--signature-policy", str(self.places.policy), "--network", "host", "--pull=false"),
            *("--layers", "--force-rm", "--format", "docker", "--iidfile", str(result)),
            *("--file", str(context / request.dockerfile)),
            *(("--target", request.target) if request.target else ()),
            *(("--authfile", str(auth)) if auth else ()),
        ]
        for name, value in request.args.items():
            options += ["--build-arg", f"{name}={value}"]
        return [*_APART, "buildah", "build", *options, str(context)]

    def pull_archive(self, archive: Path) -> list[str]:
        """Take an OCI archive in; the last line of the output is the image's id."""
        return ["buildah", "pull", "--quiet", *self._trust(), f"oci-archive:{archive}"]

    def tag(self, image: str, name: str) -> list[str]:
        """Name an image."""
        return ["buildah", "tag", image, name]

    def push(self, image: str, directory: Path) -> list[str]:
        """Write an image as a layout, uncompressed."""
        return [
            *("buildah", "push", "--quiet", "--format", "oci", "--disable-compression", *self._trust()),
            *(image, f"oci:{directory}:image"),
        ]

    def inspect(self, image: str) -> list[str]:
        """Print an image's documents."""
        return ["buildah", "inspect", "--type", "image", image]

    def start_container(self, image: str, auth: Path | None) -> list[str]:
        """Make a container to look into, pulling its image where it is missing; print its name."""
        authorised = ("--authfile", str(auth)) if auth else ()
        return ["buildah", "from", "--quiet", "--pull=false", *self._trust(), *authorised, image]

    def mount(self, container: str) -> list[str]:
        """Mount a container and print where."""
        return ["buildah", "mount", container]

    def remove(self, container: str) -> list[str]:
        """Remove a container."""
        return ["buildah", "rm", container]

    def remove_containers(self) -> list[str]:
        """Remove the containers that builds have left which were ended."""
        return ["buildah", "rm", "--all"]

    def _trust(self) -> tuple[str, str]:
        return "--signature-policy", str(self.places.policy)


class Buildah:
    """Buildah on one storage."""

    def __init__(self, programs: Programs, places: Places, storage: Storage) -> None:
        """Run it with ``programs``."""
        self.storage = storage
        self._programs = programs
        self._environment = places.environment(storage)

    def follow(self, command: Sequence[str]) -> AsyncGenerator[str | int, None]:
        """Yield what it says, then its exit code; closed early, it is ended."""
        return self._programs.follow(command, env=self._environment)

    async def run(self, command: Sequence[str]) -> bytes:
        """Give what it prints.

        Raises:
            AlcoveError: it fails; the message says why.
        """
        done = await self._programs.finish(command, env=self._environment)
        if done.code:
            failed = explain_failure(done.errors.splitlines()[-_TAIL:], "", done.code)
            raise AlcoveError(failed.message, hint=failed.hint)
        return done.output

    async def answer(self, command: Sequence[str]) -> str:
        """Give the last line that it prints; raises as ``run``."""
        return last_line(await self.run(command))


def describe(inspected: Mapping[str, object]) -> Mapping[str, object]:
    """Give the part of what ``inspect`` prints that says how an image is run."""
    for form in ("Docker", "OCIv1"):
        document = inspected.get(form)
        if isinstance(document, dict) and isinstance(document.get("config"), dict):
            found: Mapping[str, object] = document["config"]
            return found
    return {}


def last_line(output: bytes) -> str:
    """Give the last line that is not empty, which is the answer of several commands."""
    lines: Sequence[str] = output.decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
