"""Texts with places to fill, which are written ``@{name}``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import resources

_PLACE = re.compile(r"@\{([a-z_]+)\}")


def fill_template(name: str, values: Mapping[str, str]) -> str:
    """Give the template of this name with its places filled.

    A line that is nothing but a place goes away when that stays empty. KeyError for a place without value.
    """
    text = resources.files(__name__).joinpath(*name.split("/")).read_text(encoding="utf-8")
    lines = (_fill_line(line, values) for line in text.split("\n"))
    return "\n".join(line for line in lines if line is not None)


def _fill_line(line: str, values: Mapping[str, str]) -> str | None:
    filled = _PLACE.sub(lambda place: values[place[1]], line)
    if line.strip() and not filled.strip():
        return None
    return filled
