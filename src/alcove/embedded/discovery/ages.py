"""Times as people read them: how long ago something was, in at most two units."""

from __future__ import annotations

from datetime import UTC, datetime

_MINUTE, _HOUR, _DAY, _YEAR = 60, 3600, 86400, 365 * 86400


def human_duration(seconds: float) -> str:
    """Give a duration as kubectl prints ages: ``45s``, ``3m20s``, ``5h``, ``2d4h``, ``3y``.

    A time slightly in the future counts as now; one further ahead is ``<invalid>``.
    """
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    if whole < 2 * _MINUTE:
        return f"{max(whole, 0)}s"
    for limit, unit, name, below, below_name in (
        (10 * _MINUTE, _MINUTE, "m", 1, "s"),
        (3 * _HOUR, _MINUTE, "m", 0, ""),
        (8 * _HOUR, _HOUR, "h", _MINUTE, "m"),
        (2 * _DAY, _HOUR, "h", 0, ""),
        (8 * _DAY, _DAY, "d", _HOUR, "h"),
        (2 * _YEAR, _DAY, "d", 0, ""),
        (8 * _YEAR, _YEAR, "y", _DAY, "d"),
    ):
        if whole < limit:
            rest = whole % unit // below if below else 0
            return f"{whole // unit}{name}{rest}{below_name}" if rest else f"{whole // unit}{name}"
    return f"{whole // _YEAR}y"


def parse_time(text: object) -> float | None:
    """Give an RFC 3339 time in seconds since the epoch; None when it is none."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (OverflowError, ValueError):
        return None


def age(text: object, now: float) -> str:
    """Give how long ago the RFC 3339 time ``text`` was; ``<unknown>`` when it is none."""
    moment = parse_time(text)
    return "<unknown>" if moment is None else human_duration(now - moment)
