"""Kubernetes quantities as numbers, as far as volumes compare them."""

from __future__ import annotations

import re

_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:([EPTGMK])i|([numkMGTPE])|[eE]([+-]?[0-9]{1,2}))?")
_POWERS = {"n": -3, "u": -2, "m": -1, "": 0, "k": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}
_BINARY = {"K": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}


def bytes_of(text: object) -> float:
    """Read ``1Gi``, ``500M``, ``1e9``; 0 for what is no quantity."""
    found = _QUANTITY.fullmatch(str(text))
    if found is None:
        return 0.0
    digits, binary, decimal, exponent = found.groups()
    if binary:
        return float(digits) * 1024.0 ** _BINARY[binary]
    return float(digits) * 10.0 ** (int(exponent) if exponent else 3 * _POWERS[decimal or ""])
