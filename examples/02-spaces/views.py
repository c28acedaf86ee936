"""What the demo expects each view to be, and how it finds out what it is."""

from __future__ import annotations

import http.client
import json
import time
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event

HOPS = ("web", "catalog", "reviews", "prices", "stock")
Answers = Mapping[str, str]
"""Who answered each hop: ``{"reviews": "v2@amy", ...}``, or why nobody did."""

_ROOT = dict.fromkeys(HOPS, "v1@dev")
_REQUEST_SECONDS = 10.0
_BETWEEN_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class View:
    """One way in, and what has to be seen there."""

    name: str
    uri: str
    expected: Answers
    headers: Mapping[str, str] = field(default_factory=dict)

    def curl(self) -> str:
        """Give the command that asks the same."""
        headers = "".join(f"-H '{name}: {value}' " for name, value in self.headers.items())
        return f"curl {headers}{self.uri}"


def views(uris: Mapping[str, str], *, amy_has_reviews: bool = True) -> list[View]:
    """Give the views of the three spaces; ``uris`` are those of ``web`` by space."""
    amy = {**_ROOT, "reviews": "v2@amy"} if amy_has_reviews else _ROOT
    joe = {**amy, "prices": "v3@joe"}
    by_header = View("dev, with header azds-route-as: joe", uris["dev"], joe, {"azds-route-as": "joe"})
    return [
        View("dev", uris["dev"], _ROOT),
        View("dev/amy", uris["amy"], amy),
        View("dev/amy/joe", uris["joe"], joe),
        by_header,
    ]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a view showed in the end."""

    view: View
    answers: Answers
    earlier: tuple[Answers, ...]
    """What it showed before that, request by request."""

    def complaints(self) -> list[str]:
        """Give what is not as it has to be, hop by hop; those behind a hop that failed were not reached."""
        failed = any(not _is_version(answer) for answer in self.answers.values())
        return [
            f"{self.view.name}: {hop} was answered by {self.answers.get(hop, 'nobody')}, not by {expected}"
            for hop, expected in self.view.expected.items()
            if self.answers.get(hop, "" if not failed else expected) != expected
        ]


def look(view: View, patience: float) -> Seen:
    """Ask until the view is as expected, for so many seconds at most."""
    deadline = time.monotonic() + patience
    earlier: list[Answers] = []
    while True:
        seen = Seen(view, ask(view.uri, view.headers), tuple(earlier))
        if not seen.complaints() or time.monotonic() > deadline:
            return seen
        earlier.append(seen.answers)
        Event().wait(_BETWEEN_SECONDS)


def ask(uri: str, headers: Mapping[str, str]) -> Answers:
    """Send one request and give who answered each hop."""
    target = urllib.parse.urlsplit(uri)
    host = target.hostname or ""
    # Browsers and curl know that all names below localhost are this machine; not every resolver does.
    address = "127.0.0.1" if host.endswith(".localhost") else host
    connection = http.client.HTTPConnection(address, target.port or 80, timeout=_REQUEST_SECONDS)
    try:
        connection.request("GET", target.path or "/", headers={"Host": target.netloc, **headers})
        response = connection.getresponse()
        body = response.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return {"web": f"nobody ({error or type(error).__name__})"}
    finally:
        connection.close()
    try:
        hops = json.loads(body)["hops"]
    except (ValueError, KeyError, TypeError):
        return {"web": f"status {response.status} ({body.strip()[:80]})"}
    return {hop["service"]: _who(hop) for hop in hops}


def _who(hop: Mapping[str, str]) -> str:
    return f"error ({hop['error']})" if "error" in hop else f"{hop['version']}@{hop['space']}"


def who_or_why(answers: Answers, hop: str) -> str:
    """Give who answered a hop, or why nobody did."""
    reasons = (answer for answer in answers.values() if not _is_version(answer))
    return answers.get(hop) or next(reasons, "nobody")


def render_table(rows: Sequence[Seen]) -> str:
    """Give the views as rows, and who answered each hop as columns."""
    cells = [
        ["", *HOPS],
        *([row.view.name, *(_cell(row.answers.get(hop, "-")) for hop in HOPS)] for row in rows),
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in cells)
    return "\n".join(f"  {line.rstrip()}" for line in lines)


def _cell(answer: str) -> str:
    return answer if _is_version(answer) or answer == "-" else "failed"


def _is_version(answer: str) -> bool:
    """Tell whether it is an answer, not a reason why there is none."""
    return " " not in answer
