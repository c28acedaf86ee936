"""Which images a Dockerfile takes something from, as far as can be told without building it. Pure.

What is missed here is pulled by Buildah itself, so this never fails: it only names what may be on the node.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

_ESCAPE = re.compile(r"#\s*escape\s*=\s*([`\\])\s*$", re.IGNORECASE)
_FROM = re.compile(r"FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?\s*$", re.IGNORECASE)
_COPY = re.compile(r"(?:COPY|ADD)\s(?:\s*--\S+)*?\s*--from=(\S+)", re.IGNORECASE)
_MOUNT = re.compile(r"--mount=\S*?\bfrom=([^,\s]+)")
_ARG = re.compile(r"ARG\s+(.+)", re.IGNORECASE)
_VARIABLE = re.compile(r"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?::?([-+])([^}]*))?\})")


def base_images(text: str, args: Mapping[str, str]) -> tuple[str, ...]:
    """Give the images of FROM, COPY --from and RUN --mount, each once; ``args`` are the build's."""
    known: dict[str, str] = {}
    stages: set[str] = set()
    found: dict[str, None] = {}
    for line in _instructions(text):
        if (start := _FROM.match(line)) is not None:
            names = [start[1]]
        elif (argument := _ARG.match(line)) is not None and not stages:
            known.update(_arguments(argument[1], known, args))
            continue
        else:
            copied = _COPY.match(line)
            names = [copied[1]] if copied else _MOUNT.findall(line) if line[:4].upper() == "RUN " else []
        for name in (_expanded(one.strip("\"'"), known) for one in names):
            if name and name.lower() not in stages and not name.isdigit() and name != "scratch":
                found[name] = None
        if start is not None:
            stages.add((start[2] or f"#{len(stages)}").lower())
    return tuple(found)


def _instructions(text: str) -> Iterator[str]:
    """Yield each instruction on one line, without comments."""
    lines = text.lstrip("\ufeff").replace("\r\n", "\n").split("\n")
    directive = _ESCAPE.match(lines[0])
    escape = directive[1] if directive else "\\"
    joined = ""
    for line in lines:
        stripped = line.strip()
        if stripped.startswith("#") or (joined and not stripped):
            continue
        if stripped.endswith(escape):
            joined += stripped[:-1] + " "
            continue
        if instruction := (joined + stripped).strip():
            yield instruction
        joined = ""
    if joined.strip():
        yield joined.strip()


def _arguments(text: str, known: Mapping[str, str], args: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for word in text.split():
        name, _, default = word.partition("=")
        value = args.get(name, _expanded(default.strip("\"'"), known))
        yield name, value


def _expanded(text: str, known: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        current = known.get(found[1] or found[2], "")
        if found[3] == "+":
            return found[4] if current else ""
        return current or found[4] or ""

    return _VARIABLE.sub(value, text)
