"""Bring an old ``azds.yaml`` to the newest form.

The file is edited where something changes and nowhere else: comments, layout, quotes and ends of lines stay.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from alcove.config.azds import reading, schema, settings
from alcove.config.azds.nodes import Scalar, Tree
from alcove.config.azds.problems import Problems

_BARE_PREFIX = re.compile(
    r"(?<!\$)\$\(spacePrefix\)(?!\.?\$\(rootSpacePrefix\))(?=\S*(?:\$\(hostSuffix\)|\.))"
)
_ROOTED_PREFIX = "$(spacePrefix)$(rootSpacePrefix)"
_BY_HAND = "write them under 'install' of the same configuration instead, then upgrade again"


class _Edit(NamedTuple):
    start: int
    end: int
    text: str


def upgrade(text: str, *, name: str = "azds.yaml") -> str:
    """Give a file of any age in the form of apiVersion 1.1; one that is of this form comes back as it is.

    * ``apiVersion: 1.1`` takes the place of 1.0, or is added below ``kind``.
    * In hosts in ``install.set``, of the file and of its configurations, ``$(spacePrefix)`` is followed by
      ``$(rootSpacePrefix)``: two roots of one cluster no longer claim the same host. **Public hosts change.**
    * ``container.values`` of a configuration moves to its ``install.values``.

    Values files are not read: hosts in them stay as they are.

    Raises:
        ConfigError: the file is not as it must be, or something cannot be moved without changing its layout.
    """
    mark, text = ("\ufeff", text[1:]) if text.startswith("\ufeff") else ("", text)
    tree, accepted = _checked(text, name)
    version = tree.get("apiVersion")
    if isinstance(version, Scalar) and schema.API_VERSIONS.get(version.value) == schema.NEWEST:
        return mark + text
    root = _positions(accepted, Problems(name))
    upgraded = text
    edits = {*_version(root, text), *_hosts(root, text), *_moved_values(root, text, Problems(name))}
    for edit in sorted(edits, reverse=True):
        upgraded = upgraded[: edit.start] + edit.text + upgraded[edit.end :]
    _checked(upgraded, name)
    return mark + upgraded


def _checked(text: str, name: str) -> tuple[Tree, str]:
    problems = Problems(name)
    content = text.encode("utf-8", "surrogatepass")
    tree, accepted = reading.read_positions(reading.read_text(content, problems), problems)
    settings.check_file(tree, problems)
    problems.check()
    return tree, accepted


def _positions(text: str, problems: Problems) -> Any:
    """Give the library's own tree, which knows where every node begins and ends."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an anchor may be used again: YAML allows it
        try:
            return YAML(typ="safe", pure=True).compose(text)
        except YAMLError as error:
            raise problems.stop(0, "this cannot be upgraded", str(error).partition("\n")[0]) from error


def _version(root: MappingNode, text: str) -> Iterator[_Edit]:
    for key, value in root.value:
        if key.value == "apiVersion":
            yield _Edit(value.start_mark.index, value.end_mark.index, schema.NEWEST)
            return
    key, kind = _entry(root, "kind") or (root, root)
    end = kind.end_mark.index
    if root.flow_style:
        yield _Edit(end, end, f", apiVersion: {schema.NEWEST}")
        return
    place = _line_end(text, end)
    yield _Edit(place, place, f"{_newline(text)}{' ' * key.start_mark.column}apiVersion: {schema.NEWEST}")


def _hosts(root: MappingNode, text: str) -> Iterator[_Edit]:
    for owner in (root, *_configurations(root)):
        found = _path(owner, "install", "set")
        for scalar in _scalars(found) if found else ():
            start, end = scalar.start_mark.index, scalar.end_mark.index
            changed = _BARE_PREFIX.sub(lambda _: _ROOTED_PREFIX, text[start:end])
            if changed != text[start:end]:
                yield _Edit(start, end, changed)


