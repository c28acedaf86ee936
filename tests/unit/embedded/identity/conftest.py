"""A cluster with the default roles, and a way to grant in one line."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.embedded.fake_api import FakeCluster

from alcove.embedded.identity.bootstrap import default_objects, parse_lines
from alcove.embedded.identity.rbac import RbacAuthorizer
from alcove.embedded.objects import Object

GROUP = "rbac.authorization.k8s.io"
Grant = Callable[..., None]


class Policy:
    """RBAC objects in a fake cluster, counted as they are written."""

    def __init__(self) -> None:
        self.cluster = FakeCluster()
        self.generation = 0
        self.authorizer = RbacAuthorizer(self.cluster, lambda: self.generation)
        self._serial = itertools.count()
        for item in default_objects():
            self.put(item)

    def put(self, item: Object) -> None:
        self.generation += 1
        self.cluster.put(f"{item['kind'].lower()}s.{GROUP}", item)

    def role(self, name: str, *lines: str, namespace: str = "") -> None:
        meta = {"name": name} | ({"namespace": namespace} if namespace else {})
        kind = "Role" if namespace else "ClusterRole"
        self.put({"kind": kind, "metadata": meta, "rules": parse_lines(lines)})

    def bind(self, role: str, *subjects: dict[str, Any], namespace: str = "", kind: str = "") -> None:
        meta: Object = {"name": f"binding-{next(self._serial)}"}
        reference = {"kind": kind or "ClusterRole", "name": role}
        if namespace:
            meta["namespace"] = namespace
        item = {"kind": "RoleBinding" if namespace else "ClusterRoleBinding", "metadata": meta}
        self.put(item | {"roleRef": reference, "subjects": list(subjects)})


@pytest.fixture
def policy() -> Policy:
    return Policy()
