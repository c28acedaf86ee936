"""Amounts such as ``500m`` and ``1Gi``: their value, and the one form in which Kubernetes writes each.

A Kubernetes server reads amounts into numbers and writes them canonically, so ``1024Mi`` comes back as
``1Gi`` and ``0.5`` as ``500m``: what clients compare is the canonical form.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

_FORM = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?(?:([KMGTPE]i)|([numkMGTPE])|[eE]([+-]?[0-9]{1,3}))?")
_EXPONENTS = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_SUFFIXES = {exponent: suffix for suffix, exponent in _EXPONENTS.items()}
_BINARY = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_NANO = 10**9
_LONGEST = 128
COMPLAINT = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"


class Amount:
    """A parsed amount: ``nano`` billionths, and whether it was written in powers of two or with ``e``."""

    __slots__ = ("binary", "exponential", "nano")

    def __init__(self, nano: int, *, binary: bool = False, exponential: bool = False) -> None:
        """Keep the value and the way in which it was written."""
        self.nano, self.binary, self.exponential = nano, binary, exponential


def parse(value: Any) -> Amount | None:
    """Read an amount, which JSON may hold as text or as a number; None when it is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = str(value)
    found = _FORM.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None or not (found[2] or found[3]):
        return None
    sign, whole, fraction, binary, decimal, exponent = found.groups()
    digits, scale = int(whole + (fraction or "") or "0"), -len(fraction or "")
    if binary:
        digits <<= 10 * _BINARY.index(binary)
    else:
        scale += int(exponent) if exponent else _EXPONENTS[decimal or ""]
    shift = scale + 9
    nano = digits * 10**shift if shift >= 0 else -(-digits // 10**-shift)
    return Amount(-nano if sign == "-" else nano, binary=bool(binary), exponential=exponent is not None)


@lru_cache(maxsize=4096)
def canonical(text: str) -> str | None:
    """Give the form in which a server writes this amount; None when it is no amount."""
    amount = parse(text)
    if amount is None:
        return None
    if not amount.nano:
        return "0"
    if amount.binary and abs(amount.nano) >= 1024 * _NANO and amount.nano % _NANO == 0:
        return _in_binary(amount.nano // _NANO)
    return _in_decimal(amount)


def _in_binary(value: int) -> str:
    power = 0
    while value % 1024 == 0 and power < len(_BINARY) - 1:
        value, power = value // 1024, power + 1
    return f"{value}{_BINARY[power]}"


def _in_decimal(amount: Amount) -> str:
    value, exponent = amount.nano, -9
    while value % 1000 == 0 and exponent < 18:
        value, exponent = value // 1000, exponent + 3
    if amount.exponential:
        return f"{value}e{exponent}" if exponent else str(value)
    return f"{value}{_SUFFIXES[exponent]}"
