"""Node.js: ``package.json`` says it all."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alcove.prep.app import App, Debugging, Language, Live, exec_form, fill_dockerfiles
from alcove.prep.facts import Facts
from alcove.prep.ports import Hint, find_port, warn_of_loopback

_MANIFEST = "package.json"
_VERSION = 20
_SOURCES = r".*\.(js|mjs|cjs|ts|mts|cts)"
_HINTS = (
    Hint(r"process\.env\.PORT\b[\s)]*(?:\|\||\?\?)\s*['\"`]?(?P<port>\d{2,5})\b", yielding=True),
    Hint(r"\.listen\(\s*(?P<port>\d{2,5})\b"),
    Hint(r"^\s*(?:export\s+)?(?:const|let|var)\s+(?i:port)\s*=\s*(?P<port>\d{2,5})\b"),
)
_ENTRIES = ("server", "index", "app", "main", "src/server", "src/index", "src/app", "src/main")
_GUESSED = f"{_MANIFEST} does not say how to start it: CMD in the Dockerfiles is a guess"
_VITE = ("--", "--host", "--port")
_SIMPLE = re.compile(r"node(?:js)?(?:\s+[\w@./=:,+-]+)+")
"""A command that needs no shell."""


@dataclass(frozen=True, slots=True)
class _Packages:
    """A package manager."""

    name: str
    lock: str
    install: str
    production: str
    setup: str = ""


_NPM = _Packages("npm", "", "npm install --no-audit --no-fund", "npm install --no-audit --no-fund --omit=dev")
_LOCKED = (
    _Packages(
        "npm",
        "package-lock.json",
        "npm ci --no-audit --no-fund",
        "npm ci --no-audit --no-fund --omit=dev",
    ),
    _Packages(
        "npm",
        "npm-shrinkwrap.json",
        "npm ci --no-audit --no-fund",
        "npm ci --no-audit --no-fund --omit=dev",
    ),
    _Packages(
        "pnpm",
        "pnpm-lock.yaml",
        "pnpm install --frozen-lockfile",
        "pnpm install --frozen-lockfile --prod",
        "corepack enable",
    ),
    _Packages(
        "yarn",
        "yarn.lock",
        "yarn install --frozen-lockfile",
        "yarn install --frozen-lockfile --production",
    ),
)
_BERRY = _Packages(
    "yarn", "yarn.lock", "yarn install --immutable", "yarn install --immutable", "corepack enable"
)
_RELOADING = re.compile(
    r"\b(vite|next|nuxt|astro|webpack|parcel|nodemon|ts-node-dev)\b|tsx watch|--watch|ng serve"
)
"""What restarts or reloads by itself when a file changes."""


def detect(facts: Facts) -> App | None:
    """Understand a folder with a ``package.json``."""
    if not facts.has(_MANIFEST):
        return None
    manifest = _parse(facts.text(_MANIFEST))
    packages = _choose_packages(facts, manifest)
    sources = facts.below(_SOURCES, deep=2)
    port = find_port(facts, _HINTS, sources)
    start = _start(facts, manifest, packages.name, port.number)
    dockerfile, develop = _dockerfiles(facts, manifest, packages, start, str(port.number))
    excluded = [_MANIFEST, *([packages.lock] if packages.lock else [])]
    return App(
        Language.NODE,
        _MANIFEST,
        port,
        dockerfile,
        develop,
        Live(
            sync=tuple(f"!**/{name}" for name in excluded),
            kill=() if start.reloads else ("node",),
            build=((packages.name, "run", "build"),) if start.build else (),
        ),
        interpreted=not start.build,
        ignored=("npm-debug.log",),
        debugging=_DEBUGGING,
        notes=(*((start.note,) if start.note else ()), *warn_of_loopback(facts, sources)),
    )


def _parse(text: str) -> Mapping[str, Any]:
    try:
        manifest = json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return {}
    return manifest if isinstance(manifest, dict) else {}


def _mapping(manifest: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = manifest.get(key)
    return found if isinstance(found, dict) else {}


def _choose_packages(facts: Facts, manifest: Mapping[str, Any]) -> _Packages:
    for packages in _LOCKED:
        if facts.has(packages.lock):
            asked = re.match(r"yarn@(\d+)", str(manifest.get("packageManager", "")))
            berry = facts.has(".yarnrc.yml") or (asked is not None and int(asked[1]) > 1)
            return _BERRY if packages.name == "yarn" and berry else packages
    return _NPM


@dataclass(frozen=True, slots=True)
class _Start:
    command: tuple[str, ...]
    build: bool
    """There is something to be built before."""
    reloads: bool = False
    note: str = ""


def _start(facts: Facts, manifest: Mapping[str, Any], packages: str, port: int) -> _Start:
    """Tell how it starts."""
    scripts = _mapping(manifest, "scripts")
    start, develop, build = (str(scripts.get(name, "")).strip() for name in ("start", "dev", "build"))
    reloads = _RELOADING.search(start or develop) is not None
    if _SIMPLE.fullmatch(start) and "prestart" not in scripts:
        return _Start(tuple(start.split()), bool(build), reloads)
    if start:
        return _Start((packages, "start"), bool(build), reloads)
    if develop:
        vite = _VITE if re.match(r"vite\b", develop) else ()
        return _Start(
            (packages, "run", "dev", *vite, *([str(port)] if vite else [])),
            bool(build) and not reloads,
            reloads,
        )
    entry = _entry(facts, manifest)
    if entry:
        return _Start(("node", entry), bool(build))
    return _Start(("node", "index.js"), bool(build), note=_GUESSED)


def _entry(facts: Facts, manifest: Mapping[str, Any]) -> str:
    main = str(manifest.get("main", "")).removeprefix("./")
    candidates = [main, f"{main}.js", f"{main}/index.js"] if main else []
    candidates += [f"{entry}.{kind}" for entry in _ENTRIES for kind in ("js", "mjs", "cjs")]
    return facts.first(*candidates)


def _dockerfiles(
    facts: Facts, manifest: Mapping[str, Any], packages: _Packages, start: _Start, port: str
) -> tuple[str, str]:
    needed = packages.lock or any(
        _mapping(manifest, key) for key in ("dependencies", "devDependencies", "optionalDependencies")
    )
    settings = facts.first(".npmrc"), facts.first(".yarnrc.yml"), facts.first("pnpm-workspace.yaml")
    copied = [_MANIFEST, *filter(None, (packages.lock, *settings))]
    production = packages.install if start.build or start.reloads else packages.production
    values = {
        "version": str(_version(facts, manifest)),
        "manifests": " ".join(copied),
        "setup": f"RUN {packages.setup}" if packages.setup else "",
        "home": "ENV COREPACK_HOME=/opt/corepack" if packages.setup else "",
        "install": f"RUN {packages.install}" if needed else "",
        "production": f"RUN {production}" if needed else "",
        "build": f"RUN {packages.name} run build" if start.build else "",
        "port": port,
        "command": exec_form(start.command),
    }
    return fill_dockerfiles("node", values)


def _version(facts: Facts, manifest: Mapping[str, Any]) -> int:
    """Give the major version that is asked for; ours, where any newer one will do."""
    wanted = next(
        (facts.text(path).strip() for path in (".nvmrc", ".node-version") if facts.text(path).strip()),
        str(_mapping(manifest, "engines").get("node", "")),
    )
    found = re.search(r"(>=?)?\s*v?(\d+)", wanted)
    if found is None:
        return _VERSION
    asked = int(found[2])
    return max(asked, _VERSION) if found[1] else asked


_DEBUGGING = Debugging(
    {
        "type": "node",
        "request": "attach",
        "address": "localhost",
        "port": 9229,
        "localRoot": "${workspaceFolder}",
        "remoteRoot": "/app",
        "restart": True,
        "skipFiles": ["<node_internals>/**"],
    }
)
