"""Which files ``container.sync`` selects: globs with ``**`` and ``{a,b}``, ``!`` for what it leaves out."""

from __future__ import annotations

import re
from collections.abc import Iterable

from alcove.sync import globs
from alcove.sync.errors import SyncError


class SyncPatterns:
    """A list of patterns, relative to the project's directory.

    A file is selected when one pattern matches it and no pattern with ``!`` does, wherever in the list that
    stands. A list of nothing but ``!`` selects everything else; an empty one selects nothing. A pattern that
    ends with a plain name (``views`` or ``views/``) means whatever is in that directory too.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        """Read the patterns.

        Raises:
            SyncError: one of them cannot be meant.
        """
        self.patterns = tuple(patterns)
        wanted = [one for one in self.patterns if not one.startswith("!")]
        unwanted = [one for one in self.patterns if one.startswith("!")]
        self._everything = bool(unwanted) and not wanted
        self._wanted = [(one, _compile(one, one)) for one in wanted]
        self._unwanted = [(one, _compile(one[1:], one)) for one in unwanted]

    def selects(self, path: str) -> bool:
        """Tell whether a path, relative to the project's directory, is selected."""
        return self.explain(path)[0]

    def explain(self, path: str) -> tuple[bool, str]:
        """Tell it with the pattern that decides, nothing when it is that no pattern matches."""
        for text, regex in self._unwanted:
            if regex.fullmatch(path):
                return False, text
        for text, regex in self._wanted:
            if regex.fullmatch(path):
                return True, text
        return self._everything, ""


def _compile(pattern: str, written: str) -> re.Pattern[str]:
    try:
        alternatives = [one.regex for one in globs.sync_globs(pattern.strip())]
        return re.compile("|".join(f"(?:{one})" for one in alternatives) or r"(?!)", re.DOTALL)
    except (ValueError, re.error, RecursionError) as error:
        raise SyncError(
            f"the pattern {written[:100]!r} in 'sync' cannot be read",
            cause=str(error),
            hint="a pattern looks like '**/*.{js,ts}', or '!**/package.json' to leave files out",
        ) from error
