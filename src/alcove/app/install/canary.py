"""The canary that ``doctor`` sends through every stage: a space of its own with a child, for a minute.

::

    root space:  canary (says "root"), Services canary and canary-root
    child space: canary (says "child"), Service canary

    root  ── canary ─────────────────► root     a pod reaches its own space
    root  ── canary, key child ──────► child    the routing key counts
    child ── canary ─────────────────► child    a child space's own service hides its parent's
    child ── canary-root ────────────► root     what it does not have comes from its parent
    gateway ── root.canary.SUFFIX ───► root     the gateway serves Ingresses
    gateway ── child.s.root.canary... ► child   and their children's hosts

Each stage is tried for a while, since routes take a moment. Afterwards both namespaces are deleted.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from alcove.admission.markers import PARENT_LABEL, SPACE_LABEL, is_marked, mapping, sequence
from alcove.app.install import kinds, workloads
from alcove.app.install.checks import Trial
from alcove.app.install.pods import is_ready
from alcove.app.install.settings import Record
from alcove.app.install.statuses import Installation
from alcove.app.install.trials import fetch_head, find_gateway_pod
from alcove.app.install.troubles import find_troubles
from alcove.kube import errors, resources
from alcove.kube.client import ExecOptions, ExecStream, KubeClient, Object, Selection
from alcove.kube.resources import Resource
from alcove.model import RouteKey
from alcove.spaces.hosts import render_host

_NAME = "canary"
_ONLY_ROOT = "canary-root"
_POD = "canary-pod"
"""Unlike the Services: a pod finds its own name in its hosts file."""
_PORT = 8080
_CARRIER = "azds-route-as"
_READY_SECONDS = 60.0
_STAGE_SECONDS = 10.0
_PAUSE = 0.2
_HINTS = {
    "caller": "do pods see Service addresses? Socket-level load balancing must be off in pods: see 'cluster'",
    "key": "the caller's proxy has no routes: kubectl logs -n azds deploy/alcove-controlplane",
    "names": "short names of parents need the cluster's DNS; see the pod's /etc/resolv.conf",
    "gateway": "kubectl logs -n azds deploy/alcove-gateway",
}


@dataclass(frozen=True, slots=True)
class Flight:
    """One canary: the names of its two spaces, and what runs in them."""

    root: str
    image: str
    pull_policy: str
    suffix: str
    """Empty where there is no gateway, or it has no suffix yet."""

    @property
    def child(self) -> str:
        """The child space."""
        return f"{self.root}-child"


@dataclass(frozen=True, slots=True)
class Stage:
    """One request, and who must answer it."""

    name: str
    caller: str
    """The namespace of the pod that asks; empty for the gateway."""
    host: str
    key: str
    answers: str
    hint: str


def plan_flight(seen: Installation, token: str) -> Flight | None:
    """Plan a canary in namespaces whose names end with ``token``; None without a control plane to copy."""
    spec = mapping(seen.deployments.get(kinds.CONTROL_PLANE, {}), "spec", "template", "spec")
    for container in sequence(dict(spec), "containers"):
        suffix = str(seen.recorded.get(Record.HOST_SUFFIX) or "") if seen.has_gateway else ""
        policy = str(container.get("imagePullPolicy") or "IfNotPresent")
        return Flight(f"alcove-canary-{token}", str(container.get("image")), policy, suffix)
    return None


def plan_stages(flight: Flight) -> tuple[Stage, ...]:
    """Give the requests in the order in which each one needs those before it."""
    root, child = flight.root, flight.child
    inside = (
        Stage("canary: own space", root, _NAME, "", "root", _HINTS["caller"]),
        Stage("canary: routing key", root, _NAME, child, "child", _HINTS["key"]),
        Stage("canary: child space", child, _NAME, "", "child", _HINTS["caller"]),
        Stage("canary: fallback", child, _ONLY_ROOT, "", "root", _HINTS["names"]),
    )
    if not flight.suffix:
        return inside
    host, prefixed = _host(flight), render_host(_host(flight), RouteKey(child))
    return (
        *inside,
        Stage("canary: gateway", "", host, "", "root", _HINTS["gateway"]),
        Stage("canary: child host", "", prefixed, "", "child", _HINTS["gateway"]),
    )


def render_flight(flight: Flight) -> Iterator[tuple[Resource, Object]]:
    """Give the objects, namespaces first."""
    for name, parent in ((flight.root, ""), (flight.child, flight.root)):
        meta = kinds.metadata(name, namespace="")
        meta["labels"] = {
            **meta["labels"],
            SPACE_LABEL: "true",
            **({PARENT_LABEL: parent} if parent else {}),
        }
        yield resources.NAMESPACES, kinds.typed(resources.NAMESPACES, meta)
    for name, service in ((flight.root, _NAME), (flight.child, _NAME), (flight.root, _ONLY_ROOT)):
        yield resources.SERVICES, _service(name, service)
    if flight.suffix:
        yield resources.INGRESSES, _ingress(flight)
    for name, says in ((flight.root, "root"), (flight.child, "child")):
        yield resources.PODS, _pod(flight, name, says)


async def fly(client: KubeClient, seen: Installation, token: str) -> AsyncGenerator[Trial, None]:
    """Yield what each stage came to, until one that all others need fails; nothing of it stays."""
    flight = plan_flight(seen, token)
    if flight is None:
        yield Trial("canary", skipped="there is no control plane whose image it could run")
        return
    try:
        if trial := await _launch(client, flight):
            yield trial
            return
        async with _askers(client, flight) as askers:
            for stage in plan_stages(flight):
                yield await _try_stage(client, seen, stage, askers)
    except errors.ForbiddenError as error:
        yield Trial("canary", skipped=f"you may not do what it takes: {error.message}")
    except (errors.KubeError, TimeoutError) as error:
        yield Trial("canary", f"it could not be sent: {error or 'no answer in time'}")
    finally:
        for name in (flight.child, flight.root):
            with contextlib.suppress(errors.KubeError):
                await client.delete(resources.NAMESPACES, name)


async def _launch(client: KubeClient, flight: Flight) -> Trial | None:
    """Make all of it and wait until it runs; give what went wrong."""
    for resource, item in render_flight(flight):
        if resource == resources.PODS:
            await _await(client, resources.SERVICE_ACCOUNTS, item["metadata"]["namespace"], "default")
        await client.create(resource, item)
    for name in (flight.root, flight.child):
        pod = await _await(client, resources.PODS, name, _POD)
        if not is_marked(pod):
            return Trial("canary", f"its pod in {name!r} got no proxy", "see the check 'webhook'")
        if not is_ready(pod):
            why = "; ".join(str(one) for one in find_troubles([pod], ())) or "it does not get ready"
            return Trial("canary", f"its pod in {name!r} does not run: {why}", "see 'control plane'")
    return None


async def _await(client: KubeClient, resource: Resource, namespace: str, name: str) -> Object:
    """Give an object once it is there, and ready if it is a pod; as it is when that takes too long."""
    last: Object = {}
    selection = Selection(namespace, fields=f"metadata.name={name}")
    with contextlib.suppress(TimeoutError):
        async with (
            asyncio.timeout(_READY_SECONDS),
            aclosing(client.watch(resource, selection)) as events,
        ):
            async for _kind, item in events:
                last = item or last
                if item and (resource != resources.PODS or is_ready(item)):
                    return item
    return last


async def _try_stage(
    client: KubeClient, seen: Installation, stage: Stage, askers: dict[str, _Asker]
) -> Trial:
    """Ask until the right one answers, or for as long as a route may take."""
    answer, ends = "", asyncio.get_running_loop().time() + _STAGE_SECONDS
    while True:
        answer = (
            await askers[stage.caller].ask(stage) if stage.caller else await _ask_gateway(client, seen, stage)
        )
        if answer == stage.answers:
            return Trial(stage.name, told=f"{stage.host} is answered by {answer}")
        if asyncio.get_running_loop().time() >= ends:
            break
        await asyncio.sleep(_PAUSE)
    asked = f"{stage.host} with the key of the child" if stage.key else stage.host
    return Trial(stage.name, f"{asked} is answered by {answer}, not by {stage.answers}", stage.hint)


async def _ask_gateway(client: KubeClient, seen: Installation, stage: Stage) -> str:
    pod = find_gateway_pod(seen)
    if pod is None:
        return "nobody: no pod of the gateway is ready"
    try:
        async with asyncio.timeout(_STAGE_SECONDS):
            head = await fetch_head(client, pod, stage.host)
    except (errors.UnreachableError, TimeoutError) as error:
        return f"nobody: {error or 'no answer in time'}"
    status, *lines = head.splitlines() or [""]
    headers = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
    return headers.get("x-canary") or status or "nobody"


class _Asker:
    """A client that runs in a canary's pod."""

    def __init__(self, stream: ExecStream) -> None:
        self._stream = stream
        self._output = stream.output()
        self._rest = b""

    async def ask(self, stage: Stage) -> str:
        """Make the stage's request; give who answered, or what happened instead."""
        headers = [[_CARRIER, stage.key]] if stage.key else []
        asked = {"do": "http", "url": f"http://{stage.host}/", "headers": headers}
        await self._stream.write(json.dumps(asked).encode() + b"\n")
        async with asyncio.timeout(_STAGE_SECONDS + _READY_SECONDS):
            return _speaker(await self._line())

    async def _line(self) -> bytes:
        while b"\n" not in self._rest:
            try:
                channel, content = await anext(self._output)
            except StopAsyncIteration:
                return self._rest
            self._rest += content if channel == 1 else b""
        line, _, self._rest = self._rest.partition(b"\n")
        return line


