"""Patterns of paths in the three ways of writing that users know: Git's, Docker's and that of ``sync`` lists.

A ``Glob`` matches one path, never what is below it: what follows for the inside of a directory is up to those
who ask. Besides, it knows whether it could match something below a directory, so that a directory nobody can
mean needs not be walked.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from functools import cached_property

_POSIX = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "blank": r" \t",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": r"\x21-\x7e",
    "lower": "a-z",
    "print": r"\x20-\x7e",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\s",
    "upper": "A-Z",
    "xdigit": "0-9a-fA-F",
}
_NEVER = r"(?!)"
_WILD = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class Glob:
    """One pattern; ``segments`` are regular expressions of names, None for any number of names."""

    regex: str
    segments: tuple[str | None, ...]

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        """What a path as a whole must match."""
        return re.compile(self.regex, re.DOTALL)

    @property
    def name_regex(self) -> str | None:
        """What the last name of a path must match, if nothing else matters."""
        return self.segments[1] if len(self.segments) == 2 and self.segments[0] is None else None

    @cached_property
    def is_universal(self) -> bool:
        """Whether it names nothing: ``*`` or ``**``."""
        return all(one in (None, "[^/]*", "[^/]+") for one in self.segments)

    def reaches_below(self, directory: str, *, anywhere: bool) -> bool:
        """Tell whether it could match a path inside a directory.

        Unless ``anywhere``, a pattern that may begin at any depth counts only if it names something of the
        way to the directory: ``**/bin/keep`` reaches below ``x/bin`` and not below ``node_modules``.
        """
        states = self._closure({0})
        floating = bool(self.segments) and self.segments[0] is None
        for name in directory.split("/") if directory else ():
            states = self._closure(self._step(states, name))
        states.discard(len(self.segments))
        if floating and not anywhere:
            states -= {0, 1}
        return bool(states)

    def _closure(self, states: set[int]) -> set[int]:
        found = set(states)
        for state in states:
            while state < len(self.segments) and self.segments[state] is None:
                state += 1
                found.add(state)
        return found

    def _step(self, states: set[int], name: str) -> set[int]:
        after = set()
        for state in states:
            if state < len(self.segments):
                segment = self.segments[state]
                if segment is None:
                    after.add(state)
                elif re.fullmatch(segment, name, re.DOTALL):
                    after.add(state + 1)
        return after


def git_glob(pattern: str) -> Glob:
    """Translate a pattern of gitignore, without its ``!`` and its last slash, for paths below its file."""
    if "/" not in pattern:
        return _joined(["**", pattern], literal_stars=True)
    return _joined(pattern.removeprefix("/").split("/"))


def sync_globs(pattern: str) -> list[Glob]:
    """Translate a pattern with braces, for paths relative to the project.

    One that ends with a plain name means the directory of that name too, and so whatever is in it.
    """
    globs = []
    for plain in _expand(pattern.replace("\\", "/")):
        names = [name for name in plain.split("/") if name not in ("", ".")]
        if not names:
            continue
        globs.append(_joined(names))
        if plain.endswith("/") or not _WILD.search(names[-1]):
            globs.append(_joined([*names, "**"]))
    return globs


def docker_glob(pattern: str) -> Glob:
    """Translate a cleaned pattern of ``.dockerignore``: ``**`` may be anywhere in it."""
    regex, at = "", 0
    while at < len(pattern):
        if pattern.startswith("**", at):
            at += 2
            if pattern.startswith("/", at):
                at += 1
            regex += "(?:.*/)?" if at < len(pattern) else ".*"
            continue
        part, at = _character(pattern, at, negations="^")
        regex += part
    return Glob(regex, tuple(_docker_segments(pattern.split("/"))))


def _docker_segments(names: list[str]) -> list[str | None]:
    """Translate names as far as they are names: from a ``**`` inside of one on, anything may follow."""
    segments: list[str | None] = []
    for name in names:
        start, stars, _ = name.partition("**")
        if stars and name != "**":
            return [*segments, *([_segment(start + "*", negations="^")] if start else []), None]
        segments.append(None if stars else _segment(name, negations="^"))
    return segments


def _joined(names: list[str], *, literal_stars: bool = False) -> Glob:
    """Join the names of a pattern; ``**`` alone stands for any number of directories."""
    regex = ""
    segments: list[str | None] = []
    last = len(names) - 1
    for number, name in enumerate(names):
        if len(name) > 1 and not name.strip("*") and not (literal_stars and number):
            segments.append(None)
            regex += ".+" if number == last else "(?:.+/)?"
        else:
            segments.append(_segment(name))
            regex += f"{segments[-1]}" + ("/" if number < last else "")
    return Glob(regex, tuple(segments))


def _segment(pattern: str, *, negations: str = "!^") -> str:
    regex, at = "", 0
    while at < len(pattern):
        if pattern[at] == "*":
            at += 1
            if not regex.endswith("[^/]*"):
                regex += "[^/]*"
        else:
            part, at = _character(pattern, at, negations=negations)
            regex += part
    return regex or _NEVER


def _character(pattern: str, at: int, *, negations: str) -> tuple[str, int]:
    """Translate what is at a place; give the place after it too."""
    character = pattern[at]
    if character == "*":
        return "[^/]*", at + 1
    if character == "?":
        return "[^/]", at + 1
    if character == "\\":
        return (re.escape(pattern[at + 1]), at + 2) if at + 1 < len(pattern) else (_NEVER, at + 1)
    if character == "[":
        return _bracket(pattern, at + 1, negations)
    return re.escape(character), at + 1


def _bracket(pattern: str, at: int, negations: str) -> tuple[str, int]:
    """Translate ``[a-z]``; one that does not end matches nothing."""
    negated = at < len(pattern) and pattern[at] in negations
    at += negated
    members: list[str] = []
    first = True
    while at < len(pattern) and (first or pattern[at] != "]"):
        first = False
        if pattern.startswith("[:", at) and (end := pattern.find(":]", at)) >= 0:
            members.append(_POSIX.get(pattern[at + 2 : end], ""))
            at = end + 2
            continue
        low, at = _member(pattern, at)
        if pattern.startswith("-", at) and at + 1 < len(pattern) and pattern[at + 1] != "]":
            high, at = _member(pattern, at + 1)
            members.append(f"{re.escape(low)}-{re.escape(high)}" if low <= high else re.escape(low))
        else:
            members.append(re.escape(low))
    if at >= len(pattern):
        return _NEVER, len(pattern)
    inside = "".join(members)
    if not inside:
        return ("[^/]" if negated else _NEVER), at + 1
    return f"(?!/)[{'^' if negated else ''}{inside}]", at + 1


def _member(pattern: str, at: int) -> tuple[str, int]:
    if pattern[at] == "\\" and at + 1 < len(pattern):
        at += 1
    return pattern[at], at + 1


_MOST_BRACES = 1000


def _expand(pattern: str) -> list[str]:
    """Give the patterns that braces stand for; braces that do not pair are themselves.

    Raises:
        ValueError: they stand for too many.
    """
    start, end = _braces(pattern)
    if start < 0:
        return [pattern]
    heads = [pattern[:start] + choice for choice in _choices(pattern[start + 1 : end])]
    inner = [_expand(choice[start:]) for choice in heads]
    tails = _expand(pattern[end + 1 :])
    if sum(map(len, inner)) * len(tails) > _MOST_BRACES:
        raise ValueError(f"it stands for more than {_MOST_BRACES} patterns")
    middles = list(itertools.chain.from_iterable(inner))
    return [pattern[:start] + middle + tail for middle in middles for tail in tails]


def _braces(pattern: str) -> tuple[int, int]:
    """Find the first pair of braces with a comma between them; (-1, -1) where there is none."""
    for start, character in enumerate(pattern):
        if character != "{":
            continue
        depth = 0
        for at in range(start, len(pattern)):
            depth += {"{": 1, "}": -1}.get(pattern[at], 0)
            if depth == 0:
                if len(_choices(pattern[start + 1 : at])) > 1:
                    return start, at
                break
    return -1, -1


def _choices(inside: str) -> list[str]:
    choices, depth = [""], 0
    for character in inside:
        depth += {"{": 1, "}": -1}.get(character, 0)
        if character == "," and depth == 0:
            choices.append("")
        else:
            choices[-1] += character
    return choices
