"""The environment in ``azds.yaml``: ``$NAME``, ``${NAME}``, ``${NAME:-default}``, and ``.env``.

A variable of the shell counts before one of ``.env``. What is not set and has no default is an error: an
empty text in its place would be found much later. ``$$`` is a dollar sign.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from alcove.config.azds.problems import Problems, quoted

FILE_NAME = ".env"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ENTRY = re.compile(r"\s*(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_.-]*)\s*=[ \t]*(?P<value>.*)")
_QUOTED = re.compile(r"""(?:"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>[^']*)')\s*(?:\#.*)?""")
_COMMENT = re.compile(r"(?:^|\s+)#.*")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
_LONGEST = 64 * 1024
"""What variables may bring into one text."""
_MOST = 4 * 1024 * 1024
"""What the texts of one file that have variables may come to."""
_DEEPEST = 8
"""Defaults within defaults."""


def parse_env_file(text: str, problems: Problems) -> dict[str, str]:
    """Give the variables of a ``.env`` file; the last of one name counts.

    Values are taken as they are: nothing is expanded in them. Problems never show a value.
    """
    variables: dict[str, str] = {}
    for number, line in enumerate(text.split("\n"), 1):
        bare = line.strip()
        if not bare or bare.startswith("#"):
            continue
        match = _ENTRY.fullmatch(bare)
        if not match:
            problems.add(number, "this is not NAME=VALUE", "begin comments with #")
            continue
        value = _env_value(match["value"])
        if value is None:
            problems.add(
                number, f"the quote of {match['name']} is not closed on its line, or text follows it"
            )
        else:
            variables[match["name"]] = value
    return variables


def _env_value(text: str) -> str | None:
    if text[:1] not in ("'", '"') or not text:
        return _COMMENT.sub("", text).rstrip()
    match = _QUOTED.fullmatch(text)
    if not match:
        return None
    if match["single"] is not None:
        return match["single"]
    return re.sub(r"\\(.)", lambda escape: _ESCAPES.get(escape[1], escape[1]), match["double"])


class Expander:
    """Replaces variables in texts, and notes those that cannot be."""

    def __init__(self, environment: Mapping[str, str], problems: Problems) -> None:
        """Look variables up in ``environment``."""
        self._environment = environment
        self._problems = problems
        self._room = _MOST

    def expand(self, text: str, *, line: int, where: str, tokens: bool = False) -> str:
        """Give the text with its variables replaced.

        With ``tokens`` the text's ``$(name)`` will be replaced later, so ``$$(`` stays as it is, and a ``$(``
        that a variable brings is marked as meaning nothing.
        """
        if "$" not in text:
            return text
        walk = _Walk(self._environment, tokens, min(self._room, _LONGEST))
        try:
            expanded = walk.expand(text, 0)
        except _UnsetError as error:
            self._problems.add(
                line, f"{where}: the variable {error.name} is not set", _unset_hint(error.name, text)
            )
        except ValueError as error:
            self._problems.add(line, f"{where}: {error}", "write $$ for a dollar sign")
        else:
            self._room -= len(expanded)
            return expanded
        return text


def _unset_hint(name: str, text: str) -> str:
    if f"${name}$" in text:
        return f"${name}$ is a placeholder of a template: write what it stands for"
    return (
        f"set {name} in the shell or in {FILE_NAME} beside the file, give a default (${{{name}:-value}}), "
        f"or write $${name} for the text itself"
    )


class _UnsetError(Exception):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class _Walk:
    def __init__(self, environment: Mapping[str, str], tokens: bool, room: int) -> None:
        self._environment = environment
        self._tokens = tokens
        self._room = room

    def expand(self, text: str, depth: int) -> str:
        parts, position = [], 0
        while (dollar := text.find("$", position)) >= 0:
            parts.append(text[position:dollar])
            piece, position = self._piece(text, dollar, depth)
            self._room -= len(piece)
            if self._room < 0:
                raise ValueError("the environment makes the text too long")
            parts.append(piece)
        return "".join([*parts, text[position:]])

    def _piece(self, text: str, dollar: int, depth: int) -> tuple[str, int]:
        """Give what stands for the text from a dollar sign on, and where it ends."""
        after = text[dollar + 1 : dollar + 2]
        if after == "$":
            escaped_token = self._tokens and text[dollar + 2 : dollar + 3] == "("
            return ("$$(", dollar + 3) if escaped_token else ("$", dollar + 2)
        if after == "{":
            end = _closing(text, dollar + 2)
            return self._braces(text[dollar + 2 : end], depth), end + 1
        match = _NAME.match(text, dollar + 1)
        return (self._variable(match[0]), match.end()) if match else ("$", dollar + 1)

    def _braces(self, inner: str, depth: int) -> str:
        match = _NAME.match(inner)
        rest = inner[match.end() :] if match else ""
        if not match or not (rest == "" or rest.startswith(":-")):
            raise ValueError(f"{quoted('${' + inner + '}')} is neither ${{NAME}} nor ${{NAME:-default}}")
        if not rest:
            return self._variable(match[0])
        if self._environment.get(match[0]):
            return self._variable(match[0])
        if depth >= _DEEPEST:
            raise ValueError("defaults are nested too deeply")
        return self.expand(rest[2:], depth + 1)

    def _variable(self, name: str) -> str:
        value = self._environment.get(name)
        if value is None:
            raise _UnsetError(name)
        return value.replace("$(", "$$(") if self._tokens else value


def _closing(text: str, start: int) -> int:
    """Give where the brace that opens before ``start`` is closed."""
    depth, position = 1, start
    while position < len(text):
        if text.startswith("${", position):
            depth, position = depth + 1, position + 2
            continue
        depth -= text[position] == "}"
        if not depth:
            return position
        position += 1
    raise ValueError("a ${ is not closed")
