"""What crosses the modules of this package, as frozen values; what may hold secrets is in no repr."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alcove.charts.reading import mapping, metadata

Object = Mapping[str, Any]
"""A Kubernetes object as JSON."""

HOOK = "helm.sh/hook"


@dataclass(frozen=True, slots=True)
class Release:
    """What is to be installed, and under which name."""

    name: str
    namespace: str
    chart: Path
    values: Sequence[Mapping[str, Any]] = field(default=(), repr=False)
    """Values files as they were read, in order of precedence: later ones win."""
    set: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Values that win over all files."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Kept with each revision; ``conflicts.PROJECT_LABEL`` tells whose it is."""


@dataclass(frozen=True, slots=True)
class Document:
    """One object that a template rendered."""

    template: str
    """The template's path, as Helm names it in errors: ``web/templates/service.yaml``."""
    text: str = field(repr=False)
    """As it is installed: what Helm rendered, or what became of it."""
    object: Object = field(repr=False)

    @property
    def hook(self) -> bool:
        """Tell whether Helm runs it at a moment of its own instead of keeping it installed."""
        return HOOK in mapping(metadata(self.object).get("annotations"))


@dataclass(frozen=True, slots=True)
class Chart:
    """Which chart was rendered."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a release would put into the cluster."""

    release: Release
    chart: Chart
    documents: tuple[Document, ...]
    crds: tuple[tuple[str, str], ...] = ()
    """File name and text of the definitions in ``crds/``, which Helm does not render."""
    notes: str = field(default="", repr=False)
    converted: tuple[str, ...] = ()
    """What had a retired API version: ``Deployment web: apps/v1beta2 -> apps/v1``."""
    revision: int = 1
    """Which revision it would be; from 2 on it is an upgrade."""

    @property
    def objects(self) -> tuple[Object, ...]:
        """What stays installed: everything but hooks and definitions."""
        return tuple(document.object for document in self.documents if not document.hook)

    @property
    def hooks(self) -> tuple[Object, ...]:
        """What Helm runs before and after."""
        return tuple(document.object for document in self.documents if document.hook)


@dataclass(frozen=True, slots=True)
class Installed:
    """One revision of a release, as Helm keeps it."""

    name: str
    namespace: str
    revision: int
    status: str
    """Helm's word: ``deployed``, ``failed``, ``pending-install``, ``pending-upgrade``, ``uninstalling``."""
    chart: str = ""
    version: str = ""
    updated: str = ""
    notes: str = field(default="", repr=False)
    description: str = ""
    """What Helm notes of the revision: ``Upgrade complete``, or why it failed."""
    labels: Mapping[str, str] = field(default_factory=dict)
    taken: tuple[str, ...] = ()
    """What others had set and was taken back: ``Deployment web: .spec.replicas was changed by kubectl``."""
