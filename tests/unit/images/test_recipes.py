from __future__ import annotations

from alcove import __version__
from alcove.images import recipes
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
