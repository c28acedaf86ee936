"""The Python of this process as files: the interpreter with its library, and what Alcove needs installed."""

from __future__ import annotations

import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

import alcove
from alcove.errors import AlcoveError
from alcove.images.trees import File, Link, Node, below, of_machine, walk

VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"
INTERPRETER = f"usr/local/bin/{VERSION}"
LIBRARY = f"usr/local/{sys.platlibdir}/{VERSION}"
PACKAGES = "opt/alcove/python"

_UNNEEDED = frozenset(
    (
        *(
            "__pycache__",
            "site-packages",
            "dist-packages",
            "test",
            "tests",
            "idlelib",
            "tkinter",
            "turtledemo",
        ),
        *("lib2to3", "ensurepip", "turtle.py", "sitecustomize.py"),
    )
)
_UNNEEDED_EXTENSION = re.compile(r"(_tkinter|readline|_curses.*|_dbm|_gdbm|nis|xx.*|_test.*|.*_test)\..*")
_UNNEEDED_FILE = re.compile(
    r".*\.(pyi|pyx|pxd|pxi|c|h|cpp)|(.*/)?__pycache__/.*|\.\./.*"
    r"|.*\.dist-info/(RECORD|INSTALLER|REQUESTED|direct_url\.json|uv_cache\.json)"
    r"|envoy/_bin/envoy"  # the proxy's image has it
    r"|helm_python/lib/libhelm_c\.so(\.\d+)?"  # the same again, under the whole number of its version
)
_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[([^\]]*)\])?")
_EXTRA = re.compile(r"extra\s*==\s*['\"]([^'\"]+)['\"]")


def interpreter_tree() -> dict[str, Node]:
    """Give the interpreter and the standard library without what only developers use."""
    program = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    library = Path(sysconfig.get_path("stdlib"))
    files = {
        path: file
        for path, file in walk(library, without=_UNNEEDED)
        if not path.startswith("config-") and not _is_unneeded_extension(path)
    }
    tree = below(LIBRARY, files)
    tree[INTERPRETER] = of_machine(program)
    for name in ("python3", "python"):
        tree[f"usr/local/bin/{name}"] = Link(VERSION)
    return tree


def _is_unneeded_extension(path: str) -> bool:
    directory, _, name = path.rpartition("/")
    return directory == "lib-dynload" and _UNNEEDED_EXTENSION.fullmatch(name) is not None


def required_distributions(name: str) -> dict[str, metadata.Distribution]:
    """Give what a distribution needs to run, by normalised names; not itself, and not what only extras need.

    Raises:
        AlcoveError: it is not installed whole.
    """
    found: dict[str, metadata.Distribution] = {}
    pending = list(_requirements(_installed(name), frozenset()))
    while pending:
        wanted, extras, conditional = pending.pop()
        if _normalised(wanted) in found and not extras:
            continue
        try:
            distribution = metadata.distribution(wanted)
        except metadata.PackageNotFoundError as error:
            if conditional:  # for other versions of Python or other systems
                continue
            raise AlcoveError(
                f"the Python package {wanted} is not installed", hint="install Alcove again"
            ) from error
        found[_normalised(wanted)] = distribution
        pending += [one for one in _requirements(distribution, extras) if _normalised(one[0]) not in found]
    return dict(sorted(found.items()))


def _installed(name: str) -> metadata.Distribution:
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError as error:
        raise AlcoveError(
            f"the Python package {name} is not installed",
            cause="its dependencies are found by what its installation says",
            hint="run 'make setup' in a clone of the project, or install its wheel",
        ) from error


def _requirements(
    distribution: metadata.Distribution, extras: frozenset[str]
) -> Iterator[tuple[str, frozenset[str], bool]]:
    """Yield name, extras and whether there is a condition, for what is required with these extras."""
    for line in distribution.requires or ():
        text, _, marker = line.partition(";")
        extra = _EXTRA.search(marker)
        parsed = _REQUIREMENT.match(text)
        if parsed is None or (extra and extra[1] not in extras):
            continue
        wanted = frozenset(part.strip() for part in (parsed[2] or "").split(",") if part.strip())
        yield parsed[1], wanted, bool(marker.strip())


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def distribution_tree(distributions: Iterable[metadata.Distribution]) -> dict[str, Node]:
    """Give the installed files of distributions, as one directory of packages.

    Raises:
        AlcoveError: an installation does not say which its files are.
    """
    tree: dict[str, Node] = {}
    for distribution in distributions:
        if distribution.files is None:
            raise AlcoveError(
                f"nothing says which files belong to the Python package {distribution.name}",
                hint="install Alcove into a virtual environment of its own",
            )
        for relative in map(str, distribution.files):
            path = Path(str(distribution.locate_file(relative)))
            if not _UNNEEDED_FILE.fullmatch(relative) and path.is_file():
                tree[f"{PACKAGES}/{relative}"] = of_machine(path)
    return tree


def own_tree() -> dict[str, Node]:
    """Give Alcove itself and its command; the agent is in the proxy's image."""
    package = Path(alcove.__file__).parent
    files = {
        p: f for p, f in walk(package, without=frozenset({"__pycache__"})) if not p.startswith("images/bin/")
    }
    tree = below(f"{PACKAGES}/alcove", files)
    described = f"{PACKAGES}/alcove-{alcove.__version__}.dist-info"
    tree[f"{described}/METADATA"] = File((_installed("alcove").read_text("METADATA") or "").encode())
    command = f"#!/{INTERPRETER} -P\nfrom alcove.cli.main import main\n\nmain()\n"
    tree["usr/local/bin/alcove"] = File(command.encode(), 0o755)
    return tree