def _moved_values(root: MappingNode, text: str, problems: Problems) -> Iterator[_Edit]:
    for configuration in _configurations(root):
        container = _entry(configuration, "container")
        values = _entry(container[1], "values") if container else None
        if not container or not values or not isinstance(values[1], SequenceNode):
            continue
        install = _entry(configuration, "install")
        if not _can_move(text, configuration, container, values) or (install and not _can_take(install)):
            line = values[0].start_mark.line + 1
            raise problems.stop(
                line, "container.values cannot be moved without changing the layout", _BY_HAND
            )
        yield from _move(text, container, values, install)


_Pair = tuple[Any, Any]


def _can_move(text: str, configuration: Any, container: _Pair, values: _Pair) -> bool:
    flow = configuration.flow_style or container[1].flow_style
    ends = [one.end_mark.index for one in _scalars(values[1])]
    rest = text[max(ends) : _line_end(text, max(ends))] if ends else "x"
    alone = all(_begins_line(text, pair[0]) for pair in (container, values))
    return not flow and alone and (values[1].flow_style or not rest.strip(" \r") or "#" in rest)


def _can_take(install: _Pair) -> bool:
    node = install[1]
    return isinstance(node, MappingNode) and not node.flow_style and not _entry(node, "values")


def _move(text: str, container: _Pair, values: _Pair, install: _Pair | None) -> Iterator[_Edit]:
    start = _line_start(text, values[0].start_mark.index)
    last = (
        values[1].end_mark.index
        if values[1].flow_style
        else max(one.end_mark.index for one in _scalars(values[1]))
    )
    end = min(_line_end(text, last) + len(_newline(text)), len(text))
    block, newline = text[start:end].rstrip("\r\n"), _newline(text)
    if len(container[1].value) == 1:
        after = container[0].end_mark.index
        after = text.index(":", after) + 1
        yield _Edit(after, after, " {}")
    yield _Edit(start, end, "")
    if install:
        first = install[1].value[0][0]
        place = _line_start(text, first.start_mark.index)
        block = _indented(block, first.start_mark.column - values[0].start_mark.column)
        yield _Edit(place, place, block + newline)
    else:
        place = _line_start(text, container[0].start_mark.index)
        heading = " " * container[0].start_mark.column + "install:"
        yield _Edit(place, place, heading + newline + block + newline)


def _indented(block: str, columns: int) -> str:
    lines = block.split("\n")
    if columns >= 0:
        return "\n".join(" " * columns + line if line.strip() else line for line in lines)
    return "\n".join(line.removeprefix(" " * -columns) for line in lines)


def _configurations(root: MappingNode) -> list[MappingNode]:
    found = _path(root, "configurations")
    nodes = [value for _, value in found.value] if isinstance(found, MappingNode) else []
    return [node for node in nodes if isinstance(node, MappingNode)]


def _path(node: Any, *keys: str) -> Any:
    for key in keys:
        entry = _entry(node, key)
        if not entry:
            return None
        node = entry[1]
    return node


def _entry(node: Any, name: str) -> _Pair | None:
    pairs = node.value if isinstance(node, MappingNode) else ()
    return next((pair for pair in pairs if pair[0].value == name), None)


def _scalars(node: Any) -> Iterator[ScalarNode]:
    """Give every scalar below a node once, however often aliases reach it."""
    stack, seen = [node], set()
    while stack:
        one = stack.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, ScalarNode):
            yield one
        elif isinstance(one, SequenceNode):
            stack.extend(one.value)
        elif isinstance(one, MappingNode):
            stack.extend(value for _, value in one.value)


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _line_start(text: str, index: int) -> int:
    return text.rfind("\n", 0, index) + 1


def _line_end(text: str, index: int) -> int:
    """Give where the line's end begins."""
    end = text.find("\n", index)
    end = len(text) if end < 0 else end
    return end - 1 if end > index and text[end - 1] == "\r" else end


def _begins_line(text: str, key: Any) -> bool:
    index = key.start_mark.index
    return not text[_line_start(text, index) : index].strip(" ")
