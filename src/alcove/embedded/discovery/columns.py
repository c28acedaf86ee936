"""Which columns the tables of built-in kinds have: data, in the order of ``kubectl get``."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from alcove.embedded.discovery import ages, cells
from alcove.embedded.discovery.cells import Cell, age, count, joined, selector, value
from alcove.embedded.discovery.paths import JsonPathError, find, parse_json_path
from alcove.embedded.discovery.pod_columns import readiness_gates, summarize_pod
from alcove.embedded.objects import Object, ResourceType


class Column(NamedTuple):
    """One column; ``wide`` ones are shown with ``-o wide`` only."""

    name: str
    cell: Cell
    type: str = "string"
    wide: bool = False
    description: str = ""

    def definition(self) -> Object:
        """Give it as a Table has it."""
        return {
            "name": self.name,
            "type": self.type,
            "format": "name" if self.name == "Name" else "",
            "description": self.description or self.name,
            "priority": 1 if self.wide else 0,
        }


def _wide(name: str, cell: Cell) -> Column:
    return Column(name, cell, wide=True)


def _number(name: str, path: str) -> Column:
    return Column(name, value(path, 0), "integer")


NAME = Column("Name", value("metadata.name"))
AGE = Column("Age", age())
DEFAULT = (NAME, AGE)


_CONTAINERS = "spec.template.spec.containers"
_TEMPLATE = (_wide("Containers", joined(_CONTAINERS, "name")), _wide("Images", joined(_CONTAINERS, "image")))
_SELECTOR = _wide("Selector", selector("spec.selector"))
_BINDING = (
    NAME,
    Column("Role", cells.role),
    AGE,
    _wide("Users", cells.subjects("User")),
    _wide("Groups", cells.subjects("Group")),
    _wide("ServiceAccounts", cells.subjects("ServiceAccount")),
)
_WEBHOOKS = (NAME, Column("Webhooks", count("webhooks"), "integer"), AGE)
_CREATED = (NAME, Column("Created At", value("metadata.creationTimestamp")))
_UNSET = "<unset>"

BUILT_IN: dict[str, tuple[Column, ...]] = {
    "pods": (
        NAME,
        Column("Ready", lambda item, now: summarize_pod(item, now).ready),
        Column("Status", lambda item, now: summarize_pod(item, now).status),
        Column("Restarts", lambda item, now: summarize_pod(item, now).restarts),
        AGE,
        _wide("IP", value("status.podIP", cells.NONE)),
        _wide("Node", value("spec.nodeName", cells.NONE)),
        _wide("Nominated Node", value("status.nominatedNodeName", cells.NONE)),
        _wide("Readiness Gates", lambda item, now: readiness_gates(item)),
    ),
    "services": (
        NAME,
        Column("Type", value("spec.type")),
        Column("Cluster-IP", value("spec.clusterIP", cells.NONE)),
        Column("External-IP", cells.service_address),
        Column("Port(s)", cells.service_ports),
        AGE,
        _wide("Selector", cells.labels("spec.selector")),
    ),
    "deployments.apps": (
        NAME,
        Column("Ready", cells.ratio("status.readyReplicas", "spec.replicas")),
        Column("Up-to-date", value("status.updatedReplicas", 0)),
        Column("Available", value("status.availableReplicas", 0)),
        AGE,
        *_TEMPLATE,
        _SELECTOR,
    ),
    "replicasets.apps": (
        NAME,
        _number("Desired", "spec.replicas"),
        _number("Current", "status.replicas"),
        _number("Ready", "status.readyReplicas"),
        AGE,
        *_TEMPLATE,
        _SELECTOR,
    ),
    "statefulsets.apps": (
        NAME,
        Column("Ready", cells.ratio("status.readyReplicas", "spec.replicas")),
        AGE,
        *_TEMPLATE,
    ),
    "controllerrevisions.apps": (
        NAME,
        Column("Controller", cells.owner),
        Column("Revision", value("revision", 0)),
        AGE,
    ),
    "jobs.batch": (
        NAME,
        Column("Status", cells.job_status),
        Column("Completions", cells.job_completions),
        Column("Duration", cells.job_duration),
        AGE,
        *_TEMPLATE,
        _SELECTOR,
    ),
    "namespaces": (NAME, Column("Status", value("status.phase")), AGE),
    "nodes": (
        NAME,
        Column("Status", cells.node_status),
        Column("Roles", cells.node_roles),
        AGE,
        Column("Version", value("status.nodeInfo.kubeletVersion")),
        _wide("Internal-IP", cells.node_address("InternalIP")),
        _wide("External-IP", cells.node_address("ExternalIP")),
        _wide("OS-Image", value("status.nodeInfo.osImage", "<unknown>")),
        _wide("Kernel-Version", cells.node_kernel),
        _wide("Container-Runtime", value("status.nodeInfo.containerRuntimeVersion", "<unknown>")),
    ),
    "configmaps": (NAME, Column("Data", cells.config_size), AGE),
    "secrets": (NAME, Column("Type", value("type")), Column("Data", count("data")), AGE),
    "podtemplates": (
        NAME,
        Column("Containers", joined("template.spec.containers", "name")),
        Column("Images", joined("template.spec.containers", "image")),
        Column("Pod Labels", cells.labels("template.metadata.labels")),
    ),
    "resourcequotas": (
        NAME,
        Column("Request", cells.quota(False)),
        Column("Limit", cells.quota(True)),
        AGE,
    ),
    "limitranges": _CREATED,
    "endpoints": (NAME, Column("Endpoints", cells.endpoints), AGE),
    "endpointslices.discovery.k8s.io": (
        NAME,
        Column("AddressType", value("addressType")),
        Column("Ports", cells.slice_ports),
        Column("Endpoints", cells.slice_endpoints),
        AGE,
    ),
    "events": (
        Column("Last Seen", cells.event_times("lastTimestamp")),
        Column("Type", value("type")),
        Column("Reason", value("reason")),
        Column("Object", cells.event_object),
        _wide("Subobject", value("involvedObject.fieldPath")),
        _wide("Source", cells.event_source),
        Column("Message", cells.event_message),
        _wide("First Seen", cells.event_times("firstTimestamp")),
        _wide("Count", cells.event_count),
        _wide("Name", value("metadata.name")),
    ),
    "ingresses.networking.k8s.io": (
        NAME,
        Column("Class", value("spec.ingressClassName", cells.NONE)),
        Column("Hosts", cells.ingress_hosts),
        Column("Address", cells.ingress_address),
        Column("Ports", cells.ingress_ports),
        AGE,
    ),
    "ingressclasses.networking.k8s.io": (
        Column("Name", cells.name_with_default("ingressclass.kubernetes.io/is-default-class")),
        Column("Controller", value("spec.controller")),
        Column("Parameters", value("spec.parameters.name", cells.NONE)),
        AGE,
    ),
    "networkpolicies.networking.k8s.io": (
        NAME,
        Column("Pod-Selector", selector("spec.podSelector")),
        AGE,
    ),
    "poddisruptionbudgets.policy": (
        NAME,
        Column("Min Available", value("spec.minAvailable", "N/A")),
        Column("Max Unavailable", value("spec.maxUnavailable", "N/A")),
        _number("Allowed Disruptions", "status.disruptionsAllowed"),
        AGE,
    ),
    "horizontalpodautoscalers.autoscaling": (
        NAME,
        Column("Reference", cells.scaled),
        Column("Targets", lambda item, now: "<unknown>"),
        Column("MinPods", value("spec.minReplicas", _UNSET)),
        Column("MaxPods", value("spec.maxReplicas", 0)),
        Column("Replicas", value("status.currentReplicas", 0)),
        AGE,
    ),
    "persistentvolumes": (
        NAME,
        Column("Capacity", value("spec.capacity.storage", "0")),
        Column("Access Modes", cells.access_modes("spec.accessModes")),
        Column("Reclaim Policy", value("spec.persistentVolumeReclaimPolicy")),
        Column("Status", cells.phase),
        Column("Claim", cells.claim),
        Column("StorageClass", value("spec.storageClassName")),
        Column("VolumeAttributesClass", value("spec.volumeAttributesClassName", _UNSET)),
        Column("Reason", value("status.reason")),
        AGE,
        _wide("VolumeMode", value("spec.volumeMode", _UNSET)),
    ),
    "persistentvolumeclaims": (
        NAME,
        Column("Status", cells.phase),
        Column("Volume", value("spec.volumeName")),
        Column("Capacity", value("status.capacity.storage")),
        Column("Access Modes", cells.access_modes("status.accessModes")),
        Column("StorageClass", value("spec.storageClassName")),
        Column("VolumeAttributesClass", value("spec.volumeAttributesClassName", _UNSET)),
        AGE,
        _wide("VolumeMode", value("spec.volumeMode", _UNSET)),
    ),
    "storageclasses.storage.k8s.io": (
        Column("Name", cells.name_with_default("storageclass.kubernetes.io/is-default-class")),
        Column("Provisioner", value("provisioner")),
        Column("ReclaimPolicy", value("reclaimPolicy", "Delete")),
        Column("VolumeBindingMode", value("volumeBindingMode", "Immediate")),
        Column("AllowVolumeExpansion", value("allowVolumeExpansion", False)),
        AGE,
    ),
    "roles.rbac.authorization.k8s.io": _CREATED,
    "clusterroles.rbac.authorization.k8s.io": _CREATED,
    "rolebindings.rbac.authorization.k8s.io": _BINDING,
    "clusterrolebindings.rbac.authorization.k8s.io": _BINDING,
    "leases.coordination.k8s.io": (NAME, Column("Holder", value("spec.holderIdentity")), AGE),
    "customresourcedefinitions.apiextensions.k8s.io": _CREATED,
    "priorityclasses.scheduling.k8s.io": (
        NAME,
        _number("Value", "value"),
        Column("Global-Default", value("globalDefault", False), "boolean"),
        AGE,
        _wide("PreemptionPolicy", value("preemptionPolicy")),
    ),
    "runtimeclasses.node.k8s.io": (NAME, Column("Handler", value("handler")), AGE),
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": _WEBHOOKS,
    "validatingwebhookconfigurations.admissionregistration.k8s.io": _WEBHOOKS,
    "certificatesigningrequests.certificates.k8s.io": (
        NAME,
        AGE,
        Column("SignerName", value("spec.signerName", cells.NONE)),
        Column("Requestor", value("spec.username")),
        Column("Condition", cells.signing_status),
    ),
}
"""By resource; a kind that is not named here has the name and the age."""


def columns_of(resource_type: ResourceType) -> tuple[Column, ...]:
    """Give the columns of a type, built-in or custom."""
    if resource_type.custom:
        stated = resource_type.extra.get("printerColumns") or ()
        return (NAME, *map(custom_column, stated)) if stated else DEFAULT
    return BUILT_IN.get(resource_type.resource, DEFAULT)


def custom_column(stated: Object) -> Column:
    """Give the column that a CRD's ``additionalPrinterColumns`` entry states; a bad path leaves it empty."""
    kind = stated.get("type", "string")
    try:
        steps = parse_json_path(str(stated.get("jsonPath", "")))
    except JsonPathError:
        steps = None

    def cell(item: Object, now: float) -> Any:
        found = None if steps is None else next(find(item, steps), None)
        return custom_value(kind, found, now)

    return Column(
        stated.get("name", ""),
        cell,
        kind,
        wide=bool(stated.get("priority")),
        description=stated.get("description", ""),
    )


def custom_value(kind: str, found: Any, now: float) -> Any:
    """Give a cell of the column's type; None when the value is of another."""
    if found is None:
        return None
    if kind == "string":
        return found if isinstance(found, str) else msgspec.json.encode(found).decode()
    if kind == "date":
        return ages.age(found, now) if isinstance(found, str) else None
    if kind == "boolean":
        return found if isinstance(found, bool) else None
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    return int(found) if kind == "integer" else found
