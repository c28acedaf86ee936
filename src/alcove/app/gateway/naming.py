"""Names of what is made for a space: short enough for Kubernetes, and different for different things."""

from __future__ import annotations

import hashlib

_LONGEST_NAME = 63
_LONGEST_SECRET = 253
_DIGEST = 8


def name_copy(ingress: str, space: str, *, distinct: bool = False) -> str:
    """Give the name of an Ingress's copy: ``INGRESS-SPACE`` in 63 characters.

    Where that would be longer, or need not be ``distinct`` from another's (``a-b`` for ``c``, ``a`` for
    ``b-c``), a digest of both stands between them.
    """
    return _join(ingress, space, _LONGEST_NAME, distinct=distinct)


def name_copied_secret(secret: str, space: str) -> str:
    """Give the name of the Secret that an issuer is to make for a copy: ``SECRET-SPACE-alcove``."""
    return _join(secret, f"{space}-alcove", _LONGEST_SECRET, distinct=False)


def _join(head: str, tail: str, longest: int, *, distinct: bool) -> str:
    whole = f"{head}-{tail}"
    if len(whole) <= longest and not distinct:
        return whole
    digest = hashlib.sha256(f"{head}/{tail}".encode()).hexdigest()[:_DIGEST]
    # A head that ends in a dot or dash would make no valid name; of a long tail its end matters least.
    ending = f"{digest}-{tail}"[: longest - 2].rstrip(".-")
    return f"{head[: longest - 1 - len(ending)].rstrip('.-')}-{ending}"
