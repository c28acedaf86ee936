"""Go: ``go.mod``, and the package that is a program."""

from __future__ import annotations

import posixpath
import re

from alcove.prep.app import App, Language, Live, fill_dockerfiles
from alcove.prep.facts import Facts
from alcove.prep.ports import Hint, find_port, warn_of_loopback

_MANIFEST = "go.mod"
_VERSION = "1.24"
_HINTS = (
    Hint(r"Getenv\(\"PORT\"\)(?s:.{0,160}?)=\s*\":?(?P<port>\d{2,5})\"", yielding=True),
    Hint(
        r"(?:Addr:|ListenAndServe\(|Listen\(\"tcp\",|\.Run\(|\.Start\(|\.Listen\()\s*\"[^\":]*:(?P<port>\d{2,5})\""
    ),
    Hint(r"\"(?:0\.0\.0\.0|localhost|127\.0\.0\.1)?:(?P<port>\d{2,5})\""),
)
_ASSETS = ("assets", "public", "static", "templates", "views", "web")
"""Directories of which a program may read files while it runs."""


def detect(facts: Facts) -> App | None:
    """Understand a folder with a ``go.mod``."""
    if not facts.has(_MANIFEST):
        return None
    sources = [path for path in facts.below(r".*\.go", deep=3) if not path.endswith("_test.go")]
    package, notes = _program(facts, sources)
    port = find_port(facts, _HINTS, sources)
    found = re.search(r"^go\s+(1\.\d+)", facts.text(_MANIFEST), re.MULTILINE)
    sums = facts.has("go.sum")
    assets = [name for name in _ASSETS if any(path.startswith(f"{name}/") for path in facts.files)]
    dockerfile, develop = fill_dockerfiles(
        "go",
        {
            "version": found[1] if found else _VERSION,
            "manifests": "go.mod go.sum" if sums else "go.mod",
            "download": "RUN go mod download" if sums else "",
            "package": package,
            "assets": "\n".join(f"COPY --from=build /src/{name} ./{name}" for name in assets),
            "port": str(port.number),
        },
    )
    return App(
        Language.GO,
        _MANIFEST,
        port,
        dockerfile,
        develop,
        Live(
            sync=("!**/go.{mod,sum}",),
            kill=("server",),
            build=(("go", "build", "-o", "/home/app/server", package),),
        ),
        ignored=("**/*_test.go",),
        notes=(*notes, *warn_of_loopback(facts, sources)),
    )


def _program(facts: Facts, sources: list[str]) -> tuple[str, tuple[str, ...]]:
    """Give the package that is a program: the top one, else the one named like the folder, else the first."""
    found = {posixpath.dirname(path) for path, _ in facts.search(r"^package\s+main\b", sources)}
    if not found:
        return ".", ("no package main was found: the package that the Dockerfiles build is a guess",)
    if "" in found:
        return ".", ()
    named = [path for path in found if posixpath.basename(path).lower() == facts.name.lower()]
    chosen = min(named or found, key=lambda path: (path.count("/"), path))
    note = f"of its {len(found)} programs, {chosen} is the one that runs" if len(found) > 1 else ""
    return f"./{chosen}", (note,) if note else ()
