"""What is wrong with a file, told all at once and with the line of each."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from alcove import errors

MOST_PROBLEMS = 20
"""More are counted, not told."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong, and where."""

    line: int
    """Counted from 1; 0 for what no line says."""
    text: str
    hint: str = field(default="", compare=False)


class ConfigError(errors.AlcoveError):
    """A file of the user's is not as it must be.

    The message has one line for each problem: ``azds.yaml:12: what is wrong``.
    """

    def __init__(
        self, message: str, *, cause: str = "", hint: str = "", problems: Sequence[Problem] = ()
    ) -> None:
        """Keep the problems beside the text, for those who want to show them in another way."""
        super().__init__(message, cause=cause, hint=hint)
        self.problems = tuple(problems)


class Problems:
    """Collects what is wrong with one file."""

    def __init__(self, name: str) -> None:
        """Call the file ``name`` in messages."""
        self.name = name
        self._found: set[Problem] = set()

    @property
    def count(self) -> int:
        """How many were noted."""
        return len(self._found)

    def add(self, line: int, text: str, hint: str = "") -> None:
        """Note one; the same one twice counts once."""
        self._found.add(Problem(line, text, hint))

    def stop(self, line: int, text: str, hint: str = "") -> ConfigError:
        """Give the error that ends the reading here, with whatever was noted before."""
        self.add(line, text, hint)
        return self.error()

    def render(self, problem: Problem) -> str:
        """Give the line that tells of a problem."""
        place = f"{self.name}:{problem.line}" if problem.line else self.name
        return f"{place}: {problem.text}"

    def error(self) -> ConfigError:
        """Give everything that was noted as one error."""
        found = sorted(self._found)
        hints = list(dict.fromkeys(problem.hint for problem in found[:MOST_PROBLEMS] if problem.hint))
        lines = _with_hints(found[:MOST_PROBLEMS], self.render, len(hints) > 1)
        if len(found) > MOST_PROBLEMS:
            lines.append(f"{self.name}: and {len(found) - MOST_PROBLEMS} more")
        hint = hints[0] if len(hints) == 1 else ""
        return ConfigError("\n".join(lines), hint=hint, problems=found)

    def check(self) -> None:
        """Go on if nothing was noted.

        Raises:
            ConfigError: something was.
        """
        if self._found:
            raise self.error()


def _with_hints(found: Sequence[Problem], render: Callable[[Problem], str], inline: bool) -> list[str]:
    """Give the lines; hints that differ stand behind the first problem that has them."""
    shown: set[str] = {""} if inline else {problem.hint for problem in found}
    lines = []
    for problem in found:
        lines.append(render(problem) + ("" if problem.hint in shown else f" ({problem.hint})"))
        shown.add(problem.hint)
    return lines


def closest(word: str, known: Iterable[str]) -> str | None:
    """Give the known word that was probably meant."""
    by_lower = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word[:80].lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[close[0]] if close else None


def suggestion(word: str, known: Iterable[str], form: str = "{}") -> str:
    """Give ``, did you mean 'x'?`` for a word that resembles a known one, else nothing."""
    found = closest(word, known)
    return f", did you mean '{form.format(found)}'?" if found else ""


def known_are(words: Iterable[str]) -> str:
    """Give what could have been written."""
    listed = list(words)
    return f"known {'are' if len(listed) > 1 else 'is'} {', '.join(listed)}"


def quoted(text: str) -> str:
    """Give a text as messages show it: on one line, and short."""
    shown = text if len(text) <= 60 else text[:57] + "..."
    return "'" + shown.encode("unicode_escape").decode("ascii").replace("\\\\", "\\") + "'"
