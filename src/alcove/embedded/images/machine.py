"""Images made of this machine: a stand-in for those that cannot be had, and Alcove's own parts.

A stand-in shows this machine's programs (``/usr``) and what of ``/etc`` they need to work, which is public:
system accounts, certificates of authorities, the linker's configuration. No home directory, no key, no
token and no file that not everyone may read is in it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import alcove
from alcove.embedded.ports import Image, ImageConfig

OWN_PROGRAMS = "/opt/alcove/bin"
"""Where the programs of our own parts are."""
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PROGRAM_DIRECTORIES = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_ETC = (
    *("nsswitch.conf", "protocols", "services", "mime.types", "gai.conf", "os-release", "debian_version"),
    *("ld.so.conf", "ld.so.conf.d", "ld.so.cache", "localtime", "timezone", "alternatives"),
    *("ca-certificates.conf", "ca-certificates", "ssl/certs", "ssl/openssl.cnf", "ssl/cert.pem"),
    *("pki/ca-trust", "pki/tls/certs", "pki/tls/cert.pem", "crypto-policies"),
)
_DIRECTORIES = {
    **dict.fromkeys(
        ("etc", "run", "home", "opt", "srv", "mnt", "var", "var/lib", "var/cache", "var/log"), 0o755
    ),
    **{"root": 0o700, "tmp": 0o1777, "var/tmp": 0o1777},
}
_FIRST_PERSON, _NOBODY = 1000, 65534


def machine_trees(machine: Path = Path("/")) -> tuple[str, ...]:
    """Give the directories of programs of this machine; those that are links to others are not among them."""
    paths = [machine / name for name in ("usr", *_PROGRAM_DIRECTORIES)]
    return tuple(f"/{path.name}" for path in paths if path.is_dir() and not path.is_symlink())


def make_skeleton(target: Path, machine: Path = Path("/")) -> None:
    """Fill the empty directory ``target`` with what a stand-in has besides machine trees."""
    target.chmod(0o755)
    for name, mode in _DIRECTORIES.items():
        (target / name).mkdir()
        (target / name).chmod(mode)
    (target / "var/run").symlink_to("/run")
    for name in _PROGRAM_DIRECTORIES:
        if (machine / name).is_symlink():
            (target / name).symlink_to((machine / name).readlink())
    for name in ("passwd", "group"):
        _copy_accounts(machine / "etc" / name, target / "etc" / name)
    for name in _ETC:
        _copy(machine / "etc" / name, target / "etc" / name, machine)


def _copy_accounts(source: Path, target: Path) -> None:
    """Copy the system's accounts, not those of people."""
    lines = source.read_text(errors="replace").splitlines() if source.exists() else []
    kept = [line for line in lines if _is_system(line.split(":"))]
    target.write_text("".join(f"{line}\n" for line in kept) or "root:x:0:0:root:/root:/bin/sh\n")
    target.chmod(0o644)


def _is_system(fields: list[str]) -> bool:
    number = fields[2] if len(fields) > 2 else ""
    return number.isdigit() and (int(number) < _FIRST_PERSON or int(number) == _NOBODY)


def _copy(source: Path, target: Path, machine: Path) -> None:
    """Copy what everyone may read; a link to what a stand-in has too stays one, others become their file."""
    try:
        mode = source.lstat().st_mode
        if stat.S_ISLNK(mode) and not _stays(source, machine):
            source = source.resolve()
            mode = source.lstat().st_mode
    except (OSError, RuntimeError):
        return
    if stat.S_ISLNK(mode):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(source.readlink())
    elif stat.S_ISDIR(mode) and mode & 0o005 == 0o005:
        target.mkdir(parents=True, exist_ok=True)
        for child in source.iterdir():
            _copy(child, target / child.name, machine)
    elif stat.S_ISREG(mode) and mode & 0o004:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        target.chmod(0o644)


def _stays(link: Path, machine: Path) -> bool:
    text = str(link.readlink())
    place = machine / text.lstrip("/") if text.startswith("/") else link.parent / text
    path = Path(os.path.normpath(place))
    shown = [machine / "usr", *(machine / "etc" / name for name in ("alternatives", "ssl/certs", "pki"))]
    return any(path.is_relative_to(directory) for directory in shown)


