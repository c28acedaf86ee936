"""Spaces with canaries in a cluster: what a test says in a few words, in namespaces of its own.

A test speaks of ``dev`` and ``amy``; the namespaces have a prefix that nobody else has. A canary is one pod
that answers for all Services of its space and says the space's name.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import json
import os
import select
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from alcove.app.install.settings import DEFAULT_REGISTRY, InstallSettings
from tests.e2e.kubectl import Kubectl
from tests.e2e.rest import MERGE, Answer, Rest

REGISTRY = os.environ.get("ALCOVE_E2E_REGISTRY", "") or DEFAULT_REGISTRY
IMAGE = InstallSettings(registry=REGISTRY).control_plane_image
SPACE, PARENT, NO_PROXY = "azds.io/space", "azds.io/parent-space", "azds.io/no-proxy"
HTTP, GRPC, TCP, PLAIN = 80, 81, 90, 70
PORTS: tuple[Mapping[str, Any], ...] = (
    {"name": "http", "port": HTTP, "targetPort": 8080},
    {"name": "grpc", "port": GRPC, "targetPort": 8081},
    {"name": "tcp", "port": TCP, "targetPort": 9000},
    {"name": "plain", "port": PLAIN, "targetPort": 8080},
)
"""Of every canary's Service: the last one declares nothing."""

Object = dict[str, Any]
T = TypeVar("T")


def until(find: Callable[[], T], *, seconds: float = 20, every: float = 0.05) -> T:
    """Ask until the answer is true; give it. An AssertionError counts as not yet, until the time is over."""
    ends, pause = time.monotonic() + seconds, threading.Event()
    while True:
        failure: AssertionError | None = None
        found = None
        try:
            found = find()
        except AssertionError as error:
            failure = error
        if found:
            return found
        if time.monotonic() > ends:
            raise AssertionError(f"not within {seconds} s; the last answer: {found!r}") from failure
        pause.wait(every)


