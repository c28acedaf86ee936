"""Pods, spaces and settings that the tests of the webhook share."""

from __future__ import annotations

import string
from typing import Any

from hypothesis import strategies as st

from alcove.admission.facts import SpaceFacts
from alcove.admission.inject import Injected, inject
from alcove.admission.settings import ClusterDns, Images, InjectionSettings
from alcove.model import SpaceName

Object = dict[str, Any]

SETTINGS = InjectionSettings(
    version="1.2.3",
    images=Images("alcove/proxy:1.2.3", "alcove/proxy:1.2.3"),
    control_plane="10.96.0.20",
    trust="PEM of the authority\n",
    dns=ClusterDns(("10.96.0.10",), node_searches=("corp.example",)),
)
ROOT = SpaceFacts(SpaceName("dev"))
CHILD = SpaceFacts(SpaceName("alice"), (SpaceName("team"), SpaceName("dev")))
PROBES_PORT = SETTINGS.ports.probes


def app(name: str = "app", **fields: Any) -> Object:
    """Give one container."""
    return {"name": name, "image": "shop:1", **fields}


def pod(*containers: Object, metadata: Object | None = None, **spec: Any) -> Object:
    """Give a pod, by default with one container, with as few fields as possible."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "shop", **(metadata or {})},
        "spec": {"containers": list(containers) or [app()], **spec},
    }


def injected(item: Object, facts: SpaceFacts = CHILD) -> Object:
    """Give the pod as it is injected; it must be."""
    outcome = inject(item, facts, SETTINGS)
    assert isinstance(outcome, Injected), outcome
    return outcome.pod


def warnings_of(item: Object, facts: SpaceFacts = CHILD) -> str:
    """Give the warnings of an injection, one per line."""
    outcome = inject(item, facts, SETTINGS)
    assert isinstance(outcome, Injected), outcome
    return "\n".join(outcome.warnings)


NAMES = st.text(string.ascii_lowercase, min_size=1, max_size=6)
_NUMBERS = st.integers(1, 14999)
_PORTS = st.fixed_dictionaries(
    {"containerPort": _NUMBERS},
    optional={
        "name": st.sampled_from(["http", "http-admin", "tcp-raw", "x"]),
        "protocol": st.sampled_from(["TCP", "UDP"]),
    },
)
_PROBES = st.one_of(
    st.builds(lambda port: {"tcpSocket": {"port": port}}, _NUMBERS | st.sampled_from(["http", "absent"])),
    st.builds(lambda port, host: {"tcpSocket": {"port": port, "host": host}}, _NUMBERS, NAMES),
    st.builds(lambda port, service: {"grpc": {"port": port, "service": service}}, _NUMBERS, st.text()),
    st.builds(lambda port: {"httpGet": {"port": port, "path": "/"}, "periodSeconds": 3}, _NUMBERS),
    st.just({"exec": {"command": ["true"]}}),
)
_USERS = st.fixed_dictionaries({}, optional={"runAsUser": st.sampled_from([0, 1000, SETTINGS.uid])})


def _containers(**more: st.SearchStrategy[Any]) -> st.SearchStrategy[Object]:
    return st.fixed_dictionaries(
        {"name": NAMES, "image": NAMES},
        optional={
            "ports": st.none() | st.lists(_PORTS, max_size=3),
            "readinessProbe": st.none() | _PROBES,
            "livenessProbe": _PROBES,
            "startupProbe": _PROBES,
            "securityContext": st.none() | _USERS,
            "resources": st.sampled_from([{}, {"limits": {"cpu": "1"}}]),
            "env": st.lists(st.fixed_dictionaries({"name": NAMES, "value": NAMES}), max_size=2),
            **more,
        },
    )


def _listed(items: st.SearchStrategy[Object], least: int = 0) -> st.SearchStrategy[list[Object]]:
    return st.lists(items, min_size=least, max_size=3, unique_by=lambda one: str(one["name"]))


_LABELS = st.dictionaries(NAMES, NAMES, max_size=2)
_ANNOTATIONS = st.dictionaries(st.just("azds.io/proxy-resources") | NAMES, st.text(), max_size=2)
_VOLUMES = st.fixed_dictionaries({"name": NAMES, "emptyDir": st.just({})})
_DNS = st.fixed_dictionaries(
    {},
    optional={
        "searches": st.none() | st.lists(NAMES, max_size=40),
        "nameservers": st.lists(st.sampled_from(["1.1.1.1", "9.9.9.9", "8.8.8.8"]), max_size=3),
        "options": st.lists(st.just({"name": "ndots", "value": "2"}), max_size=1),
    },
)

PODS: st.SearchStrategy[Object] = st.fixed_dictionaries(
    {
        "apiVersion": st.just("v1"),
        "kind": st.just("Pod"),
        "metadata": st.fixed_dictionaries(
            {}, optional={"labels": st.none() | _LABELS, "annotations": st.none() | _ANNOTATIONS}
        ),
        "spec": st.fixed_dictionaries(
            {"containers": _listed(_containers(), 1)},
            optional={
                "initContainers": st.none() | _listed(_containers(restartPolicy=st.just("Always"))),
                "volumes": st.none() | _listed(_VOLUMES),
                "dnsPolicy": st.sampled_from(["ClusterFirst", "Default", "None", "ClusterFirstWithHostNet"]),
                "dnsConfig": st.none() | _DNS,
                "securityContext": st.none() | _USERS,
            },
        ),
    }
)
"""Pods as users write them, of the fields that injection looks at."""
