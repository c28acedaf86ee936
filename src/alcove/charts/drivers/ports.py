"""What this package needs of Helm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

KEPT_REVISIONS = 5
"""How many revisions of a release stay in the cluster."""
HOOK_SECONDS = 300
"""How long Helm waits for a hook to end."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked of Helm for one revision."""

    name: str
    namespace: str
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)
    labels: Mapping[str, str] = field(default_factory=dict)
    revision: int = 1

    @property
    def upgrade(self) -> bool:
        """Tell whether there is a revision already."""
        return self.revision > 1


@dataclass(frozen=True, slots=True)
class Templates:
    """What a chart rendered, before anything was made of it."""

    files: Mapping[str, str] = field(repr=False)
    """By the templates' paths: ``web/templates/service.yaml``, ``web/charts/db/templates/x.yaml``, notes."""
    crds: tuple[tuple[str, str], ...] = ()
    """File name and text of the definitions in ``crds/`` of the chart and its subcharts."""


class Driver(Protocol):
    """Helm. Every method raises one of ``errors``; a cancelled one has ended when it raises."""

    async def render(self, chart: Path, plan: Plan) -> Templates:
        """Render without changing anything; ``lookup`` sees the cluster."""

    async def install(self, chart: Path, plan: Plan) -> None:
        """Install or upgrade, without waiting for pods; the records tell what became of it."""

    async def uninstall(self, name: str, namespace: str) -> None:
        """Remove a release with its history."""
