"""What a plain scalar means: what it means to Helm, so that ``set`` and a values file agree.

Helm reads YAML 1.1 as Go does: ``yes`` and ``off`` are booleans, ``0644`` is octal, ``y`` and dates are
texts. What JSON cannot hold (infinities) stays text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

Value = str | int | float | bool | None

_WORDS: Mapping[str, bool | None] = {
    form: value
    for value, words in ((True, ("true", "yes", "on")), (False, ("false", "no", "off")), (None, ("null",)))
    for word in words
    for form in (word, word.capitalize(), word.upper())
}
_CONSTANTS: Mapping[str, bool | None] = {"": None, "~": None, **_WORDS}
_INTEGERS = (
    (re.compile(r"[-+]?0b[01]+"), 2),
    (re.compile(r"[-+]?0x[0-9a-fA-F]+"), 16),
    (re.compile(r"[-+]?0o?[0-7]+"), 8),
    (re.compile(r"[-+]?(0|[1-9][0-9]*)"), 10),
)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_LARGEST = 2**63
_LONGEST = 400
"""No number that counts is longer."""


def resolve_plain(text: str) -> Value:
    """Give what an unquoted scalar means."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if len(text) > _LONGEST or text[:1] not in "+-.0123456789":
        return text
    bare = text.replace("_", "")
    for pattern, radix in _INTEGERS:
        if pattern.fullmatch(bare):
            number = int(bare.replace("0o", "0"), radix)
            return number if -_LARGEST <= number < 2 * _LARGEST else float(number)
    if _FLOAT.fullmatch(bare) and math.isfinite(value := float(bare)):
        return value
    return text
