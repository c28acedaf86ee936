"""What files that are there already say: a Dockerfile, an azds.yaml."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass

import yaml

from alcove.prep.ports import Port

_VARIABLE = re.compile(r"\$(?:\{(\w+)(?::?-([^}]*))?\}|(\w+))")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction of a Dockerfile."""

    line: int
    keyword: str
    text: str


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """What the image of a Dockerfile is like, as far as it can be seen without building it."""

    port: Port | None
    """The first that it exposes."""
    directory: str
    """WORKDIR; empty when a base image has to know."""
    mirrors: bool
    """The whole folder is copied to the working directory: paths in one are paths in the other."""
    owned: bool
    """Its process may change the files that are copied."""

    @property
    def is_updatable(self) -> bool:
        """Tell whether files that change can be put where the image has them."""
        return self.mirrors and self.owned


def read_dockerfile(text: str, path: str) -> Dockerfile:
    """Read the last stage of a Dockerfile; what is not understood counts for nothing."""
    instructions = read_instructions(text)
    variables: dict[str, str] = {}
    start = 0
    for number, each in enumerate(instructions):
        if each.keyword == "FROM":
            start = number
    for each in instructions:
        if each.keyword in ("ARG", "ENV"):
            variables |= _assignments(each.text, variables)
    last = instructions[start:]
    directory = _last(last, "WORKDIR", variables)
    copies = [each.text for each in last if each.keyword in ("COPY", "ADD") and "--from" not in each.text]
    whole = [text for text in copies if _is_whole(text, directory, variables)]
    user = _last(last, "USER", variables).partition(":")[0]
    chown = re.compile(rf"--chown={re.escape(user)}\b")
    owned = user in ("", "0", "root") or any(chown.search(_expand(text, variables)) for text in whole)
    return Dockerfile(_exposed(last, variables, path), directory, bool(whole), owned)


def read_instructions(text: str) -> list[Instruction]:
    """Split a Dockerfile into its instructions, lines that go on put together."""
    found, parts, first = [], list[str](), 0
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        first = first if parts else number
        parts.append(stripped.removesuffix("\\").strip())
        if stripped.endswith("\\"):
            continue
        keyword, _, rest = " ".join(parts).partition(" ")
        found.append(Instruction(first, keyword.upper(), rest.strip()))
        parts = []
    return found


def _assignments(text: str, variables: dict[str, str]) -> dict[str, str]:
    pairs = re.findall(r"(\w+)=(\"[^\"]*\"|'[^']*'|\S*)", text)
    if not pairs and " " in text:
        pairs = [tuple(text.split(None, 1))]
    return {name: _expand(value.strip("\"'"), variables) for name, value in pairs}


def _expand(text: str, variables: dict[str, str]) -> str:
    return _VARIABLE.sub(lambda found: variables.get(found[1] or found[3], found[2] or ""), text)


def _last(instructions: list[Instruction], keyword: str, variables: dict[str, str]) -> str:
    given = [_expand(each.text, variables).strip("\"'") for each in instructions if each.keyword == keyword]
    if keyword != "WORKDIR":
        return given[-1] if given else ""
    return posixpath.normpath(posixpath.join("/", *given)) if given else ""


def _is_whole(text: str, directory: str, variables: dict[str, str]) -> bool:
    words = re.sub(r"--\S+\s+", "", f"{_expand(text, variables)} ").replace('"', " ").strip(" []").split()
    words = [word.strip(",") for word in words if word.strip(",")]
    if len(words) != 2 or words[0] not in (".", "./"):
        return False
    return posixpath.normpath(posixpath.join(directory or "/", words[1])) == (directory or "/")


def _exposed(instructions: list[Instruction], variables: dict[str, str], path: str) -> Port | None:
    for each in instructions:
        if each.keyword != "EXPOSE":
            continue
        for word in _expand(each.text, variables).split():
            number, _, protocol = word.partition("/")
            if number.isdigit() and 0 < int(number) < 65536 and protocol.lower() in ("", "tcp"):
                return Port(int(number), f"{path}:{each.line}")
    return None


def read_chart(text: str) -> str:
    """Give the path of the chart that an azds.yaml names, with slashes; empty when it names none."""
    chart = _find(text, "install", "chart")
    return posixpath.normpath(chart.replace("\\", "/")) if isinstance(chart, str) and chart else ""


def has_ingress(values: str, azds: str) -> bool:
    """Tell whether a chart's values, or what azds.yaml sets instead, ask for an Ingress."""
    return (
        _find(values, "ingress", "enabled") is True
        or _find(azds, "install", "set", "ingress", "enabled") is True
    )


def _find(text: str, *keys: str) -> object:
    """Give what is at a place of a document; None where that is not there, or is none."""
    try:
        found: object = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found
