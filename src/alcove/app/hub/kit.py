"""What the sessions of a hub work with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from alcove.app.hub.deploying import Deployer
from alcove.app.hub.images import Builders
from alcove.app.hub.manifests import ManifestBook
from alcove.app.hub.records import Records
from alcove.kube.client import KubeClient


@dataclass(frozen=True, slots=True)
class Kit:
    """What sessions work with."""

    namespace: str
    client: KubeClient
    book: ManifestBook
    records: Records
    deployer: Deployer
    builders: Builders
    clock: Callable[[], float]
    """Monotonic seconds."""
    wall: Callable[[], float]
    """Unix seconds."""
