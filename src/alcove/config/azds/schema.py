"""Every property that ``azds.yaml`` ever had."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from alcove.config.azds.shapes import (
    AnyTree,
    Choice,
    Field,
    Flag,
    ListOf,
    MapOf,
    Record,
    Shape,
    Text,
    json_schema,
)

API_VERSIONS: Mapping[str | float, str] = {1.1: "1.1", 1.0: "1.0", "1.1": "1.1", "1.0": "1.0"}
"""How a version may be written, and what it is."""
NEWEST = "1.1"
KIND = "helm-release"

_BUILD = Record(
    {
        "context": Field(Text(), "The directory that the build sees, relative to this file; it may go up."),
        "dockerfile": Field(
            Text(), "The Dockerfile, relative to this file (or else to context). Default: Dockerfile."
        ),
        "args": Field(MapOf(Text()), "Build arguments (ARG) and their values."),
        "useGitIgnore": Field(Flag(), "Do not send what .gitignore excludes. Default: false."),
        "ignore": Field(
            ListOf(Text(), '["*.log"]'), 'Further files not to send, as in .gitignore; "!" brings back.'
        ),
    }
)
_VALUES = ListOf(Text(), "[values.dev.yaml?]")
_INSTALL = Record(
    {
        "chart": Field(
            Text(), "The Helm chart: a directory, or a packaged chart, relative to this file. Required."
        ),
        "values": Field(
            _VALUES,
            'Files of values for the chart, the last wins; with "?" behind its name one may be missing.',
        ),
        "set": Field(AnyTree(), "Values for the chart that override those of all files."),
    }
)

_ITERATE = Record(
    {
        "processesToKill": Field(
            ListOf(Text(), "[node]"), "Names of further processes that a restart ends in the container."
        ),
        "buildCommands": Field(
            ListOf(ListOf(Text(), "[npm, run, build]"), "[[npm, run, build]]"),
            "Commands that run in the container before the command starts again, each a list.",
        ),
    }
)
_CONTAINER = Record(
    {
        "syncTarget": Field(
            Text(), "Where the sources are in the container. Default: the image's working directory."
        ),
        "sync": Field(
            ListOf(Text(), '["**/*.html"]'),
            'Globs of files that are copied into the running container; "!" excludes.',
        ),
        "command": Field(ListOf(Text(), "[npm, start]"), "The command, in place of the image's."),
        "imports": Field(
            ListOf(Text(), '["image@/source:/destination"]'),
            "Directories that are copied out of other images into the container.",
        ),
        "values": Field(_VALUES, "Older form of install.values of the same configuration."),
        "iterate": Field(_ITERATE, "What a restart inside the container does; without it nothing restarts."),
    }
)
_CONFIGURATION = Record(
    {
        "build": Field(_BUILD, "Overrides the file's build, property by property."),
        "install": Field(
            _INSTALL,
            "Overrides the file's install: set is merged, the others are replaced.",
        ),
        "container": Field(_CONTAINER, "How the running container follows the sources."),
    }
)
FILE = Record(
    {
        "kind": Field(Choice((KIND,)), "What the file describes: helm-release, always.", required=True),
        "apiVersion": Field(
            Choice(tuple(API_VERSIONS)), "The form of the file: 1.1; older files have 1.0 or none."
        ),
        "build": Field(_BUILD, "How the image is built."),
        "install": Field(
            _INSTALL,
            "How the chart is installed.",
        ),
        "configurations": Field(
            MapOf(_CONFIGURATION), "Named variants; 'alcove up' uses develop, --config another."
        ),
    }
)


def render_schema() -> dict[str, Any]:
    """Give the JSON Schema for editors."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "azds.yaml",
        "description": "How a project is built, installed and followed while it is developed.",
        **json_schema(FILE),
        "type": "object",
    }


def property_paths(shape: Shape = FILE, prefix: str = "") -> Iterator[str]:
    """Give every property, ``<name>`` standing for names of the user's."""
    match shape:
        case Record(fields=fields):
            for key, field in fields.items():
                path = f"{prefix}.{key}".lstrip(".")
                yield path
                yield from property_paths(field.shape, path)
        case MapOf(value=value) if isinstance(value, Record):
            yield from property_paths(value, f"{prefix}.<name>")


def render_schema_text() -> str:
    """Give the JSON Schema as ``schema.json`` holds it."""
    return json.dumps(render_schema(), indent=2, ensure_ascii=False) + "\n"
