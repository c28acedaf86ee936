r"""The four tokens that stand for what is only known when a project is installed.

=======================  ==================================  ===============================
token                    in the child ``alice`` of ``dev``   in the root ``dev``
=======================  ==================================  ===============================
``$(tag)``               the tag of the image                the tag of the image
``$(spacePrefix)``       ``alice.s.``                        nothing
``$(rootSpacePrefix)``   ``dev.``                            ``dev.``
``$(hostSuffix)``        ``.SUFFIX``                         ``.SUFFIX``
=======================  ==================================  ===============================

In a space further down it is that space's own name that stands before ``.s.``, and the name of the tree's
root behind it: this is how entry hosts are made everywhere.

The dots belong to the tokens. A dot that somebody wrote beside a token that brings its own is taken for that
one, so ``$(spacePrefix).web.$(hostSuffix)`` has no doubled dots and, in a root, none in front.

``$$(`` is a ``$(`` that means nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from alcove.config.azds.problems import ConfigError, quoted, suggestion

T = TypeVar("T")

TAG, SPACE_PREFIX, ROOT_SPACE_PREFIX, HOST_SUFFIX = "tag", "spacePrefix", "rootSpacePrefix", "hostSuffix"
KNOWN = (TAG, SPACE_PREFIX, ROOT_SPACE_PREFIX, HOST_SUFFIX)
DEEPEST = 200
"""Trees that are nested deeper are not walked."""

_TOKEN = re.compile(
    r"""
    (?P<escape> \$\$\( )
  | (?P<dot> \. (?=\$\(hostSuffix\)) )
  | \$\( (?P<name> [A-Za-z0-9_.-]* ) \)
    """,
    re.VERBOSE,
)
_OWN_DOT = frozenset({SPACE_PREFIX, ROOT_SPACE_PREFIX})


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the tokens stand for; prefixes end with a dot or are empty, the suffix begins with one."""

    tag: str
    space_prefix: str
    root_space_prefix: str
    host_suffix: str

    def value(self, name: str) -> str | None:
        """Give what a token stands for, None for a name that is none."""
        values = {
            TAG: self.tag,
            SPACE_PREFIX: self.space_prefix,
            ROOT_SPACE_PREFIX: self.root_space_prefix,
            HOST_SUFFIX: self.host_suffix,
        }
        return values.get(name)


def make_tokens(tag: str, space: str, root: str, suffix: str) -> Tokens:
    """Give the tokens for a space of the tree below ``root``; ``suffix`` with or without its first dot."""
    bare = suffix.strip(".")
    return Tokens(
        tag=tag,
        space_prefix="" if space == root else f"{space}.s.",
        root_space_prefix=f"{root}.",
        host_suffix=f".{bare}" if bare else "",
    )


def expand_tokens(tree: T, tokens: Tokens) -> T:
    """Give a tree of plain values, or one text, with its tokens replaced; keys stay as they are.

    Raises:
        ConfigError: a text has a ``$(name)`` that is no token.
    """
    found: T = _map_texts(tree, lambda text, path: _expand(text, tokens, path))
    return found


def expand_values(text: str, tokens: Tokens) -> str:
    """Give the text of a values file with its tokens replaced.

    Charts pass ``$(NAME)`` on to Kubernetes, which has a meaning for it, and the same file may be used
    without Alcove: so here other names stay as they are, ``$$(`` too.
    """

    def replace(match: re.Match[str]) -> str:
        value = tokens.value(match["name"] or "")
        return match[0] if match["escape"] or value is None else value

    return _replace(text, replace)


def find_tokens(tree: Any) -> frozenset[str]:
    """Give the names of everything in a tree or text that looks like a token."""
    found: set[str] = set()

    def collect(text: str, _path: str) -> str:
        found.update(match["name"] for match in _TOKEN.finditer(text) if match["name"] is not None)
        return text

    _map_texts(tree, collect)
    return frozenset(found)


def unknown_token(name: str) -> tuple[str, str]:
    """Give what to say about a name that is no token, and what to do."""
    listed = ", ".join(f"$({known})" for known in KNOWN)
    return (
        f"unknown token {quoted(f'$({name})')}{suggestion(name, KNOWN, '$({})')}",
        f"the tokens are {listed}; write $$( for a $( that shall stay",
    )


def _expand(text: str, tokens: Tokens, path: str) -> str:
    def replace(match: re.Match[str]) -> str:
        if match["escape"]:
            return "$("
        value = tokens.value(match["name"])
        if value is None:
            message, hint = unknown_token(match["name"])
            raise ConfigError(f"{path}: {message}" if path else message, hint=hint)
        return value

    return _replace(text, replace)


def _replace(text: str, replace: Callable[[re.Match[str]], str]) -> str:
    """Replace every token, and leave out dots that a token brings itself."""
    parts, end = [], 0
    for match in _TOKEN.finditer(text):
        parts.append(text[end : match.start()])
        end = match.end()
        if match["dot"]:
            continue
        value = replace(match)
        meets = match["name"] == HOST_SUFFIX and "".join(parts).endswith(".")
        parts.append(value.removeprefix(".") if meets else value)
        if match["name"] in _OWN_DOT and text[end : end + 1] == ".":
            end += 1
    return "".join([*parts, text[end:]])


def _map_texts(tree: Any, change: Callable[[str, str], str], path: str = "", depth: int = 0) -> Any:
    if isinstance(tree, str):
        return change(tree, path)
    if not isinstance(tree, dict | list | tuple):
        return tree
    if depth >= DEEPEST:
        raise ConfigError(f"{path[:60]}...: it is nested deeper than {DEEPEST} levels")
    if isinstance(tree, dict):
        return {
            key: _map_texts(value, change, f"{path}.{key}".lstrip("."), depth + 1)
            for key, value in tree.items()
        }
    return [_map_texts(value, change, f"{path}[{index}]", depth + 1) for index, value in enumerate(tree)]
