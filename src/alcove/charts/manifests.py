"""Rendered text and objects: read as Helm reads it, written so that nothing can be read in two ways."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from alcove.charts.errors import ChartError
from alcove.charts.model import Document

_SEPARATOR = re.compile(r"(?:^|\s*\n)---\s*")
"""Helm's own."""
_NOTES = "NOTES.txt"


class _Loader(yaml.CSafeLoader):
    """YAML 1.1 as JSON: no dates, and ``=`` is text."""


_Loader.yaml_implicit_resolvers = {
    first: [
        pair for pair in pairs if pair[0] not in ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value")
    ]
    for first, pairs in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


class _Dumper(yaml.CSafeDumper):
    """Every text in quotes: what one reader of YAML takes for text another takes for a number."""

    def ignore_aliases(self, _value: object) -> bool:
        """Write everything out: Kubernetes' own reader limits aliases."""
        return True


_Dumper.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')
)


def parse_yaml(text: str) -> Any:
    """Read one YAML document as JSON: keys are texts.

    Raises:
        ValueError: it is not YAML, or not one document.
    """
    try:
        return _as_json(yaml.load(text, _Loader))  # noqa: S506  # a subclass of the safe loader
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(_describe(error)) from error


def render_yaml(value: object) -> str:
    """Write a JSON value as YAML that every reader reads alike."""
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1000)
    return text


def split_documents(text: str) -> Iterator[str]:
    """Yield what lies between the separators, as Helm does; empty ones too."""
    yield from _SEPARATOR.split(text)


def parse_templates(files: Mapping[str, str]) -> tuple[Document, ...]:
    """Read everything that a chart's templates rendered, in the order of the templates' paths.

    Raises:
        ChartError: a template renders something that is no Kubernetes object.
    """
    return tuple(
        document
        for template in sorted(files)
        if not template.endswith(f"/{_NOTES}")
        for text in split_documents(files[template])
        for document in _parse_document(template, text)
    )


def find_notes(files: Mapping[str, str], chart: str) -> str:
    """Give the chart's own notes; those of subcharts are not shown, as Helm does not."""
    return files.get(f"{chart}/templates/{_NOTES}", "")


def _parse_document(template: str, text: str) -> Iterator[Document]:
    try:
        value = parse_yaml(text)
    except ValueError as error:
        raise ChartError(
            f"{template} renders something that is not YAML",
            cause=f"{error}{_show(text)}",
            hint="'helm template' shows all of what it renders",
        ) from error
    if value is None:
        return
    if not isinstance(value, dict) or not value.get("apiVersion") or not value.get("kind"):
        raise ChartError(
            f"{template} renders something that is no Kubernetes object",
            cause=f"there is no apiVersion or no kind{_show(text)}",
        )
    yield Document(template, text.strip("\n") + "\n", value)


def _as_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {_key(key): _as_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_json(item) for item in value]
    if isinstance(value, bytes | set):
        raise ValueError("it has a value that JSON cannot have")  # noqa: TRY004  # of the text, not of a caller
    return value


def _key(key: object) -> str:
    if isinstance(key, bool):
        return "true" if key else "false"
    return key if isinstance(key, str) else str(key)


def _describe(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return f"line {error.problem_mark.line + 1}: {error.problem or error.context}"
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _show(text: str, most: int = 30) -> str:
    """Show what was rendered, unless it may be secret."""
    if "Secret" in text:
        return ""
    lines = text.strip("\n").splitlines()
    shown = [f"{number:4} {line}" for number, line in enumerate(lines[:most], 1)]
    return "\n".join([", in:", *shown, *(["     ..."] if len(lines) > most else [])])
