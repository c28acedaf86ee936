"""The ``alcove`` command with a look at the clock where a save passes: ``python -m benchmarks.up.probe``.

Each mark is a line ``NAME NANOSECONDS BYTES`` in the file that ``ALCOVE_PROBE`` names.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable
from typing import Any

from alcove.app.up.pushing import Pusher
from alcove.cli.main import main
from alcove.sessions.wire import Wire
from alcove.sync.watching import Watch

_out = open(os.environ["ALCOVE_PROBE"], "a", buffering=1)  # noqa: SIM115, PTH123 - open to the end


def mark(name: str, size: int = 0) -> None:
    """Write a mark."""
    _out.write(f"{name} {time.monotonic_ns()} {size}\n")


def _around(kind: type, name: str) -> None:
    inner = getattr(kind, name)

    @functools.wraps(inner)
    async def measured(*arguments: Any, **options: Any) -> Any:
        mark(f"{name}-begins")
        try:
            return await inner(*arguments, **options)
        finally:
            mark(f"{name}-ends")

    setattr(kind, name, measured)


def _before(kind: type, name: str, size_of: Callable[[Any], int] = lambda _: 0) -> None:
    inner = getattr(kind, name)

    @functools.wraps(inner)
    def measured(self: Any, *arguments: Any) -> Any:
        mark(name, size_of(arguments[0]) if arguments else 0)
        return inner(self, *arguments)

    setattr(kind, name, measured)


if __name__ == "__main__":
    for method in ("look", "look_again", "push"):
        _around(Pusher, method)
    _before(Watch, "_receive")
    _before(Wire, "send_chunk", len)
    _before(Wire, "send_mark")
    main()
