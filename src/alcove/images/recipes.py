"""The three images, layer by layer: what changes least often is lowest."""

from __future__ import annotations

import os
import shutil
import ssl
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from alcove import __version__
from alcove.errors import UnavailableError
from alcove.images import bytecode, closure, programs, pythons
from alcove.images.layout import Layer, Recipe
from alcove.images.trees import Directory, File, Node, Tree, of_machine, root_tree

ALCOVE, PROXY, BUILDER = "alcove", "proxy", "builder"
"""The images' names below a prefix."""
CONTROL_PLANE_USER = 65532
PROXY_USER = 57417

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_AUTHORITIES = "etc/ssl/certs/ca-certificates.crt"
_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
# What the C library opens by name: threads that end, and (before 2.34) names of hosts.
_OPENED_BY_NAME = ("libgcc_s.so.1", "libnss_dns.so.2", "libnss_files.so.2", "libresolv.so.2")


def image_name(prefix: str, image: str, version: str = __version__) -> str:
    """Name an image below a prefix: ``alcove/proxy:0.1.0``."""
    return f"{prefix.rstrip('/')}/{image}:{version}"


def proxy_recipe(prefix: str) -> Recipe:
    """Give the image of everything in pods: the agent, Envoy, and nft to redirect connections.

    Raises:
        AlcoveError: a program or library is not on this machine.
    """
    files = programs.proxy_programs()
    nft = find_tool("nft", "nftables")
    needed = closure.find_closure(
        [nft, *files.values()], closure.search_directories(), optional=_OPENED_BY_NAME
    )
    base: dict[str, Node] = {
        **root_tree({"alcove": PROXY_USER}),
        **closure.library_tree(needed),
        "usr/sbin/nft": of_machine(nft),
    }
    layers = (
        Layer("libraries and nft", base),
        Layer("Envoy", {programs.ENVOY.lstrip("/"): File(files[programs.ENVOY], 0o755)}),
        Layer("agent", {programs.AGENT.lstrip("/"): File(files[programs.AGENT], 0o755)}),
    )
    return _recipe(image_name(prefix, PROXY), layers, {"Env": [f"PATH={_PATH}"]})


def control_plane_recipe(prefix: str) -> Recipe:
    """Give the image of the control plane: this process's Python, what Alcove needs of it, Alcove.

    Raises:
        AlcoveError: a library is not on this machine, or Alcove is not installed whole.
    """
    python = pythons.interpreter_tree()
    dependencies = pythons.distribution_tree(pythons.required_distributions("alcove").values())
    own = pythons.own_tree()
    native = list(_native({**python, **dependencies}))
    needed = closure.find_closure(native, closure.search_directories(), optional=_OPENED_BY_NAME)
    packages = _roots(dependencies)
    base: dict[str, Node] = {
        **root_tree({"alcove": CONTROL_PLANE_USER}),
        **closure.library_tree(needed, packages),
        _AUTHORITIES: File(_find_authorities()),
    }
    layers = (
        Layer("libraries", base),
        Layer("Python", {**python, **bytecode.compiled(python)}),
        Layer("dependencies", {**dependencies, **bytecode.compiled(dependencies)}),
        Layer("Alcove", {**own, **bytecode.compiled(own)}),
    )
    environment = [
        f"PATH={_PATH}",
        f"PYTHONPATH=/{pythons.PACKAGES}",
        "PYTHONDONTWRITEBYTECODE=1",
        f"SSL_CERT_FILE=/{_AUTHORITIES}",
    ]
    settings = {
        "User": f"{CONTROL_PLANE_USER}:{CONTROL_PLANE_USER}",
        "Env": environment,
        "Entrypoint": ["alcove"],
        "WorkingDir": "/",
    }
    return _recipe(image_name(prefix, ALCOVE), layers, settings)


_TOOLS = {"buildah": "buildah", "runc": "runc", "ctr": "containerd", "unshare": "util-linux"}
"""What a builder runs, and the package of Debian that has it."""


def builder_recipe(prefix: str, control_plane: Recipe | None = None) -> Recipe:
    """Give the image of what makes images on nodes: that of the control plane, and Buildah on top.

    ``control_plane`` is that image where it was made already: its layers are then the same.

    Raises:
        AlcoveError: a program or library is not on this machine.
    """
    tools = {name: find_tool(name, package) for name, package in _TOOLS.items()}
    base = control_plane or control_plane_recipe(prefix)
    needed = closure.find_closure(tools.values(), closure.search_directories())
    tree: dict[str, Node] = {
        **closure.library_tree(needed),
        **{f"usr/bin/{name}": File(path, 0o755) for name, path in tools.items()},
        "var/lib/alcove-build": Directory(0o700),
    }
    there = {path for layer in base.layers for path in layer.tree}
    layer = Layer("Buildah", {path: node for path, node in tree.items() if path not in there})
    settings = {**base.config, "User": "0:0"}
    return _recipe(image_name(prefix, BUILDER), (*base.layers, layer), settings)


def _native(tree: Tree) -> Iterator[Path]:
    """Yield the files that may be programs or libraries."""
    for node in tree.values():
        if isinstance(node, File) and isinstance(node.content, Path) and node.mode == 0o755:
            yield node.content


def _roots(tree: Tree) -> set[Path]:
    """Give the directories of this machine that are in the image as they are."""
    roots = set()
    for path, node in tree.items():
        if isinstance(node, File) and isinstance(node.content, Path):
            below = Path(path).relative_to(pythons.PACKAGES)
            roots.add(Path(str(node.content).removesuffix(str(below))))
    return roots


def _recipe(name: str, layers: tuple[Layer, ...], settings: Mapping[str, Any]) -> Recipe:
    architecture = programs.this_architecture()
    labels = {
        "org.opencontainers.image.title": name.rpartition("/")[2].partition(":")[0],
        "org.opencontainers.image.version": __version__,
        "org.opencontainers.image.licenses": "Apache-2.0",
    }
    config = {**settings, "Labels": labels}
    return Recipe(name, _ARCHITECTURES.get(architecture, architecture), layers, config)


def find_tool(name: str, package: str) -> Path:
    """Give a program of this machine.

    Raises:
        UnavailableError: it is not installed; the hint names the ``package`` that has it.
    """
    places = [str(Path(sys.executable).parent), os.environ.get("PATH", ""), *_PATH.split(":")]
    found = shutil.which(name, path=os.pathsep.join(places))
    if found is None:
        raise UnavailableError(f"{name} is missing", hint=f"install the package {package}")
    return Path(found)


def _find_authorities() -> Path:
    own = ssl.get_default_verify_paths().cafile
    found = next((path for path in map(Path, filter(None, (own, *_BUNDLES))) if path.is_file()), None)
    if found is None:
        raise UnavailableError(
            "this machine has no certificates of authorities", hint="install ca-certificates"
        )
    return found
