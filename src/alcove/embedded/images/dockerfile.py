"""Dockerfiles, read into stages of instructions. Pure; every error says where and what is wrong.

Variables are not put in here: their values depend on what runs before.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from alcove.errors import AlcoveError

_FLAGS: Mapping[str, frozenset[str]] = {
    "FROM": frozenset({"platform"}),
    "COPY": frozenset({"from", "chown", "chmod", "link"}),
    "ADD": frozenset({"chown", "chmod", "link"}),
    "RUN": frozenset({"mount", "network", "security"}),
    "HEALTHCHECK": frozenset({"interval", "timeout", "start-period", "start-interval", "retries"}),
}
_KEYWORDS = frozenset(
    (
        *("ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL"),
        *("MAINTAINER", "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"),
    )
)
_WITHOUT_VALUE = frozenset({"CMD", "ENTRYPOINT"})
_WITH_LISTS = frozenset({"ADD", "CMD", "COPY", "ENTRYPOINT", "RUN", "SHELL", "VOLUME"})
_WITH_HEREDOCS = frozenset({"ADD", "COPY", "RUN"})
_DIRECTIVE = re.compile(r"#\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(\S*)\s*")
_FLAG = re.compile(r"--([a-z][a-z-]*)(?:=(\S*))?(?:\s+|$)")
_HEREDOC = re.compile(r"(?<!\S)\d*<<(-?)(['\"]?)([A-Za-z_][A-Za-z0-9_.]*)\2(?=\s|$)")
_STAGE_NAME = re.compile(r"[a-z][a-z0-9_.-]*")
_FROM = re.compile(r"(\S+)(?:\s+[Aa][Ss]\s+(\S+))?")


@dataclass(frozen=True, slots=True)
class Heredoc:
    """A text that stands below the instruction which uses it."""

    name: str
    content: str
    expanded: bool
    """Whether variables are put in (its name was not quoted)."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction."""

    line: int
    keyword: str
    text: str
    """What follows the keyword and flags, on one line."""
    flags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    items: tuple[str, ...] | None = None
    """The list, when ``text`` is in JSON form."""
    heredocs: tuple[Heredoc, ...] = ()

    def __str__(self) -> str:
        """Give it as it is shown in a build's output."""
        flags = [f"--{name}={value} " for name, values in self.flags.items() for value in values]
        return f"{self.keyword} {''.join(flags)}{self.text}".rstrip()

    def flag(self, name: str) -> str:
        """Give the last value of a flag, empty when it is not there."""
        return self.flags.get(name, ("",))[-1]


@dataclass(frozen=True, slots=True)
class Stage:
    """What begins with FROM."""

    start: Instruction
    base: str
    name: str
    """After AS, in lower case; empty when it has none."""
    instructions: tuple[Instruction, ...]


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """A whole file; it has at least one stage."""

    file: str
    escape: str
    arguments: tuple[Instruction, ...]
    """The ARGs before the first FROM."""
    stages: tuple[Stage, ...]


