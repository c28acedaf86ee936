"""The name of a service: a DNS label made of a folder's name."""

from __future__ import annotations

import re
import unicodedata

LONGEST_NAME = 53
"""What Helm allows for a release; labels and hosts have room for more."""
_FALLBACK = "app"
_VALUES = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null"})
_LETTERS = str.maketrans({"ß": "ss", "æ": "ae", "ø": "o", "đ": "d", "ł": "l", "þ": "th", "œ": "oe"})


def make_name(folder: str) -> str:
    """Make a name that Services and charts may have: letters, digits and single hyphens, a letter first.

    Accents go; what has no letter or digit at all is called ``app``. YAML takes it for no other value.
    """
    lowered = unicodedata.normalize("NFKD", folder.lower().translate(_LETTERS))
    plain = "".join(sign for sign in lowered if not unicodedata.combining(sign))
    label = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    if not label or label[0].isdigit() or label in _VALUES:
        label = f"{_FALLBACK}-{label}".rstrip("-")
    return label[:LONGEST_NAME].rstrip("-")