def stand_in(reference: str, skeleton: Path, trees: tuple[str, ...]) -> Image:
    """Give the image that stands in for ``reference``: it has programs, and says nothing of what to run."""
    config = ImageConfig(environment={"PATH": _PATH})
    return Image(reference, _id(f"stand-in:{reference}"), (skeleton,), trees, config, stand_in=True)


def _id(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


@dataclass(frozen=True, slots=True)
class OwnPart:
    """An image of one of Alcove's own parts: programs of this machine and the directories they need.

    The store adds what every stand-in has.
    """

    reference: str
    """Normalised."""
    entrypoint: tuple[str, ...] = ()
    trees: tuple[str, ...] = ()
    """Directories of this machine, at the same places in the image."""
    files: Callable[[], Mapping[str, Path]] = dict
    """Files of this machine by their places in the image. They are asked for when the image is, and may be
    missing (AlcoveError)."""

    def image(self, layers: tuple[Path, ...] = ()) -> Image:
        """Give the image over these layers, without what the store adds."""
        config = ImageConfig(environment={"PATH": f"{OWN_PROGRAMS}:{_PATH}"}, entrypoint=self.entrypoint)
        return Image(self.reference, _id(f"alcove:{self.reference}"), layers, self.trees, config)


def builtin_images(version: str, proxy_files: Callable[[], Mapping[str, Path]]) -> tuple[OwnPart, ...]:
    """Give the images of Alcove's own parts: ``alcove/alcove``, ``alcove/builder`` and ``alcove/proxy``.

    Builders need no programs of their own here: the node itself builds.
    """
    package = Path(alcove.__file__).parent.parent
    trees = tuple(dict.fromkeys(str(Path(path)) for path in (sys.base_prefix, sys.prefix, package)))
    command = (sys.executable, "-m", "alcove")
    return (
        OwnPart(f"docker.io/alcove/alcove:{version}", command, trees, _command),
        OwnPart(f"docker.io/alcove/builder:{version}", command, trees, _command),
        OwnPart(f"docker.io/alcove/proxy:{version}", files=proxy_files),
    )


def _command() -> Mapping[str, Path]:
    """Give the command ``alcove`` as it was installed beside this interpreter."""
    installed = Path(sys.executable).parent / "alcove"
    return {f"{OWN_PROGRAMS}/alcove": installed} if installed.is_file() else {}


def name_own_layer(part: OwnPart, files: Mapping[str, Path]) -> str:
    """Name the layer of an own part with these files; it is another one when a file has changed.

    Raises:
        OSError: one cannot be read.
    """
    digest = hashlib.sha256("\0".join(part.trees).encode())
    for place, path in sorted(files.items()):
        status = path.stat()
        changes = (status.st_size, status.st_mtime_ns, status.st_ino)
        digest.update(f"\0{place}\0{path}\0{changes}".encode())
    return f"own-{digest.hexdigest()}"


def make_own_layer(part: OwnPart, files: Mapping[str, Path], target: Path) -> None:
    """Fill the empty directory ``target`` with these files, and ways to the part's trees open to every user.

    Files are links where they can be, for they may be large.
    """
    target.chmod(0o755)
    for tree in part.trees:
        _make_directories(target, tree)
    for place, path in files.items():
        copy = _make_directories(target, str(Path(place).parent)) / Path(place).name
        try:
            os.link(path, copy)
        except OSError:  # another file system, or one without links
            shutil.copyfile(path, copy)
            copy.chmod(0o755)


def _make_directories(target: Path, place: str) -> Path:
    for part in Path(place).parts[1:]:
        target /= part
        target.mkdir(exist_ok=True)
        target.chmod(0o755)
    return target


def completed(image: Image, skeleton: Path, trees: tuple[str, ...]) -> Image:
    """Give an own part with the skeleton and machine trees beneath it; trees inside others are left out."""
    wanted = sorted({*trees, *image.machine_trees})
    outer = tuple(
        tree
        for tree in wanted
        if not any(tree != other and Path(tree).is_relative_to(other) for other in wanted)
    )
    layers = (skeleton, *image.layers)
    return Image(image.reference, image.id, layers, outer, image.config, image.stand_in)