def parse_dockerfile(content: bytes, file: str) -> Dockerfile:
    """Read a Dockerfile; ``file`` is its name in errors.

    Raises:
        AlcoveError: ``file:line: what is wrong``.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise AlcoveError(f"{file}:{line}: this is no UTF-8 text") from error
    parsing = _Parsing(text.replace("\r\n", "\n").split("\n"), file)
    return parsing.dockerfile()


class _Parsing:
    def __init__(self, lines: list[str], file: str) -> None:
        self._lines = lines
        self._file = file
        self._at = 0
        self._escape = "\\"

    def _fail(self, line: int, what: str) -> AlcoveError:
        return AlcoveError(f"{self._file}:{line}: {what}")

    def dockerfile(self) -> Dockerfile:
        self._read_directives()
        arguments: list[Instruction] = []
        starts: list[tuple[Instruction, str, str]] = []
        bodies: list[list[Instruction]] = []
        for instruction in self._instructions():
            if instruction.keyword == "FROM":
                starts.append((instruction, *self._from(instruction, [name for _, _, name in starts])))
                bodies.append([])
            elif starts:
                bodies[-1].append(instruction)
            elif instruction.keyword == "ARG":
                arguments.append(instruction)
            else:
                what = f"{instruction.keyword} stands before the first FROM"
                raise self._fail(instruction.line, what)
        if not starts:
            raise self._fail(max(len(self._lines) - 1, 1), "there is no FROM")
        stages = tuple(Stage(*start, tuple(body)) for start, body in zip(starts, bodies, strict=True))
        return Dockerfile(self._file, self._escape, tuple(arguments), stages)

    def _read_directives(self) -> None:
        for number, line in enumerate(self._lines, 1):
            directive = _DIRECTIVE.fullmatch(line.strip())
            if directive is None:
                return
            if directive[1].lower() == "escape":
                if directive[2] not in ("\\", "`"):
                    raise self._fail(number, f"the escape character is \\ or `, not {directive[2]!r}")
                self._escape = directive[2]

    def _from(self, instruction: Instruction, taken: list[str]) -> tuple[str, str]:
        found = _FROM.fullmatch(instruction.text)
        if found is None:
            raise self._fail(instruction.line, "FROM has the form: FROM image [AS name]")
        name = (found[2] or "").lower()
        if name and not _STAGE_NAME.fullmatch(name):
            raise self._fail(instruction.line, f"{found[2]!r} is no name for a stage")
        if name and name in taken:
            raise self._fail(instruction.line, f"another stage is called {name!r} too")
        return found[1], name

    # -------------------------------------------------------------------------- logical lines

    def _instructions(self) -> Iterator[Instruction]:
        while self._at < len(self._lines):
            number, first = self._at + 1, self._lines[self._at].strip()
            if not first or first.startswith("#"):
                self._at += 1
            elif text := self._logical_line():
                yield self._instruction(number, text)

    def _logical_line(self) -> str:
        """Join a line with those that continue it; blank lines and comments between them do not count."""
        joined = ""
        while self._at < len(self._lines):
            line = self._lines[self._at]
            self._at += 1
            stripped = line.strip()
            if stripped.startswith("#") or (joined and not stripped):
                continue
            ended = line.rstrip()
            if not ended.endswith(self._escape):
                joined += ended
                break
            joined += ended[:-1]
        return joined.strip()

    def _instruction(self, number: int, text: str) -> Instruction:
        word, *after = text.split(None, 1)
        keyword, rest = word.upper(), after[0] if after else ""
        if keyword not in _KEYWORDS:
            near = difflib.get_close_matches(keyword[:40], sorted(_KEYWORDS), 1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            raise self._fail(number, f"unknown instruction: {keyword[:40]}{hint}")
        flags, rest = self._flags(number, keyword, rest)
        heredocs = self._heredocs(number, rest) if keyword in _WITH_HEREDOCS else ()
        if not rest and keyword not in _WITHOUT_VALUE:
            raise self._fail(number, f"{keyword} needs something after it")
        items = self._items(number, keyword, rest)
        return Instruction(number, keyword, rest, flags, items, heredocs)

    def _flags(self, number: int, keyword: str, rest: str) -> tuple[dict[str, tuple[str, ...]], str]:
        flags: dict[str, tuple[str, ...]] = {}
        while keyword in _FLAGS and (found := _FLAG.match(rest)):
            name, value = found[1], found[2]
            if name not in _FLAGS[keyword]:
                raise self._fail(number, f"{keyword} --{name} is not known here")
            flags[name] = (*flags.get(name, ()), "true" if value is None else value)
            rest = rest[found.end() :]
        return flags, rest

    def _heredocs(self, number: int, text: str) -> tuple[Heredoc, ...]:
        found = []
        for mark in _HEREDOC.finditer(text):
            lines = []
            while True:
                if self._at >= len(self._lines):
                    raise self._fail(number, f"the text <<{mark[3]} does not end with a line {mark[3]}")
                line = self._lines[self._at]
                self._at += 1
                line = line.lstrip("\t") if mark[1] else line
                if line == mark[3]:
                    break
                lines.append(f"{line}\n")
            found.append(Heredoc(mark[3], "".join(lines), not mark[2]))
        return tuple(found)

    def _items(self, number: int, keyword: str, text: str) -> tuple[str, ...] | None:
        if keyword in _WITH_LISTS and text.startswith("["):
            try:
                items = json.loads(text)
            except (ValueError, RecursionError):
                items = None
            if isinstance(items, list) and all(isinstance(item, str) for item in items):
                return tuple(items)
        if keyword == "SHELL":
            raise self._fail(number, 'SHELL needs a list, as in: SHELL ["/bin/bash", "-c"]')
        return None
