"""Whose a token is, and whether a certificate goes there (``admission.identities.TokenReviewer``)."""

from __future__ import annotations

from collections.abc import Collection

from alcove.admission.identities import TokenReviewer
from alcove.admission.issuing import PodIdentity, Refusal, Refused, render_token_review, resolve_pod
from alcove.admission.server import SpaceDirectory
from alcove.kube import errors
from alcove.kube.client import KubeClient
from alcove.kube.resources import Resource

TOKEN_REVIEWS = Resource("authentication.k8s.io", "v1", "tokenreviews", "TokenReview", namespaced=False)


class ClusterReviewer:
    """Asks the API server about each token."""

    def __init__(self, client: KubeClient) -> None:
        """Ask by ``client``."""
        self._client = client

    async def review(self, token: str) -> PodIdentity | Refused:
        """Give the pod that a token is bound to, or why there is none."""
        try:
            return resolve_pod(await self._client.create(TOKEN_REVIEWS, render_token_review(token)))
        except errors.KubeError as error:
            return Refused(Refusal.UNAVAILABLE, type(error).__name__)


class ServedReviewer:
    """Lets through the pods of spaces, injected or not, and Alcove's own."""

    def __init__(self, reviewer: TokenReviewer, spaces: SpaceDirectory, own: Collection[str]) -> None:
        """Ask ``reviewer`` whose a token is, and ``spaces`` about namespaces other than our ``own``."""
        self._reviewer = reviewer
        self._spaces = spaces
        self._own = own

    async def review(self, token: str) -> PodIdentity | Refused:
        """Give the pod that a token is bound to, or why it gets nothing."""
        pod = await self._reviewer.review(token)
        if isinstance(pod, Refused) or pod.namespace in self._own:
            return pod
        try:
            space = await self._spaces.find(pod.namespace)
        except errors.KubeError as error:
            return Refused(Refusal.UNAVAILABLE, type(error).__name__)
        return pod if space is not None else Refused(Refusal.ELSEWHERE, pod.namespace)