@contextlib.asynccontextmanager
async def _askers(client: KubeClient, flight: Flight) -> AsyncIterator[dict[str, _Asker]]:
    options = ExecOptions(("alcove", "canary", "ask"), container=_NAME, stdin=True)
    async with contextlib.AsyncExitStack() as stack:
        yield {
            name: _Asker(await stack.enter_async_context(client.exec(name, _POD, options)))
            for name in (flight.root, flight.child)
        }


def _speaker(line: bytes) -> str:
    try:
        answer = json.loads(line)
    except ValueError:
        return "nobody: the client in the pod has ended"
    body = answer.get("body")
    if isinstance(body, dict) and "name" in body:
        return str(body["name"])
    return str(answer.get("error") or f"{answer.get('status')} {str(answer.get('text')).strip()}")


def _host(flight: Flight) -> str:
    return f"{flight.root}.{_NAME}{flight.suffix}"


def _service(namespace: str, name: str) -> Object:
    port = {"name": "http", "port": 80, "targetPort": _PORT, "protocol": "TCP"}
    spec = {"selector": {"app": _NAME}, "ports": [port]}
    return kinds.typed(resources.SERVICES, kinds.metadata(name, namespace=namespace), spec=spec)


def _ingress(flight: Flight) -> Object:
    backend = {"service": {"name": _NAME, "port": {"number": 80}}}
    rule = {
        "host": _host(flight),
        "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]},
    }
    meta = kinds.metadata(_NAME, namespace=flight.root)
    return kinds.typed(resources.INGRESSES, meta, spec={"ingressClassName": "alcove", "rules": [rule]})


def _pod(flight: Flight, namespace: str, says: str) -> Object:
    container: dict[str, Any] = {
        "name": _NAME,
        "image": flight.image,
        "imagePullPolicy": flight.pull_policy,
        "args": ["canary", "serve", "--name", says],
        "ports": [{"name": "http", "containerPort": _PORT}],
        "readinessProbe": {"httpGet": {"path": "/", "port": _PORT}, "periodSeconds": 1},
        "resources": {
            "requests": {"cpu": "50m", "memory": "64Mi"},
            "limits": {"cpu": "1", "memory": "256Mi"},
        },
        "securityContext": workloads.container_security(),
    }
    meta = kinds.metadata(_POD, namespace=namespace)
    meta["labels"] = {**meta["labels"], "app": _NAME}
    spec = {
        "terminationGracePeriodSeconds": 1,
        "automountServiceAccountToken": False,
        "containers": [container],
    }
    return kinds.typed(resources.PODS, meta, spec=spec)