class Asker:
    """One ``alcove canary ask`` that runs in a pod for as long as the block."""

    def __init__(self, kubectl: Kubectl, pod: str) -> None:
        """Run in the canary of ``pod``, in kubectl's namespace."""
        self._argv = kubectl.argv("exec", "-i", pod, "-c", "canary", "--", "alcove", "canary", "ask")
        self._pod = pod

    def __enter__(self) -> Asker:
        self._process = subprocess.Popen(
            self._argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def start(self, **asked: Any) -> None:
        """Ask, and let the answer be read later."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()

    def finish(self, seconds: float = 30) -> Object:
        """Give the answer to what was asked."""
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], seconds)
        line = self._process.stdout.readline() if ready else ""
        if not line:
            self._process.kill()
            assert self._process.stderr is not None
            raise AssertionError(f"the asker in {self._pod} gives no answer: {self._process.stderr.read()}")
        found: Object = json.loads(line)
        return found

    def __call__(self, **asked: Any) -> Object:
        """Ask and give the answer."""
        self.start(**asked)
        return self.finish()

    def get(self, address: str, key: str = "", **headers: str) -> Object:
        """Make one HTTP request with a route key; ``_`` in a header's name stands for ``-``."""
        carriers = {"azds-route-as": key} if key else {}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self(do="http", url=f"http://{address}:{HTTP}/", headers=[*({**carriers, **named}).items()])


@dataclass
class Spaces:
    """The spaces of one test."""

    rest: Rest
    cluster: Kubectl
    prefix: str = field(default_factory=lambda: f"e2e-{uuid.uuid4().hex[:6]}")
    made: list[str] = field(default_factory=list)

    def namespace(self, name: str) -> str:
        """Give the namespace that a test calls ``name``."""
        return f"{self.prefix}-{name}"

    def kubectl(self, name: str) -> Kubectl:
        """Give kubectl within a namespace."""
        return self.cluster.within(self.namespace(name))

    def make(self, parents: Mapping[str, str | None]) -> None:
        """Make namespaces: the parent of a child, ``""`` for a root, None for one that is no space."""
        for name, parent in parents.items():
            labels = {key: value for key, value in self._labels(parent).items() if value}
            meta = {"name": self.namespace(name), "labels": labels}
            self.do("POST", "/api/v1/namespaces", {"metadata": meta})
            self.made.append(self.namespace(name))
        for name in parents:
            until(functools.partial(self._exists, name, "serviceaccounts", "default"))

    def _exists(self, name: str, kind: str, item: str) -> bool:
        return self.rest("GET", self.path(name, kind, item)).code == http.client.OK

    def set_parent(self, name: str, parent: str | None) -> None:
        """Change a namespace as ``make`` would have made it."""
        body = {"metadata": {"labels": self._labels(parent)}}
        path = f"/api/v1/namespaces/{self.namespace(name)}"
        self.expect(self.rest.patch(path, body))

    def _labels(self, parent: str | None) -> dict[str, str | None]:
        above = None if not parent else self.namespace(parent)
        return {SPACE: None if parent is None else "true", PARENT: above}

    def add_pod(self, name: str, pod: Object) -> None:
        """Create a pod."""
        self.do("POST", self.path(name, "pods"), pod)

    def pod(self, name: str, pod: str = "canary") -> Object:
        """Give a pod as it is."""
        return dict(self.do("GET", self.path(name, "pods", pod)).body)

    def wait_ready(self, name: str, pod: str = "canary", *, seconds: float = 60) -> str:
        """Wait until a pod is ready; give its address."""

        def ready() -> str:
            status = self.pod(name, pod)["status"]
            told = {one["type"]: one["status"] for one in status.get("conditions", ())}
            return str(status["podIP"]) if told.get("Ready") == "True" else ""

        return until(ready, seconds=seconds, every=0.1)

    def deploy(self, *names: str) -> dict[str, str]:
        """Run a canary in each of the spaces; give their addresses."""
        for name in names:
            self.add_pod(name, canary(name))
        return {name: self.wait_ready(name) for name in names}

    def add_service(
        self, name: str, service: str, ports: Sequence[Mapping[str, Any]] = PORTS, **spec: Any
    ) -> str:
        """Create a Service of the space's canary; give its cluster address."""
        body = {
            "metadata": {"name": service},
            "spec": {"selector": {"app": "canary"}, "ports": [*ports]} | spec,
        }
        made = self.do("POST", self.path(name, "services"), body)
        return str(made.body["spec"].get("clusterIP", ""))

    def remove_service(self, name: str, service: str) -> None:
        """Delete a Service."""
        self.do("DELETE", self.path(name, "services", service))

    def patch_service(self, name: str, service: str, body: Object) -> Object:
        """Change a Service; give it."""
        found = self.expect(self.rest.patch(self.path(name, "services", service), body, MERGE))
        return dict(found.body)

    def asker(self, name: str, pod: str = "canary") -> Asker:
        """Give an asker in a canary's pod."""
        return Asker(self.kubectl(name), pod)

    def do(self, method: str, path: str, body: Any = None) -> Answer:
        """Call the API, which must say yes."""
        return self.expect(self.rest(method, path, body))

    @staticmethod
    def expect(answer: Answer) -> Answer:
        """Give an answer that must be a yes."""
        assert answer.code < http.client.MULTIPLE_CHOICES, answer.body
        return answer

    def remove(self) -> None:
        """Delete all namespaces, and let them go by themselves."""
        for namespace in self.made:
            self.rest("DELETE", f"/api/v1/namespaces/{namespace}")

    def path(self, name: str, kind: str, item: str = "") -> str:
        """Give where a kind of the core group is, or one object of it."""
        return f"/api/v1/namespaces/{self.namespace(name)}/{kind}" + (f"/{item}" if item else "")


@contextlib.contextmanager
def open_spaces(kubeconfig: Path, cluster: Kubectl) -> Iterator[Spaces]:
    """Have spaces for the block."""
    spaces = Spaces(Rest.of(kubeconfig), cluster)
    try:
        yield spaces
    finally:
        spaces.remove()


@contextlib.contextmanager
def open_askers(spaces: Spaces, places: Iterable[str]) -> Iterator[dict[str, Asker]]:
    """Have askers in the canaries of several spaces; they start at the same time."""
    with contextlib.ExitStack() as stack:
        askers = {name: stack.enter_context(spaces.asker(name)) for name in places}
        for asker in askers.values():
            asker.start(do="nothing")
        for asker in askers.values():
            asker.finish(60)
        yield askers


def canary(says: str, name: str = "canary", **labels: str) -> Object:
    """Give the pod of a canary that says ``says``; those of other names answer for no Service."""
    container = {
        "name": "canary",
        "image": IMAGE,
        "args": ["canary", "serve", "--name", says],
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1},
    }
    return {
        "metadata": {"name": name, "labels": {"app": name} | labels},
        "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]},
    }


def header(answer: Mapping[str, Any], name: str) -> str:
    """Give a header of a response as the asker tells it; empty when there is none."""
    return next((value for key, value in answer["headers"] if key.lower() == name), "")


def seen(answer: Mapping[str, Any], name: str) -> str:
    """Give a header of the request as the canary that answered saw it; empty when there was none."""
    return header(answer["body"], name)


def speaker(answer: Mapping[str, Any]) -> str:
    """Give who answered an HTTP request; what went wrong when nobody did."""
    body = answer.get("body")
    if isinstance(body, dict) and "name" in body:
        return str(body["name"])
    return str(answer.get("error") or f"{answer.get('status')} {answer.get('text')}")
