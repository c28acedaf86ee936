"""The Session object: what of a session outlives the hub, and what others may read of it.

``spec`` is what the user asked for (``settings.UpSettings``), ``status`` what became of it. A hub that starts
anew goes on from both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from alcove.kube.client import Object
from alcove.kube.resources import Resource
from alcove.sessions.calls import Port, SessionView
from alcove.sessions.settings import UpSettings

SESSIONS = Resource("alcove.dev", "v1", "sessions", "Session")

SESSION_LABEL = "alcove.dev/session"
"""On pods and Session objects: the session's id."""
BUILD_LABEL = "alcove.dev/build"
"""On pods: the number of the build that they run."""
PROJECT_LABEL = "alcove.dev/project"

BUILD_CONTAINER = "alcove-build"
BUILD_PORT = 15080
AGENT_PORT = 15090
"""Of the first session container of a pod; the second has the next."""
SHARED_DIRECTORY = "/.alcove"


class SessionStatus(msgspec.Struct, frozen=True, rename="camel"):
    """How far a session is."""

    phase: str = "Pending"
    """Pending, Installing, Building, Starting, Running, Failed."""
    message: str = ""
    build: int = 0
    """The number of the last build that was begun."""
    tag: str = ""
    """Its tag; empty before the first."""
    release: str = ""
    built: str = ""
    """The manifest of that build."""
    manifest: str = ""
    """The manifest that the containers are to have."""
    synchronization: str = ""
    synchronized_at: float = 0.0
    updated: str = ""
    ports: tuple[Port, ...] = ()
    """What can be opened on the workstation."""
    hosts: tuple[str, ...] = ()
    """URLs of its ingresses."""


class Session(msgspec.Struct, frozen=True):
    """A session as it is kept."""

    id: str
    settings: UpSettings
    status: SessionStatus = SessionStatus()

    def render(self, namespace: str) -> Object:
        """Give the object to create; the status is written apart."""
        project = self.settings.project
        return {
            "apiVersion": SESSIONS.api_version,
            "kind": SESSIONS.kind,
            "metadata": {
                "name": self.id,
                "namespace": namespace,
                "labels": {
                    "app.kubernetes.io/managed-by": "alcove",
                    SESSION_LABEL: self.id,
                    PROJECT_LABEL: project.id,
                },
            },
            "spec": {
                "project": project.name,
                "directory": project.directory,
                "client": project.client,
                "configuration": self.settings.configuration,
                "settings": msgspec.to_builtins(self.settings),
            },
        }

    def render_status(self) -> Object:
        """Give the body of a patch of the status."""
        return {"status": msgspec.to_builtins(self.status)}

    def view(self, instances: tuple[str, ...] = ()) -> SessionView:
        """Give it as lists show it."""
        project, status = self.settings.project, self.status
        return SessionView(
            self.id,
            project.name,
            project.directory,
            project.client,
            status.phase,
            status.tag,
            status.release,
            instances,
            status.message,
            status.updated,
        )


def parse_session(item: Mapping[str, Any]) -> Session:
    """Read an object.

    Raises:
        ValueError: it is not one that a hub wrote.
    """
    spec = item.get("spec")
    status = item.get("status")
    try:
        name = msgspec.convert(item["metadata"]["name"], str)
        settings = msgspec.convert((spec or {}).get("settings"), UpSettings)
        return Session(name, settings, msgspec.convert(status or {}, SessionStatus))
    except (msgspec.ValidationError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a session: {error}") from error
