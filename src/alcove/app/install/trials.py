"""What ``doctor`` tries on a cluster; nothing of it stays there."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
from collections.abc import Awaitable, Callable, Sequence

from cryptography import x509

from alcove.admission.facts import PodSecurity, SpaceFacts
from alcove.admission.markers import is_marked, mapping, sequence
from alcove.app.install import gateway, kinds
from alcove.app.install.checks import Trial
from alcove.app.install.pods import is_ready
from alcove.app.install.settings import Record
from alcove.app.install.statuses import Installation
from alcove.app.install.suffixes import decide_suffix
from alcove.kube import errors, resources
from alcove.kube.client import KubeClient, Object, object_key
from alcove.model import SpaceName

Resolver = Callable[[str], Awaitable[Sequence[str]]]
"""Gives the addresses of a name, none where it has none."""

_PROBE = "alcove-doctor"
_SECONDS = 5.0
_NO_GATEWAY = "the endpoint is none: there is no gateway"


async def try_pod(client: KubeClient, seen: Installation, selected: SpaceName | None) -> Trial:
    """Create a pod in a space without keeping it, and look whether it got a proxy."""
    name = "webhook"
    facts = _choose_space(seen, selected)
    if facts is None:
        return Trial(name, skipped="there is no space to try it in", hint="alcove space create NAME")
    try:
        stored = await client.create(resources.PODS, _probe_pod(facts.name), dry_run=True)
    except errors.KubeError as error:
        why = f"whether new pods in {str(facts.name)!r} get a proxy is not known: {error.message}"
        return Trial(name, skipped=why)
    if is_marked(stored):
        return Trial(name, told=f"a new pod in {str(facts.name)!r} gets its proxy")
    return Trial(
        name,
        f"a new pod in {str(facts.name)!r} gets no proxy{_why_none(facts)}",
        "the API server must reach the control plane: let it through the firewall to port 8443 of the nodes, "
        f"and see kubectl logs -n {kinds.NAMESPACE} deploy/{kinds.CONTROL_PLANE}",
    )


async def try_name(seen: Installation, resolve: Resolver) -> Trial:
    """Look up an entry host, and compare with where the gateway is."""
    name, balancer = "names", seen.balancer
    if not seen.has_gateway:
        return Trial(name, skipped=_NO_GATEWAY)
    suffix = str(seen.recorded.get(Record.HOST_SUFFIX) or "")
    if not balancer or not suffix:
        told = f"{kinds.GATEWAY} has {'no host suffix' if balancer else 'no address'} yet"
        return Trial(name, told, "alcove enable --host-suffix DOMAIN" if balancer else _NO_ADDRESS)
    if suffix.endswith(".localhost"):
        return Trial(name, told=f"*{suffix} is this machine, for browsers and curl without a look-up")
    host = f"{_PROBE}{suffix}"
    record = decide_suffix(suffix, balancer).record
    found = set(await resolve(host))
    wanted = {balancer.address} if balancer.address else set(await resolve(balancer.host))
    if found & wanted:
        return Trial(name, told=f"*{suffix} leads to the gateway")
    leads = f"leads to {', '.join(sorted(found))}" if found else "has no address"
    where = balancer.address or balancer.host
    return Trial(name, f"{host} {leads}, and the gateway is at {where}", f"make the DNS record {record}")


async def try_gateway(client: KubeClient, seen: Installation) -> Trial:
    """Send a request to a gateway's pod, for a host that nobody has."""
    name = "gateway answers"
    if not seen.has_gateway:
        return Trial(name, skipped=_NO_GATEWAY)
    pod = find_gateway_pod(seen)
    if pod is None:
        return Trial(name, skipped="no pod of the gateway is ready, or you may not see it")
    try:
        async with asyncio.timeout(_SECONDS):
            line, *_ = (await fetch_head(client, pod, f"{_PROBE}.invalid")).splitlines() or [""]
    except TimeoutError:
        return Trial(name, f"{pod} does not answer within {_SECONDS:g} s")
    except errors.ForbiddenError as error:
        return Trial(name, skipped=f"you may not forward ports there: {error.message}")
    except errors.KubeError as error:
        return Trial(name, f"{pod} cannot be reached: {error.message}")
    if line.startswith("HTTP/"):
        return Trial(name, told=f"{line} for a host that nobody has")
    return Trial(name, f"{pod} answers what is not HTTP: {line!r}")


def find_gateway_pod(seen: Installation) -> str | None:
    """Give a pod of the gateway that is ready."""
    found = (pod for pod in seen.pods or () if _is_gateway(pod) and is_ready(pod))
    return next((object_key(pod)[1] for pod in found), None)


async def fetch_head(client: KubeClient, pod: str, host: str) -> str:
    """Ask a gateway's pod for a host; give the answer's status line and headers, as far as they came."""
    request = f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    answer = b""
    async with client.connect(kinds.NAMESPACE, pod, gateway.HTTP_PORT) as stream:
        await stream.write(request.encode())
        while b"\r\n\r\n" not in answer and answer[:5] in b"HTTP/":
            if not (part := await stream.read()):
                break
            answer += part
    return answer.split(b"\r\n\r\n", 1)[0].decode(errors="replace")


def trust_ends(configuration: Object | None) -> float | None:
    """Give when the last certificate ends that a webhook configuration trusts, None where there is none."""
    webhooks = sequence(configuration or {}, "webhooks")
    bundles = [mapping(one, "clientConfig").get("caBundle") for one in webhooks]
    ends: list[float] = []
    for bundle in filter(None, bundles):
        with contextlib.suppress(ValueError, binascii.Error):
            found = x509.load_pem_x509_certificates(base64.b64decode(str(bundle)))
            ends += [one.not_valid_after_utc.timestamp() for one in found]
    return max(ends, default=None)


async def resolve_name(host: str) -> Sequence[str]:
    """Give the addresses that this machine finds for a name."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None)
    except OSError:
        return ()
    return [str(one[4][0]) for one in found]


_NO_ADDRESS = (
    "does the cluster have anybody who gives addresses to Services of type LoadBalancer? "
    f"kubectl describe service -n {kinds.NAMESPACE} {kinds.GATEWAY}"
)


def _choose_space(seen: Installation, selected: SpaceName | None) -> SpaceFacts | None:
    """Give the selected space, else the first in which nothing but the webhook is in the way."""
    spaces = seen.spaces
    if selected in spaces:
        return spaces[selected]
    return next((spaces[name] for name in sorted(spaces) if not _why_none(spaces[name])), None)


def _why_none(facts: SpaceFacts) -> str:
    if facts.pod_security is not PodSecurity.PRIVILEGED:
        return f", since the Pod Security level of its namespace is {facts.pod_security.value}"
    return f", since {facts.mesh} injects there" if facts.mesh else ""


def _probe_pod(space: SpaceName) -> Object:
    amounts = {"cpu": "10m", "memory": "16Mi"}
    container = {
        "name": "probe",
        "image": _PROBE,
        "resources": {"requests": amounts, "limits": amounts},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    meta = {"name": _PROBE, "namespace": space}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"containers": [container]}}


def _is_gateway(pod: Object) -> bool:
    labels = mapping(pod, "metadata", "labels")
    ours = kinds.pod_labels(kinds.GATEWAY_COMPONENT).items() <= labels.items()
    return ours and object_key(pod)[0] == kinds.NAMESPACE
