"""Conversion of everything that a chart renders."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import NamedTuple

from alcove.charts import manifests
from alcove.charts.converting import table
from alcove.charts.errors import ChartError
from alcove.charts.model import Document


class Converted(NamedTuple):
    """What became of documents or definitions, and notes on what was done."""

    documents: tuple[Document, ...]
    notes: tuple[str, ...]


def convert_documents(documents: Iterable[Document]) -> Converted:
    """Convert what is retired; the text of everything else stays as it was rendered."""
    kept, notes = [], []
    for document in documents:
        conversion = table.convert(document.object)
        if not conversion.note:
            kept.append(document)
            continue
        notes += conversion.note.split("\n")
        if conversion.object is not None:
            text = manifests.render_yaml(conversion.object)
            kept.append(dataclasses.replace(document, text=text, object=conversion.object))
    return Converted(tuple(kept), tuple(notes))


def convert_definitions(
    crds: Iterable[tuple[str, str]],
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """Convert the definitions of ``crds/``; give them and notes on what was done.

    Raises:
        ChartError: one of them is not YAML.
    """
    files, notes = [], []
    for name, text in crds:
        parts, found = [], []
        for part in manifests.split_documents(text):
            converted, note = _convert_definition(name, part)
            parts.append(converted)
            found += note
        files.append((name, "\n---\n".join(parts) if found else text))
        notes += found
    return tuple(files), tuple(notes)


def _convert_definition(name: str, text: str) -> tuple[str, list[str]]:
    try:
        value = manifests.parse_yaml(text)
    except ValueError as error:
        raise ChartError(f"{name} is not YAML", cause=str(error)) from error
    conversion = table.convert(value) if isinstance(value, dict) else None
    if conversion is None or not conversion.note or conversion.object is None:
        return text, []
    return manifests.render_yaml(conversion.object), [conversion.note]
