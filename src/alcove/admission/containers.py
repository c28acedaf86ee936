"""Our two containers and their volumes, as they have to be in every injected pod.

Both run programs of their own image: the same static agent redirects, supervises the proxy, and waits for it.
What a container must know comes as environment: facts of the pod by the downward API, decisions of the
installation as plain values. ``alcove-init`` trades the pod's token for its certificate, as root with the
proxy's group and no capability but NET_ADMIN: so what it leaves for the proxy is readable by that group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from alcove.admission.markers import IDENTITY, INIT, MASK, PROXY, RUN, TOKEN, Object
from alcove.admission.probes import Check
from alcove.admission.settings import InjectionSettings, Resources

AGENT = "/usr/local/bin/alcove-agent"
AUDIENCE = "azds"
"""What the token is for: it is worth nothing to the API server."""

ACCOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
_TOKEN_PATH = "/var/run/secrets/alcove/token"  # noqa: S105  # a path
_IDENTITY_PATH = "/var/run/secrets/alcove/identity"
_RUN_PATH = "/var/run/alcove"
_TOKEN_SECONDS = 3600
_DOWNWARD = {
    "ALCOVE_POD_IP": "status.podIP",
    "ALCOVE_HOST_IP": "status.hostIP",
    "ALCOVE_POD_NAME": "metadata.name",
    "ALCOVE_POD_UID": "metadata.uid",
    "ALCOVE_SPACE": "metadata.namespace",
    "ALCOVE_NODE": "spec.nodeName",
    "ALCOVE_SERVICE_ACCOUNT": "spec.serviceAccountName",
}


def render_init(settings: InjectionSettings, resources: Resources) -> Object:
    """Give ``alcove-init``: it fetches the pod's certificate, then redirects the pod's TCP, then ends."""
    return {
        "name": INIT,
        "image": settings.images.init,
        "imagePullPolicy": settings.images.pull_policy,
        "command": [AGENT, "redirect"],
        "env": _environment(settings),
        "resources": resources.render(),
        "securityContext": {
            **_security(user=0, group=settings.uid),
            "capabilities": {"add": ["NET_ADMIN"], "drop": ["ALL"]},
        },
        "volumeMounts": _mounts(),
    }


def render_proxy(
    settings: InjectionSettings,
    *,
    resources: Resources,
    checks: Sequence[Check],
    ports: Sequence[Object],
) -> Object:
    """Give ``alcove-proxy``: the user's containers start when it answers, since postStart is awaited.

    ``checks`` are the probes that it answers, ``ports`` the declared ports that it does not sniff.
    """
    told = {"ALCOVE_CHECKS": [check.render() for check in checks], "ALCOVE_DECLARED_PORTS": list(ports)}
    variables = _variables({name: _json(value) for name, value in told.items()})
    return {
        "name": PROXY,
        "image": settings.images.proxy,
        "imagePullPolicy": settings.images.pull_policy,
        "command": [AGENT, "proxy"],
        "restartPolicy": "Always",
        "env": [*_environment(settings), *variables],
        "lifecycle": {"postStart": {"exec": {"command": [AGENT, "await-proxy"]}}},
        "resources": resources.render(),
        "securityContext": {
            **_security(user=settings.uid, group=settings.uid),
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [*_mounts(), {"name": RUN, "mountPath": _RUN_PATH}],
    }


def render_volumes() -> list[Object]:
    """Give our volumes. Those in memory hold keys, and do not keep the autoscaler from removing a node."""
    token = {"audience": AUDIENCE, "expirationSeconds": _TOKEN_SECONDS, "path": "token"}
    return [
        {"name": TOKEN, "projected": {"sources": [{"serviceAccountToken": token}]}},
        {"name": IDENTITY, "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
        {"name": RUN, "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}},
        {"name": MASK, "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
    ]


def _environment(settings: InjectionSettings) -> list[Object]:
    ports = settings.ports
    plain = {
        "ALCOVE_CONTROL_PLANE": settings.control_plane,
        "ALCOVE_TRUST": settings.trust,
        "ALCOVE_PROXY_UID": str(settings.uid),
        "ALCOVE_ADMIN_PORT": str(ports.admin),
        "ALCOVE_OUTBOUND_PORT": str(ports.outbound),
        "ALCOVE_INBOUND_PORT": str(ports.inbound),
        "ALCOVE_PROBES_PORT": str(ports.probes),
    }
    downward = [
        {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}
        for name, path in _DOWNWARD.items()
    ]
    return [*downward, *_variables(plain)]


def _variables(values: Mapping[str, str]) -> list[Object]:
    """Give variables as they come back from the API server: empty values are not kept there.

    A dollar is doubled, since the kubelet would take ``$(NAME)`` for a reference.
    """
    return [{"name": name, "value": value.replace("$", "$$")} for name, value in values.items() if value]


def _security(*, user: int, group: int) -> Object:
    """Say everything ourselves: what a pod sets for its containers must not reach ours."""
    return {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "runAsGroup": group,
        "runAsNonRoot": user != 0,
        "runAsUser": user,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _mounts() -> list[Object]:
    """Give the mounts of both; the mask is where the API server would mount the pod's own account.

    Both write certificates: the first gets one, the second renews it.
    """
    return [
        {"name": TOKEN, "mountPath": _TOKEN_PATH, "readOnly": True},
        {"name": IDENTITY, "mountPath": _IDENTITY_PATH},
        {"name": MASK, "mountPath": ACCOUNT_PATH, "readOnly": True},
    ]


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
