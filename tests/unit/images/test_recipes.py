from __future__ import annotations

import os
from pathlib import Path

import pytest

from alcove import __version__
from alcove.errors import UnavailableError
from alcove.images import recipes
from alcove.images.layout import Layer, Recipe
from alcove.images.trees import File, Link


def test_images_are_named_below_a_prefix() -> None:
    assert recipes.image_name("example.test/team/", "proxy", "1") == "example.test/team/proxy:1"
    assert recipes.image_name("alcove", "alcove") == f"alcove/alcove:{__version__}"


def test_the_proxy_has_its_programs_and_what_changes_most_on_top() -> None:
    recipe = recipes.proxy_recipe("alcove")
    assert [layer.title for layer in recipe.layers] == ["libraries and nft", "Envoy", "agent"]
    base, envoy, agent = (layer.tree for layer in recipe.layers)
    assert {"usr/sbin/nft", "etc/passwd", "tmp"} <= set(base)
    assert any("libnftables.so" in path for path in base)
    assert (list(envoy), list(agent)) == (["opt/alcove/bin/envoy"], ["opt/alcove/bin/alcove-agent"])


def test_no_entry_of_an_image_lies_behind_a_link() -> None:
    base = recipes.proxy_recipe("alcove").layers[0].tree
    links = tuple(f"{path}/" for path, node in base.items() if isinstance(node, Link))
    assert any("/ld-" in path and isinstance(node, File) for path, node in base.items())
    assert not [path for path in base if path.startswith(links)]


NAMES = ("buildah", "runc", "ctr", "unshare")


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine that has what builders run: any programs will do."""
    for name in NAMES:
        (tmp_path / name).symlink_to("/bin/sh")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path


def base() -> Recipe:
    tree = {"usr/lib/known.so": File(b""), "etc/passwd": File(b"")}
    return Recipe(
        "alcove/alcove:1", "amd64", [Layer("libraries", tree)], {"Entrypoint": ["alcove"], "User": "1:1"}
    )


def test_a_builder_is_the_control_plane_with_its_programs_on_top_as_root(tools: Path) -> None:
    below = base()
    recipe = recipes.builder_recipe("alcove", below)
    assert recipe.layers[0] is below.layers[0] and recipe.layers[-1].title == "Buildah"
    assert {f"usr/bin/{name}" for name in NAMES} <= set(recipe.layers[-1].tree)
    assert recipe.config["Entrypoint"] == ["alcove"] and recipe.config["User"] == "0:0"
    assert recipe.name.startswith("alcove/builder:")


def test_what_is_missing_for_a_builder_is_named_with_its_package(tools: Path) -> None:
    with pytest.raises(UnavailableError, match="no-such-tool is missing") as caught:
        recipes.find_tool("no-such-tool", "some-package")
    assert caught.value.hint == "install the package some-package"
