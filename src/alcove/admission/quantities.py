"""Kubernetes quantities (``500m``, ``1Gi``, ``1e3``) as exact numbers, to compare them."""

from __future__ import annotations

import re
from decimal import Decimal

_QUANTITY = re.compile(
    r"([0-9]{1,18}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})(?:([KMGTPE])i|([numkMGTPE])|[eE]([+-]?[0-9]{1,2}))?"
)
_POWERS = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = "KMGTPE"


def parse_quantity(text: object) -> Decimal | None:
    """Give the number, None for what is no quantity; negative ones count as none."""
    found = _QUANTITY.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    digits, binary, decimal, exponent = found.groups()
    number = Decimal(digits)
    if binary:
        return number * Decimal(1024) ** (_BINARY.index(binary) + 1)
    return number.scaleb(int(exponent) if exponent else _POWERS.get(decimal, 0))
