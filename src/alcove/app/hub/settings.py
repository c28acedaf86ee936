"""What the process of a hub is told by its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from alcove import errors
from alcove.sessions.calls import HUB_PORT

_STORE_LIMIT = 20 << 30


@dataclass(frozen=True, slots=True)
class HubSettings:
    """One hub."""

    namespace: str
    store: Path
    persistent: bool = False
    """Whether the store outlives the pod."""
    store_limit: int = _STORE_LIMIT
    """Bytes."""
    port: int = HUB_PORT

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> HubSettings:
        """Read ``ALCOVE_NAMESPACE``, ``ALCOVE_STORE`` and what may differ from the usual.

        Raises:
            UsageError: one that is needed is missing, or is no number.
        """
        missing = [name for name in ("ALCOVE_NAMESPACE", "ALCOVE_STORE") if not environment.get(name)]
        if missing:
            raise errors.UsageError(
                f"the environment lacks {', '.join(missing)}",
                hint="a hub runs in a space, where 'alcove up' puts it",
            )
        limit = environment.get("ALCOVE_STORE_LIMIT") or str(_STORE_LIMIT)
        if not (limit.isascii() and limit.isdigit()):
            raise errors.UsageError(f"ALCOVE_STORE_LIMIT={limit!r} is not a number of bytes")
        return cls(
            environment["ALCOVE_NAMESPACE"],
            Path(environment["ALCOVE_STORE"]),
            bool(environment.get("ALCOVE_STORE_PERSISTENT")),
            int(limit),
        )
