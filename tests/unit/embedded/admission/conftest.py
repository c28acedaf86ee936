"""Requests in one line, and webhooks that answer what a test tells them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from tests.unit.embedded.fake_api import FakeCluster

from alcove.embedded.admission.chain import AdmissionChain, WebhookCallError
from alcove.embedded.objects import GroupResource, Object, ResourceType
from alcove.embedded.ports import AdmissionRequest, UserInfo

JANE = UserInfo("jane", ("system:authenticated",))
POD = ResourceType("", "v1", "Pod", "pods", "pod", True, ())
CONFIG_MAP = ResourceType("", "v1", "ConfigMap", "configmaps", "configmap", True, ())
EVERYTHING = {"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*/*"]}

Reply = Callable[[Object], object]


def write(
    resource_type: ResourceType = CONFIG_MAP,
    item: Object | None = None,
    *,
    old: Object | None = None,
    operation: str = "CREATE",
    **more: Any,
) -> AdmissionRequest:
    """Give a request on the object ``new`` of namespace ``dev``."""
    if item is None and operation != "DELETE":
        item = {"apiVersion": resource_type.api_version, "kind": resource_type.kind, "metadata": {}}
    namespace = "dev" if resource_type.namespaced else ""
    told: dict[str, Any] = {"subresource": "", "namespace": namespace, "name": "new", "user": JANE} | more
    return AdmissionRequest(operation=operation, resource_type=resource_type, object=item, old=old, **told)


def allow(patch: object = None, **more: Any) -> Reply:
    """Give a reply that allows, with a patch."""

    def reply(review: Object) -> object:
        response: Object = {"uid": review["request"]["uid"], "allowed": True} | more
        if patch is not None:
            response["patchType"] = "JSONPatch"
            response["patch"] = base64.b64encode(json.dumps(patch).encode()).decode()
        return {"apiVersion": review["apiVersion"], "kind": "AdmissionReview", "response": response}

    return reply


def deny(**status: Any) -> Reply:
    """Give a reply that refuses."""
    return allow(allowed=False, status=status)


class Webhooks:
    """A cluster with webhooks; ``asked`` lists the reviews that were sent, with the webhook's name."""

    def __init__(self) -> None:
        self.cluster = FakeCluster()
        self.cluster.put("namespaces", {"metadata": {"name": "dev", "labels": {"team": "a"}}})
        self.asked: list[tuple[str, Object]] = []
        self.escalations: list[str] = []
        self._replies: dict[str, Reply] = {}
        self.chain = AdmissionChain(
            self.cluster, self, check_escalation=lambda request: self.escalations.append(request.name)
        )

    def add(self, name: str, reply: Reply, *, kind: str = "mutating", **hook: Any) -> None:
        """Register one webhook in a configuration of its own name."""
        told = {"name": name, "clientConfig": {"url": name}, "rules": [EVERYTHING]}
        told |= {"admissionReviewVersions": ["v1"], "sideEffects": "None"} | hook
        resource = GroupResource(f"{kind}webhookconfigurations.admissionregistration.k8s.io")
        self.cluster.put(resource, {"metadata": {"name": name}, "webhooks": [told]})
        self._replies[name] = reply

    def names(self) -> list[str]:
        return [name for name, _ in self.asked]

    async def call(self, client_config: Mapping[str, Any], review: Object, *, seconds: float) -> object:
        name = client_config["url"]
        self.asked.append((name, review))
        return self._replies[name](review)


def unreachable(_review: Object) -> object:
    raise WebhookCallError("connection refused")


@pytest.fixture
def webhooks() -> Webhooks:
    return Webhooks()
