"""From the bytes of a YAML file to its tree; whatever they are, the worst that comes is a ``ConfigError``.

The file is read event by event and its tree is built here, because bounds must hold while it is read: how
long it is, how deep it is nested, and how much it grows when its aliases are followed.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml import events as yaml_events
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from alcove.config.azds.nodes import Entry, Items, Node, Scalar, Tree, describe
from alcove.config.azds.problems import ConfigError, Problems, quoted
from alcove.config.azds.scalars import resolve_plain

LARGEST_FILE = 256 * 1024
DEEPEST = 40
_MOST_TABS = 30
"""Each costs another reading."""
MOST_NODES = 20_000
"""Counted with everything that aliases repeat; long texts count as several."""

_TAGS = "tag:yaml.org,2002:"
_SCALAR_TYPES: Mapping[str, tuple[type, ...]] = {
    "null": (type(None),),
    "bool": (bool,),
    "int": (int,),
    "float": (int, float),
}
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")
_UNQUOTED_PATTERN = re.compile(r"(?:^|[\[,\s])([!*][^\s,]*)")
_QUOTE_PATTERNS = 'a text that begins with ! or * needs quotes: "**/*.html", "!**/*.csproj"'
_FOREIGN = (YAMLError, ValueError, ArithmeticError, LookupError, AttributeError, TypeError, AssertionError)
"""What the YAML library has been seen to raise for damaged files."""


def read_text(content: bytes, problems: Problems) -> str:
    """Give the text of a file: UTF-8, with or without a byte order mark, with any ends of lines.

    Raises:
        ConfigError: it is not text, or too long.
    """
    if len(content) > LARGEST_FILE:
        raise problems.stop(0, f"the file is larger than {LARGEST_FILE // 1024} KiB")
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise problems.stop(1, "the file is UTF-16", "save it as UTF-8")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise problems.stop(line, "this is not UTF-8", "save the file as UTF-8") from error
    if match := _UNPRINTABLE.search(text):
        shown = match[0].encode("unicode_escape").decode()
        raise problems.stop(text.count("\n", 0, match.start()) + 1, f"there is a control character ({shown})")
    return text


def read_tree(text: str, problems: Problems) -> Tree:
    """Give the tree of a file whose top is a mapping; keys that are there twice are noted in ``problems``.

    Raises:
        ConfigError: it is not YAML, or exceeds a bound, or its top is something else.
    """
    return read_positions(text, problems)[0]


def read_positions(text: str, problems: Problems) -> tuple[Tree, str]:
    """Give the tree as ``read_tree``, and a text of the same length that the YAML library takes as well.

    Raises:
        ConfigError: as ``read_tree``.
    """
    node, accepted = _compose(text, problems, _MOST_TABS)
    if node is None or (isinstance(node, Scalar) and node.value is None):
        raise problems.stop(1, "the file is empty", "remove it and run 'alcove prep', which writes a new one")
    if not isinstance(node, Tree):
        raise problems.stop(
            node.line, f"expected properties like 'kind: helm-release', found {describe(node)}"
        )
    return node, accepted


def _compose(text: str, problems: Problems, tabs: int) -> tuple[Node | None, str]:
    try:
        return _Composer(text, problems).compose(), text
    except ConfigError:
        raise
    except MarkedYAMLError as error:
        spaced = _without_tab(text, error) if tabs else None
        if spaced is None:
            raise _syntax(error, text, problems) from error
    except _FOREIGN as error:
        raise problems.stop(0, "this is not YAML", str(error).partition("\n")[0]) from error
    return _compose(spaced, problems, tabs - 1)


def _without_tab(text: str, error: MarkedYAMLError) -> str | None:
    """Give the text without the tab that stopped the library, None if that tab matters.

    Between two parts of a line a tab is as good as a space, says YAML; the library does not think so.
    """
    index = error.problem_mark.index if error.problem_mark else 0
    before = text[text.rfind("\n", 0, index) + 1 : index].rstrip(" ")
    rest = text[index:].lstrip(" \t")
    ends = rest[:1] in ("", "\r", "\n", "#")
    if not text.startswith("\t", index) or not (ends or before.endswith((*":-,[{\"'",))):
        return None
    return text[:index] + " " * (len(text) - index - len(rest)) + rest


def _syntax(error: MarkedYAMLError, text: str, problems: Problems) -> ConfigError:
    at_end = "<stream end>" in (error.problem or "") or "end of stream" in (error.problem or "")
    mark = (error.context_mark if at_end else None) or error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 0
    lines = text.splitlines()
    source = lines[line - 1] if 0 < line <= len(lines) else ""
    if "'\\t'" in (error.problem or "") or "\t" in source[: len(source) - len(source.lstrip())]:
        return problems.stop(line, "a tab stands where YAML takes only spaces", "indent with spaces")
    if _UNQUOTED_PATTERN.search(source):
        return problems.stop(line, "this is not YAML", _QUOTE_PATTERNS)
    if "quoted scalar" in (error.context or ""):
        return problems.stop(line, "this is not YAML: the quote that begins here is not closed")
    said = " ".join(part for part in (error.problem, error.context) if part)
    begin = error.context_mark.line + 1 if error.context_mark else line
    origin = f" that begins in line {begin}" if begin != line else ""
    return problems.stop(line, f"this is not YAML: {said}{origin}")


class _Composer:
    """Builds the tree out of the parser's events."""

    def __init__(self, text: str, problems: Problems) -> None:
        self._events: Iterator[Any] = iter(YAML(typ="safe", pure=True).parse(text))
        self._problems = problems
        self._count = 0
        self._anchors: dict[str, tuple[Node, int, int]] = {}
        self._open: set[str] = set()

    def compose(self) -> Node | None:
        """Give the one document of the stream, None when there is none."""
        node: Node | None = None
        documents = 0
        for event in self._events:
            if isinstance(event, yaml_events.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self._problems.stop(_line(event), "a second document begins here", "keep one")
            elif isinstance(event, yaml_events.NodeEvent):
                node, _ = self._node(event, 0)
        return node

    def _node(self, event: Any, depth: int) -> tuple[Node, int]:
        """Give a node and its height."""
        if depth > DEEPEST:
            raise self._problems.stop(_line(event), f"this is nested deeper than {DEEPEST} levels")
        if isinstance(event, yaml_events.AliasEvent):
            return self._alias(event, depth)
        before = self._count
        self._grow(_size(event), event)
        if anchor := event.anchor:
            self._open.add(anchor)
        node, height = self._content(event, depth)
        if anchor:
            self._open.discard(anchor)
            self._anchors[anchor] = (node, height, self._count - before)
        return node, height

    def _content(self, event: Any, depth: int) -> tuple[Node, int]:
        if isinstance(event, yaml_events.ScalarEvent):
            return self._scalar(event), 0
        if isinstance(event, yaml_events.SequenceStartEvent):
            self._check_tag(event, "seq")
            return self._items(event, depth)
        self._check_tag(event, "map")
        return self._tree(event, depth)

    def _grow(self, count: int, event: Any) -> None:
        self._count += count
        if self._count > MOST_NODES:
            raise self._problems.stop(
                _line(event), f"the file has more than {MOST_NODES} values when its aliases are followed"
            )

    def _alias(self, event: Any, depth: int) -> tuple[Node, int]:
        name = event.anchor
        if name in self._open:
            raise self._problems.stop(_line(event), f"*{name} stands inside of what it stands for")
        if name not in self._anchors:
            hint = _QUOTE_PATTERNS if set("*/{.") & set(name) else f"mark what it stands for with &{name}"
            raise self._problems.stop(_line(event), f"nothing is marked with {quoted('&' + name)}", hint)
        node, height, size = self._anchors[name]
        self._grow(size, event)
        if depth + height > DEEPEST:
            raise self._problems.stop(_line(event), f"this is nested deeper than {DEEPEST} levels")
        return node, height

    def _items(self, start: Any, depth: int) -> tuple[Node, int]:
        nodes, height = [], 0
        for event in self._events:
            if isinstance(event, yaml_events.SequenceEndEvent):
                break
            node, below = self._node(event, depth + 1)
            nodes.append(node)
            height = max(height, below + 1)
        return Items(_line(start), tuple(nodes)), height

    def _tree(self, start: Any, depth: int) -> tuple[Node, int]:
        entries: dict[str, Entry] = {}
        merged: list[Tree] = []
        height = 0
        for event in self._events:
            if isinstance(event, yaml_events.MappingEndEvent):
                break
            key = self._key(event)
            node, below = self._node(next(self._events), depth + 1)
            height = max(height, below + 1)
            if key == "<<" and not event.style:
                merged += self._merge(node, event)
            elif key in entries:
                first = entries[key].line
                self._problems.add(_line(event), f"{quoted(key)} is here twice: first in line {first}")
            else:
                entries[key] = Entry(_line(event), key, node)
        for tree in merged:
            entries = {**tree.entries, **entries}
        return Tree(_line(start), entries), height

    def _key(self, event: Any) -> str:
        if isinstance(event, yaml_events.ScalarEvent) and not event.anchor:
            scalar = self._scalar(event)
            self._grow(_size(event), event)
            if scalar.value is not None:
                return scalar.text
            raise self._problems.stop(scalar.line, "a name is missing before the colon")
        hint = "put quotes around a text that begins with { or [" if _is_flow(event) else ""
        raise self._problems.stop(_line(event), "the name of a property must be a plain text", hint)

    def _merge(self, node: Node, event: Any) -> list[Tree]:
        trees = node.nodes if isinstance(node, Items) else (node,)
        found = [tree for tree in trees if isinstance(tree, Tree)]
        if len(found) != len(trees):
            raise self._problems.stop(_line(event), "<< takes a mapping, or a list of them")
        return found

    def _scalar(self, event: Any) -> Scalar:
        line, text, tag = _line(event), event.value, _tag(event)
        if any("\ud800" <= character <= "\udfff" for character in text):
            self._problems.add(line, "an escape stands for half a character")
            text = text.encode("utf-8", "replace").decode()
        plain = not event.style
        value = resolve_plain(text) if plain and tag != "!" else text
        if tag.startswith(_TAGS):
            name = tag.removeprefix(_TAGS)
            value = text if name == "str" else resolve_plain(text)
            if name == "str" or isinstance(value, _SCALAR_TYPES.get(name, ())):
                return Scalar(line, text, value, plain)
        if tag not in ("", "!"):
            hint = _QUOTE_PATTERNS if set("*/{.") & set(tag) and ":" not in tag else ""
            self._problems.add(line, f"the tag {quoted(tag)} has no meaning here", hint)
            value = text
        return Scalar(line, text, value, plain)

    def _check_tag(self, event: Any, expected: str) -> None:
        tag = _tag(event)
        if tag not in ("", "!", _TAGS + expected):
            self._problems.add(_line(event), f"the tag {quoted(tag)} has no meaning here")


def _tag(event: Any) -> str:
    return str(event.tag or "")


def _size(event: Any) -> int:
    return 1 + len(getattr(event, "value", None) or "") // 100


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _is_flow(event: Any) -> bool:
    return bool(getattr(event, "flow_style", False))
