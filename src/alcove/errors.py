"""The errors a user can meet, and how each one ends the command.

::

    AlcoveError            what happened, why, what to do next; exit code 1
    ├── UsageError         the command line itself is wrong; exit code 2
    ├── UnavailableError   something outside cannot be reached or is not there yet; exit code 3
    └── ConflictError      the world is not as the command needs it; exit code 4

A package raises one of these (or a subclass that somebody catches) for what a user can mend. Everything
else is a programming error and keeps its traceback.
"""

from __future__ import annotations


class AlcoveError(Exception):
    """What happened (the message), why (``cause``) and what to do next (``hint``)."""

    exit_code = 1

    def __init__(self, message: str, *, cause: str = "", hint: str = "") -> None:
        """Keep the three parts apart, so that each output format shows them in its own way."""
        super().__init__(message)
        self.message = message
        self.cause = cause
        self.hint = hint

    def __str__(self) -> str:
        """Give the message and its cause on one line, as logs want it."""
        return f"{self.message}: {self.cause}" if self.cause else self.message


class UsageError(AlcoveError):
    """The command line is wrong: nothing was tried."""

    exit_code = 2


class UnavailableError(AlcoveError):
    """Something outside this process cannot be reached, or is not ready."""

    exit_code = 3


class ConflictError(AlcoveError):
    """The world is not as the command needs it, and was left unchanged."""

    exit_code = 4
