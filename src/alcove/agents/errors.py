"""What can go wrong between a hub and an agent.

::

    AgentError            the agent cannot or will not do it
    ├── ApplyError        a batch of changes was not applied as a whole: which path, and why
    ├── RefusedError      any other request was answered with a failure
    └── LostError         the connection ended
        └── FramingError      what came over it is not the protocol
"""

from __future__ import annotations

from alcove.errors import AlcoveError


class AgentError(AlcoveError):
    """The agent cannot or will not do it."""


class ApplyError(AgentError):
    """A change at ``path`` could not be made; ``reason`` is the kernel's, in words.

    Nothing is half written. When ``partly`` is true, changes before it in the batch were made.
    """

    def __init__(self, path: str, reason: str, *, partly: bool = False) -> None:
        """Name the path as the batch named it; it is empty when no single one is to blame."""
        hint = _HINTS.get(reason, "")
        super().__init__(f"cannot change {path or 'the container'}", cause=reason, hint=hint)
        self.path = path
        self.reason = reason
        self.partly = partly


class RefusedError(AgentError):
    """A request was answered with a failure at ``path`` (maybe empty) for ``reason``."""

    def __init__(self, path: str, reason: str) -> None:
        """Keep both apart."""
        super().__init__(f"the agent refused {path}" if path else "the agent refused", cause=reason)
        self.path = path
        self.reason = reason


class LostError(AgentError):
    """The connection to the agent ended: what was asked may have been done or not."""

    def __init__(self, reason: str = "the connection ended") -> None:
        """Say how it ended."""
        super().__init__("lost the agent in the container", cause=reason)


class FramingError(LostError):
    """What came is not the protocol; the connection cannot go on."""


_HINTS = {
    "No space left on device": "make room in the container, or raise its ephemeral-storage limit",
    "Read-only file system": "its root is read-only: set syncTarget to a volume that can be written",
    "Permission denied": "the container's user may not write there: change the owner in the Dockerfile",
    "Operation not permitted": "the container's user may not write there: change the owner in the Dockerfile",
}
