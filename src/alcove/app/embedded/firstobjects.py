"""The objects that every cluster has before anybody creates one."""

from __future__ import annotations

from collections.abc import Sequence

from alcove.embedded.objects import Object

NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
STORAGE_CLASS = "alcove"
_DNS_PORTS = [("dns", 53, "UDP"), ("dns-tcp", 53, "TCP")]


def first_objects(*, node_address: str, api_port: int, dns_address: str) -> Sequence[Object]:
    """Give them in the order in which they can be created.

    ``node_address`` and ``api_port`` are where the API listens inside the cluster's network.
    """
    return [
        *(_object("v1", "Namespace", name) for name in NAMESPACES),
        _object("scheduling.k8s.io/v1", "PriorityClass", "system-node-critical") | {"value": 2000001000},
        _object("scheduling.k8s.io/v1", "PriorityClass", "system-cluster-critical") | {"value": 2000000000},
        _storage_class(),
        _service("default", "kubernetes", "10.96.0.1", [("https", 443, api_port, "TCP")]),
        _slice("default", "kubernetes", node_address, [("https", api_port, "TCP")]),
        _service(
            "kube-system",
            "kube-dns",
            dns_address,
            [(name, port, port, kind) for name, port, kind in _DNS_PORTS],
        ),
        _slice("kube-system", "kube-dns", node_address, _DNS_PORTS),
    ]


def _object(api_version: str, kind: str, name: str, namespace: str = "") -> Object:
    meta = {"name": name, "namespace": namespace} if namespace else {"name": name}
    return {"apiVersion": api_version, "kind": kind, "metadata": meta}


def _storage_class() -> Object:
    found = _object("storage.k8s.io/v1", "StorageClass", STORAGE_CLASS)
    found["metadata"]["annotations"] = {"storageclass.kubernetes.io/is-default-class": "true"}
    return found | {
        "provisioner": "alcove.dev/directory",
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "Immediate",
    }


def _service(namespace: str, name: str, address: str, ports: Sequence[tuple[str, int, int, str]]) -> Object:
    entries = [
        {"name": label, "port": port, "targetPort": target, "protocol": protocol}
        for label, port, target, protocol in ports
    ]
    spec = {"type": "ClusterIP", "clusterIP": address, "ports": entries}
    return _object("v1", "Service", name, namespace) | {"spec": spec}


def _slice(namespace: str, name: str, address: str, ports: Sequence[tuple[str, int, str]]) -> Object:
    found = _object("discovery.k8s.io/v1", "EndpointSlice", name, namespace)
    found["metadata"]["labels"] = {"kubernetes.io/service-name": name}
    return found | {
        "addressType": "IPv4",
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
        "ports": [{"name": label, "port": port, "protocol": protocol} for label, port, protocol in ports],
    }
