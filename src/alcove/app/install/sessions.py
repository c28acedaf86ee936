"""What sessions need of a cluster: their kind, and who may have to do with it.

A session is a user's work in a namespace, so its objects belong to whoever may edit there: the rules join the
built-in roles, and nobody needs another binding. Only a hub says what became of one (``status``), with the
rights of the space's account.
"""

from __future__ import annotations

from collections.abc import Iterator

from alcove.app.install import kinds
from alcove.kube.client import Object
from alcove.sessions.objects import SESSIONS

NAME = f"{SESSIONS.plural}.{SESSIONS.group}"
EDIT, VIEW = "alcove-sessions", "alcove-sessions-view"
_AGGREGATE = "rbac.authorization.k8s.io/aggregate-to-"
_RESOURCES = [SESSIONS.plural, f"{SESSIONS.plural}/status"]
_READ = ["get", "list", "watch"]

EDIT_RULES: tuple[Object, ...] = (
    {
        "apiGroups": [SESSIONS.group],
        "resources": _RESOURCES,
        "verbs": [*_READ, "create", "update", "patch", "delete", "deletecollection"],
    },
)
"""What joins ``admin`` and ``edit``."""

VIEW_RULES: tuple[Object, ...] = (
    {"apiGroups": [SESSIONS.group], "resources": _RESOURCES, "verbs": list(_READ)},
)
"""What joins ``view``."""


def render_sessions() -> Iterator[Object]:
    """Give the kind, and the roles that join the built-in ones."""
    yield kinds.typed(kinds.DEFINITIONS, kinds.metadata(NAME, namespace=""), spec=_definition())
    yield _role(EDIT, EDIT_RULES, "admin", "edit")
    yield _role(VIEW, VIEW_RULES, "view")


def _role(name: str, rules: tuple[Object, ...], *joined: str) -> Object:
    meta = kinds.metadata(name, namespace="")
    meta["labels"] |= {f"{_AGGREGATE}{one}": "true" for one in joined}
    return kinds.typed(kinds.CLUSTER_ROLES, meta, rules=list(rules))


def _definition() -> Object:
    return {
        "group": SESSIONS.group,
        "scope": "Namespaced",
        "names": {
            "plural": SESSIONS.plural,
            "singular": SESSIONS.kind.lower(),
            "kind": SESSIONS.kind,
            "listKind": f"{SESSIONS.kind}List",
        },
        "versions": [
            {
                "name": SESSIONS.version,
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "additionalPrinterColumns": [
                    _column("Project", ".spec.project"),
                    _column("Phase", ".status.phase"),
                    _column("Tag", ".status.tag"),
                    _column("Message", ".status.message", priority=1),
                    _column("Age", ".metadata.creationTimestamp", kind="date"),
                ],
                "schema": {"openAPIV3Schema": _schema()},
            }
        ],
    }


def _column(name: str, path: str, *, kind: str = "string", priority: int = 0) -> Object:
    more = {"priority": priority} if priority else {}
    return {"name": name, "type": kind, "jsonPath": path, **more}


def _schema() -> Object:
    return {
        "type": "object",
        "description": "One developer's live work on one service in one space; its name is its id.",
        "properties": {
            "spec": _texts(
                project="The project's name.",
                configuration="Of azds.yaml.",
                release="The Helm release.",
                service="The Service that it works on.",
                debug="The language whose debugger listens.",
                client="Who works, as user@workstation.",
                directory="The project's directory on the workstation.",
            ),
            "status": _texts(
                phase="What is being done.",
                tag="The tag of the images of the last build.",
                message="What there is to say.",
                manifest="The tree that the containers are to have.",
                updated="When this was written.",
            ),
        },
    }


def _texts(**described: str) -> Object:
    """Give an object of texts, which may hold more: what hubs of other versions keep there."""
    return {
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": True,
        "properties": {name: {"type": "string", "description": told} for name, told in described.items()},
    }
