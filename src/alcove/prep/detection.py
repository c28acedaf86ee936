"""What a folder is, when several things speak for several languages.

A manifest says more than a file that might be a script of something else. ``package.json`` says less than
other manifests: it is often there for the pages of a service that is written in another language.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from alcove.prep.app import App
from alcove.prep.facts import Facts
from alcove.prep.languages import dotnet, go, java, node, php, python, ruby

_ORDER: tuple[Callable[[Facts], App | None], ...] = (
    dotnet.detect,
    java.detect,
    go.detect,
    ruby.detect,
    lambda facts: php.detect(facts) if facts.has("composer.json") else None,
    lambda facts: python.detect(facts) if python.is_declared(facts) else None,
    node.detect,
    python.detect,
    php.detect,
)


@dataclass(frozen=True, slots=True)
class Detected:
    """What was found."""

    app: App | None
    others: tuple[App, ...] = ()
    """What also might have been meant."""


def detect(facts: Facts) -> Detected:
    """Give the language that a folder is in, and which others there are."""
    found: dict[str, App] = {}
    for one in _ORDER:
        app = one(facts)
        if app is not None:
            found.setdefault(app.language.value, app)
    chosen, *others = found.values() or [None]
    return Detected(chosen, tuple(other for other in others if other is not None))
