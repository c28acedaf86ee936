"""Clusters that refuse."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from alcove.kube.client import EVERYTHING, Selection, WatchEvent
from alcove.kube.errors import KubeError
from alcove.kube.fake import FakeKubeClient
from alcove.kube.resources import Resource


class RefusingClient(FakeKubeClient):
    """Answers every watch with an error."""

    def __init__(self, error: KubeError) -> None:
        super().__init__()
        self._error = error

    def watch(
        self, resource: Resource, selection: Selection = EVERYTHING
    ) -> AsyncGenerator[WatchEvent, None]:
        return self._refuse()

    async def _refuse(self, *events: WatchEvent) -> AsyncGenerator[WatchEvent, None]:
        for event in events:
            yield event
        raise self._error
