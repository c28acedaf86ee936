"""The MutatingWebhookConfiguration: which requests the API server sends here, and what if nobody answers.

It fails open, after two seconds at most: a control plane that is down costs injection, never a pod. The
opt-out of the proxy is a label, which the selector sees: a pod that has it is asked about by an entry of its
own, since it may be of a session, whose image has to be built all the same. ``IfNeeded`` asks again when
another webhook changed the pod after us: the order of init containers has to hold in the end.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

from alcove.admission import markers
from alcove.admission.markers import Object
from alcove.admission.review import API_VERSION

NAME = "alcove"
WEBHOOK = "pods.admission.alcove.dev"
SESSIONS_WEBHOOK = "sessions.admission.alcove.dev"
"""The entry for pods that want no proxy; they share a path, since the pod itself says what it wants."""
PATH = "/inject"
_SECONDS = 2


@dataclass(frozen=True, slots=True)
class ServiceTarget:
    """A Service by which the API server reaches the webhook."""

    namespace: str
    name: str
    port: int = 443

    def names(self, domain: str = "cluster.local") -> tuple[str, ...]:
        """Give every name of the Service, for the server's certificate; ``domain`` is the cluster's."""
        inside = (self.name, f"{self.name}.{self.namespace}", f"{self.name}.{self.namespace}.svc")
        return (*inside, f"{inside[-1]}.{domain}")


@dataclass(frozen=True, slots=True)
class UrlTarget:
    """An address by which the API server reaches the webhook, where it does not reach Services."""

    base: str
    """``https://host:port``."""


def render_configuration(target: ServiceTarget | UrlTarget, bundle: bytes, *, name: str = NAME) -> Object:
    """Give the object; ``bundle`` holds the PEM certificates to trust."""
    version = API_VERSION.rpartition("/")[2]
    shared = {
        "admissionReviewVersions": [version],
        "clientConfig": {**_client(target), "caBundle": base64.b64encode(bundle).decode()},
        "rules": [
            {
                "operations": ["CREATE"],
                "apiGroups": [""],
                "apiVersions": ["v1"],
                "resources": ["pods"],
                "scope": "Namespaced",
            }
        ],
        "failurePolicy": "Ignore",
        "matchPolicy": "Equivalent",
        "namespaceSelector": {"matchLabels": {markers.SPACE_LABEL: "true"}},
        "reinvocationPolicy": "IfNeeded",
        "sideEffects": "None",
        "timeoutSeconds": _SECONDS,
    }
    entries = ((WEBHOOK, "NotIn"), (SESSIONS_WEBHOOK, "In"))
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/managed-by": "alcove"}},
        "webhooks": [{"name": each, **shared, "objectSelector": _opted_out(how)} for each, how in entries],
    }


def _opted_out(operator: str) -> Object:
    return {"matchExpressions": [{"key": markers.NO_PROXY_LABEL, "operator": operator, "values": ["true"]}]}


def _client(target: ServiceTarget | UrlTarget) -> Object:
    if isinstance(target, UrlTarget):
        return {"url": f"{target.base.rstrip('/')}{PATH}"}
    service = {"namespace": target.namespace, "name": target.name, "port": target.port, "path": PATH}
    return {"service": service}
