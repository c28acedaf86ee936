"""What the four tokens stand for, and where."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.config.azds import ConfigError
from alcove.config.azds.tokens import Tokens, expand_tokens, expand_values, find_tokens, make_tokens
from alcove.model import RouteKey
from alcove.spaces import hosts

ROOT = make_tokens("s1-1", "default", "default", "xyz.eus.azds.io")
CHILD = make_tokens("s1-1", "azureuser", "default", ".xyz.eus.azds.io")
GRANDCHILD = make_tokens("s1-1", "alice", "default", ".xyz.eus.azds.io.")
PATTERN = "$(spacePrefix)$(rootSpacePrefix)web$(hostSuffix)"

texts = st.text(st.sampled_from("$().ab{}") | st.characters(), max_size=30) | st.lists(
    st.sampled_from(["$(tag)", "$(spacePrefix)", "$(hostSuffix)", "$(x)", "$$(", "$$", ".", "$(", "a", ")"])
).map("".join)


def test_the_tokens_are_made_of_the_space_and_the_root_of_its_tree() -> None:
    assert Tokens("s1-1", "", "default.", ".xyz.eus.azds.io") == ROOT
    assert Tokens("s1-1", "azureuser.s.", "default.", ".xyz.eus.azds.io") == CHILD
    assert GRANDCHILD.space_prefix == "alice.s." and GRANDCHILD.host_suffix == ".xyz.eus.azds.io"


def test_without_a_gateway_there_is_no_suffix() -> None:
    assert make_tokens("t", "dev", "dev", "").host_suffix == ""


@pytest.mark.parametrize(
    ("pattern", "in_root", "in_child"),
    [
        (PATTERN, "default.web.xyz.eus.azds.io", "azureuser.s.default.web.xyz.eus.azds.io"),
        ("$(spacePrefix)web$(hostSuffix)", "web.xyz.eus.azds.io", "azureuser.s.web.xyz.eus.azds.io"),
        (
            "$(spacePrefix).$(rootSpacePrefix).web.$(hostSuffix)",
            "default.web.xyz.eus.azds.io",
            "azureuser.s.default.web.xyz.eus.azds.io",
        ),
        ("$(spacePrefix)$(rootSpacePrefix)web.my.io", "default.web.my.io", "azureuser.s.default.web.my.io"),
        ("$(rootSpacePrefix)$(hostSuffix)", "default.xyz.eus.azds.io", "default.xyz.eus.azds.io"),
        ("web:$(tag)", "web:s1-1", "web:s1-1"),
        ("$$(tag) $(tag)", "$(tag) s1-1", "$(tag) s1-1"),
        ("a.$(tag).b", "a.s1-1.b", "a.s1-1.b"),
        ("$5 $HOME $( $()$", None, None),
    ],
)
def test_expansion(pattern: str, in_root: str | None, in_child: str | None) -> None:
    if in_root is None:
        with pytest.raises(ConfigError, match="unknown token"):
            expand_tokens(pattern, ROOT)
        return
    assert (expand_tokens(pattern, ROOT), expand_tokens(pattern, CHILD)) == (in_root, in_child)


@pytest.mark.parametrize(("tokens", "key"), [(ROOT, None), (CHILD, "azureuser"), (GRANDCHILD, "alice")])
def test_the_generated_host_is_the_entry_host_of_the_space(tokens: Tokens, key: str | None) -> None:
    route_key = RouteKey(key) if key else None
    expected = hosts.render_host("default.web.xyz.eus.azds.io", route_key)
    assert expand_tokens(PATTERN, tokens) == expected
    assert hosts.parse_host(expected).key == route_key


def test_only_texts_change_and_only_values() -> None:
    tree: dict[str, Any] = {"$(tag)": ["$(tag)", 1, 1.5, True, None, {"x": "-$(tag)-"}]}
    assert expand_tokens(tree, ROOT) == {"$(tag)": ["s1-1", 1, 1.5, True, None, {"x": "-s1-1-"}]}
    assert tree["$(tag)"][0] == "$(tag)"


def test_an_unknown_token_is_told_with_its_place_and_what_was_meant() -> None:
    with pytest.raises(ConfigError, match=r"a\.b\[0\]: unknown token .*did you mean '\$\(hostSuffix\)'"):
        expand_tokens({"a": {"b": ["$(hostsuffix)"]}}, ROOT)


def test_a_tree_without_end_is_refused() -> None:
    tree: list[Any] = []
    tree.append(tree)
    with pytest.raises(ConfigError, match="nested deeper"):
        expand_tokens(tree, ROOT)


def test_in_values_files_other_names_stay() -> None:
    text = "a: $(POD_IP)\nb: $$(tag)\nc: $(tag)\nhost: $(spacePrefix).x.$(hostSuffix)\n"
    expected = "a: $(POD_IP)\nb: $$(tag)\nc: s1-1\nhost: x.xyz.eus.azds.io\n"
    assert expand_values(text, ROOT) == expected


def test_names_are_found_but_not_the_escaped_ones() -> None:
    assert find_tokens({"a": ["$(tag)", "$$(no)"], "b": "$(x.y)", "c": 1}) == {"tag", "x.y"}


@given(texts)
def test_any_text_expands_or_is_refused(text: str) -> None:
    try:
        expanded = expand_tokens(text, CHILD)
    except ConfigError:
        return
    assert "$" in text or expanded == text
    assert "s1-1" in expanded or not any(name == "tag" for name in find_tokens(text))


@given(texts)
def test_any_values_text_expands(text: str) -> None:
    expanded = expand_values(text, CHILD)
    assert expanded == text or find_tokens(text) & {"tag", "spacePrefix", "hostSuffix"}


@given(st.text(max_size=30))
def test_what_is_escaped_comes_back(text: str) -> None:
    wanted = text.replace("$", "").replace("(", "$(")
    assert expand_tokens(wanted.replace("$(", "$$("), CHILD) == wanted
