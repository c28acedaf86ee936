"""Words of a Dockerfile: split at blanks, quotes taken away, variables put in.

Variables are ``$name`` and ``${name}``, with ``:-``, ``-``, ``:+``, ``+``, ``:?`` and ``?`` as in a shell.
"""

from __future__ import annotations

from collections.abc import Mapping

_MAX_DEPTH = 40
_SPECIAL = frozenset("@*#?$!-0123456789")


def split_words(text: str, escape: str) -> list[str]:
    """Split at blanks outside of quotes; quotes and escapes stay in the words."""
    words, word, quote, skip = list[str](), "", "", False
    for character in text:
        if skip:
            word, skip = word + character, False
        elif character == escape and quote != "'":
            word, skip = word + character, True
        elif quote:
            word += character
            quote = "" if character == quote else quote
        elif character.isspace():
            words += [word] if word else []
            word = ""
        else:
            quote = character if character in "'\"" else ""
            word += character
    return [*words, word] if word else words


def expand(text: str, variables: Mapping[str, str], escape: str) -> str:
    """Give the word without its quotes and with its variables' values, empty for unknown ones.

    Raises:
        ValueError: a quote or brace is not closed, the modifier is unknown, or ``:?`` found nothing.
    """
    return _Word(text, variables, escape).read()


def expand_text(text: str, variables: Mapping[str, str], escape: str) -> str:
    """Give a text with its variables' values; quotes mean nothing in it. Errors are those of ``expand``."""
    return _Word(text, variables, escape, quotes=False).read()


class _Word:
    def __init__(self, text: str, variables: Mapping[str, str], escape: str, *, quotes: bool = True) -> None:
        self._quotes = quotes
        self._text = text
        self._at = 0
        self._variables = variables
        self._escape = escape
        self._depth = 0

    def read(self, end: str = "") -> str:
        """Read up to the unquoted character ``end``, which is consumed; to the very end when it is empty."""
        result: list[str] = []
        while self._at < len(self._text):
            character = self._next()
            if character == end:
                return "".join(result)
            if character == "$":
                result.append(self._variable())
            elif not self._quotes and (
                character != self._escape or self._text[self._at : self._at + 1] != "$"
            ):
                result.append(character)
            elif character == "'":
                result.append(self._until("'"))
            elif character == '"':
                result.append(self._double())
            elif character == self._escape:
                result.append(self._next() if self._at < len(self._text) else "")
            else:
                result.append(character)
        if end:
            raise ValueError("a ${ is not closed by }")
        return "".join(result)

    def _next(self) -> str:
        self._at += 1
        return self._text[self._at - 1]

    def _until(self, end: str) -> str:
        close = self._text.find(end, self._at)
        if close < 0:
            raise ValueError(f"a quote ({end}) is not closed")
        found = self._text[self._at : close]
        self._at = close + 1
        return found

    def _double(self) -> str:
        result: list[str] = []
        while self._at < len(self._text):
            character = self._next()
            if character == '"':
                return "".join(result)
            if character == "$":
                result.append(self._variable())
            elif character == self._escape and self._text[self._at : self._at + 1] in (
                '"',
                "$",
                self._escape,
            ):
                result.append(self._text[self._at : self._at + 1])
                self._at += 1
            else:
                result.append(character)
        raise ValueError('a quote (") is not closed')

    def _name(self) -> str:
        start = self._at
        if self._text[start : start + 1] in _SPECIAL and start < len(self._text):
            self._at += 1
        else:
            while self._at < len(self._text) and (
                self._text[self._at] == "_"
                or (self._text[self._at].isascii() and self._text[self._at].isalnum())
            ):
                self._at += 1
        return self._text[start : self._at]

    def _variable(self) -> str:
        if self._text[self._at : self._at + 1] != "{":
            name = self._name()
            return self._variables.get(name, "") if name else "$"
        self._at += 1
        name = self._name()
        if not name or self._at >= len(self._text):
            raise ValueError("a ${ is followed by no name, or not closed by }")
        operator = self._next()
        if operator == "}":
            return self._variables.get(name, "")
        empty_counts = operator != ":"
        if operator == ":":
            operator = self._next() if self._at < len(self._text) else ""
        if operator not in ("-", "+", "?"):
            raise ValueError(f"${{{name}...}}: {operator!r} is no modifier that is known here")
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise ValueError("variables are nested too deeply")
        word = self.read("}")
        self._depth -= 1
        return self._chosen(name, operator, word, empty_counts=empty_counts)

    def _chosen(self, name: str, operator: str, word: str, *, empty_counts: bool) -> str:
        value = self._variables.get(name)
        present = value is not None and (empty_counts or value != "")
        if operator == "+":
            return word if present else ""
        if present:
            return value or ""
        if operator == "?":
            raise ValueError(f"{name}: {word or 'not set'}")
        return word
