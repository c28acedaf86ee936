"""What goes wrong with charts.

::

    ChartError           the chart or its values are wrong: nothing was changed
    HelmError            Helm refused or failed; the cause is what it said, word for word
    ├── ReleaseNotFoundError  there is no such release
    └── HelmDiedError    its process ended in the middle; the next call starts another
"""

from __future__ import annotations

from alcove.errors import AlcoveError


class ChartError(AlcoveError):
    """The chart or its values are wrong: nothing was changed."""

    exit_code = 4


class HelmError(AlcoveError):
    """Helm refused or failed; ``cause`` is what it said, word for word."""


class ReleaseNotFoundError(HelmError):
    """There is no such release."""


class HelmDiedError(HelmError):
    """Helm's process ended in the middle of a call; the next call starts another."""
