"""What the webhook needs to know of a namespace: from what is observed, else asked at once."""

from __future__ import annotations

from alcove.admission.facts import SpaceFacts, observe_spaces
from alcove.app.controlplane.watching import LIMIT_RANGES, ObjectStore
from alcove.kube import errors, resources
from alcove.kube.client import KubeClient, Selection


class ObservedSpaces:
    """The spaces of a cluster (``admission.server.SpaceDirectory``)."""

    def __init__(self, store: ObjectStore, client: KubeClient) -> None:
        """Look into ``store`` first; ask ``client`` about what is not there yet."""
        self._store = store
        self._client = client

    @property
    def observed(self) -> bool:
        """Whether every namespace has been seen once."""
        return self._store.observed

    async def find(self, namespace: str) -> SpaceFacts | None:
        """Give the facts of a space, None for a namespace that is none.

        A namespace that does not look like a space is asked about: it may have become one a moment ago.
        """
        known = observe_spaces(self._store.items("namespaces"), self._store.items("limits"))
        if namespace in known:
            return known[namespace]
        try:
            fresh = await self._client.get(resources.NAMESPACES, namespace)
        except errors.NotFoundError:
            return None
        others = [item for item in self._store.items("namespaces") if item["metadata"]["name"] != namespace]
        limits = (await self._client.list(LIMIT_RANGES, Selection(namespace))).items
        return observe_spaces([*others, fresh], [*self._store.items("limits"), *limits]).get(namespace)
