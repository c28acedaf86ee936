"""Where the certificates are kept: one Secret, and the bundle in the webhook's configuration."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from alcove.admission import configuration
from alcove.admission.markers import mapping, sequence
from alcove.kube import errors, resources
from alcove.kube.client import KubeClient, Object, PatchKind
from alcove.kube.resources import Resource

SECRET = "alcove-certificates"  # noqa: S105  # a name
WEBHOOKS = Resource(
    "admissionregistration.k8s.io",
    "v1",
    "mutatingwebhookconfigurations",
    "MutatingWebhookConfiguration",
    namespaced=False,
)


class SecretStore:
    """Certificates in a Secret (``admission.certificates.CertificateStore``)."""

    def __init__(self, client: KubeClient, namespace: str) -> None:
        """Keep them in ``namespace``."""
        self._client = client
        self._namespace = namespace
        self._loaded: Object | None = None

    async def load(self) -> Mapping[str, bytes]:
        """Give what was saved last, nothing when that never happened."""
        try:
            self._loaded = await self._client.get(resources.SECRETS, SECRET, namespace=self._namespace)
        except errors.NotFoundError:
            self._loaded = None
        content = mapping(self._loaded or {}, "data")
        return {name: base64.b64decode(value) for name, value in content.items()}

    async def save(self, content: Mapping[str, bytes]) -> None:
        """Keep ``content``; ConflictError when somebody else saved since ``load``."""
        data = {name: base64.b64encode(value).decode() for name, value in content.items()}
        if self._loaded is None:
            fresh: Object = {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {
                    "name": SECRET,
                    "namespace": self._namespace,
                    "labels": {"app.kubernetes.io/managed-by": "alcove"},
                },
                "type": "Opaque",
                "data": data,
            }
            self._loaded = await self._client.create(resources.SECRETS, fresh)
        else:
            self._loaded = await self._client.replace(resources.SECRETS, {**self._loaded, "data": data})

    async def publish(self, bundle: bytes) -> None:
        """Write the bundle into the webhook's configuration, when another one is there."""
        encoded = base64.b64encode(bundle).decode()
        found = await self._client.get(WEBHOOKS, configuration.NAME)
        patch = [
            {"op": "add", "path": f"/webhooks/{at}/clientConfig/caBundle", "value": encoded}
            for at, webhook in enumerate(sequence(found, "webhooks"))
            if mapping(webhook, "clientConfig").get("caBundle") != encoded
        ]
        if patch:
            await self._client.patch(WEBHOOKS, configuration.NAME, patch, kind=PatchKind.JSON)
