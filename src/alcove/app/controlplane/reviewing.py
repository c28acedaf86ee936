"""Whose a token is: the API server is asked (``admission.identities.TokenReviewer``)."""

from __future__ import annotations

from alcove.admission.issuing import PodIdentity, Refusal, Refused, render_token_review, resolve_pod
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
