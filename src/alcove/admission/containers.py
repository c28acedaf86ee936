"""Our containers and their volumes, as they have to be in every injected pod, and in those of sessions.

All run programs of their own image: the same static agent fetches the pod's certificate, redirects,
supervises Envoy, and waits for it. All it must know it is told by its arguments; about Envoy, whose bootstrap
comes as a variable, it decides nothing. ``alcove-init`` runs as root with the proxy's group and no capability
but NET_ADMIN: so what it leaves for the proxy is readable by that group.
``alcove-build``, in pods of sessions, passes the strictest Pod Security level: it waits for the pod's image,
and writes into one volume.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import msgspec

from alcove.admission.bootstrap import Places, render_exchange_bootstrap, render_proxy_bootstrap
from alcove.admission.identities import CERTIFICATE_PATH, TRUST_PATH
from alcove.admission.issuing import AUDIENCE
from alcove.admission.markers import BUILD, IDENTITY, INIT, MASK, PROXY, RUN, SESSION, TOKEN, Object
from alcove.admission.messages import Body
from alcove.admission.probes import Check
from alcove.admission.settings import InjectionSettings, Resources
from alcove.admission.upstreams import CERTIFICATE, TRUST
from alcove.admission.variables import HOST_IP, POD_IP, reference, render_variables
from alcove.sessions.ids import SessionId

AGENT = "/opt/alcove/bin/alcove-agent"
ENVOY = "/opt/alcove/bin/envoy"
ACCOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
BOOTSTRAP = "ALCOVE_BOOTSTRAP"
"""The variable that holds what Envoy is started with."""
EXCHANGE = "ALCOVE_EXCHANGE"
"""The variable of a proxy that holds what an Envoy is started with which only carries renewals."""

_TOKEN_PATH = "/var/run/secrets/alcove/token"  # noqa: S105  # a path
IDENTITY_VOLUME_PATH = "/var/run/secrets/alcove/identity"
_IDENTITY_PATH = f"{IDENTITY_VOLUME_PATH}/pod"
"""Made by the agent: in the volume itself, which is sticky, the proxy could not replace what root made."""
_RUN_PATH = "/var/run/alcove"
_TOKEN_SECONDS = 3600
_TOKEN_FILE = "token"  # noqa: S105  # a name
FIRST_EXCHANGE = f"{_IDENTITY_PATH}/exchange.sock"
PLACES = Places(_IDENTITY_PATH, exchange=FIRST_EXCHANGE, admin=f"{_RUN_PATH}/admin.sock")
"""One exchange after the other, at the same place: so that one bootstrap serves before a proxy and in it."""
_MASK = {"medium": "Memory", "sizeLimit": "1Mi"}
_MASKED: Object = {"name": MASK, "mountPath": ACCOUNT_PATH, "readOnly": True}
_DRAIN_SECONDS = 604_800
"""A listener that changes keeps its connections for a week: the kinds of ports are part of it."""


def render_init(settings: InjectionSettings, resources: Resources) -> Object:
    """Give ``alcove-init``: it fetches the pod's certificate, then redirects the pod's TCP, then ends."""
    return {
        "name": INIT,
        "image": settings.images.init,
        "imagePullPolicy": settings.images.pull_policy,
        "command": init_command(settings, redirect=True),
        "env": _environment({BOOTSTRAP: render_exchange_bootstrap(settings, FIRST_EXCHANGE)}),
        "resources": resources.render(),
        "securityContext": {
            **_security(user=0, group=settings.uid),
            "capabilities": {"add": ["NET_ADMIN"], "drop": ["ALL"]},
        },
        "volumeMounts": _mounts(),
    }


def render_proxy(settings: InjectionSettings, resources: Resources, *, checks: Sequence[Check]) -> Object:
    """Give ``alcove-proxy``: the user's containers start when it answers, since postStart is awaited.

    Its preStop runs when the pod begins to end, long before its own turn: from then on its callers turn to
    other pods. ``checks`` are the probes that it answers.
    """
    return {
        "name": PROXY,
        "image": settings.images.proxy,
        "imagePullPolicy": settings.images.pull_policy,
        "command": proxy_command(settings),
        "restartPolicy": "Always",
        "env": _environment(
            {
                BOOTSTRAP: render_proxy_bootstrap(settings, PLACES, checks),
                EXCHANGE: render_exchange_bootstrap(settings, PLACES.exchange),
            }
        ),
        "lifecycle": {
            "postStart": {"exec": {"command": admin_command("await-proxy")}},
            "preStop": {"exec": {"command": admin_command("drain")}},
        },
        "resources": resources.render(),
        "securityContext": {
            **_security(user=settings.uid, group=settings.uid),
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [*_mounts(), {"name": RUN, "mountPath": _RUN_PATH}],
    }


def render_build(settings: InjectionSettings, session: SessionId, resources: Resources) -> Object:
    """Give ``alcove-build``: it ends when the image of the session's containers is on the node."""
    parts = settings.session
    return {
        "name": BUILD,
        "image": settings.images.proxy,
        "imagePullPolicy": settings.images.pull_policy,
        "command": [
            *(AGENT, "await-build", "--port", str(parts.build_port), "--session", session),
            *("--directory", parts.directory),
        ],
        "resources": resources.render(),
        "securityContext": {
            **_security(user=settings.uid, group=settings.uid),
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": SESSION, "mountPath": parts.directory}, _MASKED],
    }


def render_session_volumes() -> list[Object]:
    """Give the volumes of a session's pod; the first is on the disk, where nobody's files are sticky."""
    return [
        {"name": SESSION, "emptyDir": {}},
        {"name": MASK, "emptyDir": dict(_MASK)},
    ]


def init_command(settings: InjectionSettings, *, redirect: bool, node: str = "") -> list[str]:
    """Give what fetches a certificate with the exchange's bootstrap, and redirects if it is asked to.

    ``node`` is who the Envoy is, unless its bootstrap says so.
    """
    redirecting = _redirect(settings) if redirect else ()
    envoy = _envoy(settings, BOOTSTRAP, node)
    return [AGENT, "init", *redirecting, *_fetching(FIRST_EXCHANGE), *envoy]


def proxy_command(settings: InjectionSettings, *, node: str = "") -> list[str]:
    """Give what runs the Envoy of a pod or of the gateway, and renews what was fetched.

    The second Envoy takes the first one's place if all has expired: see the agent's ``proxy``.
    """
    envoys = (_envoy(settings, name, node) for name in (BOOTSTRAP, EXCHANGE))
    return [AGENT, "proxy", *_fetching(PLACES.exchange), *itertools.chain(*envoys)]


def admin_command(role: str, *, seconds: int | None = None) -> list[str]:
    """Give what awaits (``await-proxy``) or empties (``drain``) the Envoy of a pod or of the gateway."""
    limit = [] if seconds is None else ["--seconds", str(seconds)]
    return [AGENT, role, "--admin", PLACES.admin, *limit]


def render_volumes() -> list[Object]:
    """Give our volumes. Those in memory hold keys, and do not keep the autoscaler from removing a node."""
    token = {"audience": AUDIENCE, "expirationSeconds": _TOKEN_SECONDS, "path": _TOKEN_FILE}
    return [
        {"name": TOKEN, "projected": {"sources": [{"serviceAccountToken": token}]}},
        {"name": IDENTITY, "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
        {"name": RUN, "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}},
        {"name": MASK, "emptyDir": dict(_MASK)},
    ]


def _environment(bootstraps: Mapping[str, Body]) -> list[Object]:
    texts = {name: msgspec.json.encode(bootstrap).decode() for name, bootstrap in bootstraps.items()}
    return render_variables(**texts)


def _redirect(settings: InjectionSettings) -> list[str]:
    ports = settings.ports
    return [
        *("--redirect", f"{ports.outbound}:{ports.inbound}", "--uid", str(settings.uid)),
        *("--pod-address", reference(POD_IP), "--host-address", reference(HOST_IP)),
        *("--direct", str(ports.probes)),
    ]


def _fetching(socket: str) -> list[str]:
    return [
        *("--token", f"{_TOKEN_PATH}/{_TOKEN_FILE}", "--identity", _IDENTITY_PATH, "--socket", socket),
        *("--fetch", f"{CERTIFICATE_PATH}={CERTIFICATE}.json", "--fetch", f"{TRUST_PATH}={TRUST}.json"),
    ]


def _envoy(settings: InjectionSettings, bootstrap: str, node: str) -> list[str]:
    return [
        *("--", ENVOY, "--config-yaml", reference(bootstrap), "--concurrency", str(settings.concurrency)),
        *("--disable-hot-restart", "--log-level", "warning", "--drain-time-s", str(_DRAIN_SECONDS)),
        *(("--service-node", node) if node else ()),
    ]


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
        {"name": IDENTITY, "mountPath": IDENTITY_VOLUME_PATH},
        _MASKED,
    ]
