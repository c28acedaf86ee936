"""Key files: made once, readable by their owner only, and complete or absent."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from alcove.errors import AlcoveError


def parse_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    """Read a private key.

    Raises:
        ValueError: it is not an unencrypted P-256 key.
    """
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except Exception as error:  # the library raises several unrelated types for damaged input
        raise ValueError(f"not a private key: {error}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("not a P-256 key")  # noqa: TRY004  # one error for all damage
    return key


def make_private_directory(directory: Path) -> None:
    """Make ``directory`` (and its parents) so that only its owner gets in."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.chmod(0o700)


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner reads; after a crash it is there wholly or not at all."""
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


@contextmanager
def telling_damage(path: Path, what: str) -> Iterator[None]:
    """Turn what goes wrong while reading ``path`` into an error that says what to do."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise AlcoveError(
            f"the cluster's {what} in {path} cannot be used",
            cause=str(error),
            hint=f"restore {path.name} from a backup, or delete {path.parent} to make new credentials "
            "(existing kubeconfigs and tokens then stop working)",
        ) from error
