"""The tree of a YAML file, its lines and its bounds."""

from __future__ import annotations

import pytest

from alcove.config.azds import ConfigError, reading
from alcove.config.azds.nodes import Items, Node, Scalar, Tree, describe
from alcove.config.azds.problems import MOST_PROBLEMS, Problems, quoted, suggestion
from alcove.config.azds.scalars import resolve_plain


def read(text: str) -> Tree:
    problems = Problems("azds.yaml")
    tree = reading.read_tree(reading.read_text(text.encode(), problems), problems)
    problems.check()
    return tree


def test_every_node_knows_its_line() -> None:
    tree = read("# c\na:\n  b: [1,\n    2]\n\nc: |\n  text\n")
    assert tree.line == 2 and tree.entries["c"].line == 6
    items = tree.get("a", "b")
    assert isinstance(items, Items) and [node.line for node in items.nodes] == [3, 4]


def test_aliases_are_the_node_they_stand_for() -> None:
    tree = read("a: &x {b: 1}\nc: *x\n")
    assert tree.get("c") is tree.get("a")


def test_what_is_long_is_refused_before_it_is_read() -> None:
    with pytest.raises(ConfigError, match="larger than 256 KiB"):
        read("a: " + "x" * reading.LARGEST_FILE)


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "[" * 50_000,
        "a: " + "{a: " * 20_000,
        "- " * 50_000,
        "a: &a [x]\n" + "".join(f"b{i}: &b{i} [*{'a' if not i else f'b{i - 1}'}]\n" for i in range(60)),
    ],
    ids=["brackets", "braces", "dashes", "aliases"],
)
def test_depth_is_bounded(text: str) -> None:
    with pytest.raises(ConfigError, match="nested deeper than 40 levels"):
        read(text)


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [" + "x," * 200 + "]\nb: [" + "*a," * 200 + "]\n",
        "a: &a " + "x" * 100_000 + "\nb: [" + "*a," * 100 + "]\n",
        "a: [" + "x," * 30_000 + "]\n",
    ],
    ids=["lists", "long texts", "items"],
)
def test_size_with_aliases_is_bounded(text: str) -> None:
    with pytest.raises(ConfigError, match="more than 20000 values"):
        read(text)


def test_a_few_tabs_between_parts_are_spaces_and_others_are_told() -> None:
    tree = read("a:\t1\t\n\t# c\nb: 'x\ty'\t# d\n")
    assert tree.get("a") == Scalar(1, "1", 1) and tree.get("b") == Scalar(3, "x\ty", "x\ty", plain=False)
    with pytest.raises(ConfigError, match=r"azds\.yaml:1: a tab stands"):
        read("a: x\ty\n")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", True),
        ("OFF", False),
        ("~", None),
        ("012", 10),
        ("1_0", 10),
        ("1__0", 10),
        ("1.", 1.0),
        ("1e400", "1e400"),
        ("9" * 500, "9" * 500),
        ("y", "y"),
        ("-", "-"),
        ("0x_", "0x_"),
        ("²", "²"),
    ],
)
def test_plain_texts_mean_what_they_mean_to_helm(text: str, value: object) -> None:
    assert resolve_plain(text) == value and type(resolve_plain(text)) is type(value)


@pytest.mark.parametrize(
    ("node", "words"),
    [
        (Tree(1, {}), "a mapping"),
        (Items(1, ()), "a list"),
        (Scalar(1, "", None), "nothing"),
        (Scalar(1, "1", 1), "a number"),
        (Scalar(1, "no", False), "true or false"),
        (Scalar(1, "x", "x"), "a text"),
    ],
)
def test_nodes_in_words(node: Node, words: str) -> None:
    assert describe(node) == words


def test_problems_are_told_in_order_once_and_not_without_end() -> None:
    problems = Problems("f")
    for line in (3, 1, 1, *range(10, 10 + MOST_PROBLEMS)):
        problems.add(line, "bad", "hint")
    error = problems.error()
    assert str(error).splitlines()[:2] == ["f:1: bad", "f:3: bad"] and "f: and 2 more" in str(error)
    assert error.hint == "hint" and len(error.problems) == MOST_PROBLEMS + 2


def test_hints_that_differ_stand_with_their_problem() -> None:
    problems = Problems("f")
    for line, hint in ((1, "x"), (2, "y"), (3, "x"), (4, "")):
        problems.add(line, "bad", hint)
    error = problems.error()
    assert str(error) == "f:1: bad (x)\nf:2: bad (y)\nf:3: bad\nf:4: bad" and not error.hint


def test_words_are_suggested_whatever_their_case() -> None:
    assert suggestion("SYNCTARGET", ["sync", "syncTarget"]) == ", did you mean 'syncTarget'?"
    assert suggestion("zzz", ["sync"]) == ""


def test_texts_in_messages_are_short_and_on_one_line() -> None:
    assert quoted("a\nb\\c") == r"'a\nb\c'" and len(quoted("x" * 500)) < 70
