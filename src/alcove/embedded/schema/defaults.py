"""The defaults of built-in kinds, which no schema tells: a tree per kind, in the shape of its objects.

In a tree, a plain value is the default of a field, a function computes it from the object that lacks it
(None: no default), a ``Tree`` leads into an object (``made``: also when it is missing, always or when a
function of the parent says so), a list of one ``Tree`` into the objects of a list.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from alcove.embedded.objects import GroupResource, Object

Computed = Callable[[Object], Any]


class Tree:
    """Defaults at one place."""

    __slots__ = ("children", "made", "values")

    def __init__(self, *, made: bool | Computed = False, **fields: Any) -> None:
        """Take each field's default or subtree."""
        self.made = made
        self.children = {name: each for name, each in fields.items() if isinstance(each, Tree | list)}
        self.values = {name: each for name, each in fields.items() if name not in self.children}

    def extended(self, **fields: Any) -> Tree:
        """Give a tree with more fields."""
        return Tree(made=self.made, **{**self.values, **self.children, **fields})


def fill(item: Object, tree: Tree) -> Object:
    """Give the object with the tree's defaults; it shares all that did not change, itself if nothing did."""
    changed: Object = {}
    for name, value in tree.values.items():
        if item.get(name) in (None, "") or (name == "targetPort" and item[name] == 0):
            given = value(item) if callable(value) else value
            if given is not None and given != item.get(name):
                changed[name] = given.copy() if isinstance(given, dict | list) else given
    for name, child in tree.children.items():
        entry = item.get(name)
        if isinstance(child, list):
            if isinstance(entry, list):
                filled = [fill(each, child[0]) for each in entry]
                if any(new is not old for new, old in zip(filled, entry, strict=True)):
                    changed[name] = filled
        elif entry is not None or (child.made(item) if callable(child.made) else child.made):
            new = fill(entry or {}, child)
            if new is not entry:
                changed[name] = new
    return item | changed if changed else item


def default(resource: GroupResource, item: Object) -> Object:
    """Give a built-in object of right types with its defaults."""
    tree = TREES.get(resource)
    return item if tree is None else fill(item, tree)


# ---------------------------------------------------------------------------------------------- pods


def _pull_policy(container: Object) -> str:
    name, _, digest = str(container.get("image") or container.get("reference") or "").partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    return "Always" if tag == "latest" or not (tag or digest) else "IfNotPresent"


def _empty_dir(volume: Object) -> Object | None:
    return {} if volume.keys() <= {"name"} else None


_HTTP = Tree(path="/", scheme="HTTP")
_PROBE = Tree(
    timeoutSeconds=1,
    periodSeconds=10,
    successThreshold=1,
    failureThreshold=3,
    httpGet=_HTTP,
    grpc=Tree(service=lambda grpc: "" if "service" not in grpc else None),
)
_HOOK = Tree(httpGet=_HTTP)
_FIELD = Tree(apiVersion="v1")
_AMOUNT = Tree(divisor="0")
_CONTAINER = Tree(
    imagePullPolicy=_pull_policy,
    terminationMessagePath="/dev/termination-log",
    terminationMessagePolicy="File",
    resources=Tree(made=True),
    ports=[Tree(protocol="TCP")],
    env=[Tree(valueFrom=Tree(fieldRef=_FIELD, resourceFieldRef=_AMOUNT))],
    livenessProbe=_PROBE,
    readinessProbe=_PROBE,
    startupProbe=_PROBE,
    lifecycle=Tree(postStart=_HOOK, preStop=_HOOK),
)
_FIELD_FILES = [Tree(fieldRef=_FIELD, resourceFieldRef=_AMOUNT)]
_VOLUME = Tree(
    emptyDir=_empty_dir,
    configMap=Tree(defaultMode=420),
    secret=Tree(defaultMode=420),
    downwardAPI=Tree(defaultMode=420, items=_FIELD_FILES),
    hostPath=Tree(type=lambda source: "" if "type" not in source else None),
    image=Tree(pullPolicy=_pull_policy),
    projected=Tree(
        defaultMode=420,
        sources=[
            Tree(serviceAccountToken=Tree(expirationSeconds=3600), downwardAPI=Tree(items=_FIELD_FILES))
        ],
    ),
    ephemeral=Tree(volumeClaimTemplate=Tree(metadata=Tree(made=True), spec=Tree(volumeMode="Filesystem"))),
    iscsi=Tree(iscsiInterface="default"),
)
_POD_SPEC = Tree(
    restartPolicy="Always",
    dnsPolicy="ClusterFirst",
    terminationGracePeriodSeconds=30,
    schedulerName="default-scheduler",
    securityContext=Tree(made=True),
    containers=[_CONTAINER],
    initContainers=[_CONTAINER],
    volumes=[_VOLUME],
)
_TEMPLATE = Tree(spec=_POD_SPEC)

# ----------------------------------------------------------------------------------------- other kinds


def _traffic(policy: str, *kinds: str) -> Computed:
    return lambda spec: policy if spec.get("type", "ClusterIP") in kinds else None


def _external_policy(spec: Object) -> str | None:
    kind = spec.get("type", "ClusterIP")
    outside = kind in ("NodePort", "LoadBalancer") or (kind == "ClusterIP" and spec.get("externalIPs"))
    return "Cluster" if outside else None


def _affinity_config(spec: Object) -> Object | None:
    return {"clientIP": {"timeoutSeconds": 10800}} if spec.get("sessionAffinity") == "ClientIP" else None


def _rolls(strategy: Object) -> bool:
    return bool(strategy.get("type", "RollingUpdate") == "RollingUpdate")


def _completions(spec: Object) -> int | None:
    return 1 if spec.get("parallelism") is None else None


def _backoff_limit(spec: Object) -> int:
    return 6 if spec.get("backoffLimitPerIndex") is None else 2**31 - 1


def _replacement(spec: Object) -> str:
    return "Failed" if spec.get("podFailurePolicy") else "TerminatingOrFailed"


def _policy_types(spec: Object) -> list[str]:
    return ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]


def _subject_group(subject: Object) -> str | None:
    return None if subject.get("kind") == "ServiceAccount" else "rbac.authorization.k8s.io"


def _lower_kind(names: Object) -> str:
    return str(names.get("kind", "")).lower()


def _default_metrics(_: Object) -> list[Object]:
    target = {"type": "Utilization", "averageUtilization": 80}
    return [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]


def _scaling(*first: Object, **more: Any) -> Tree:
    policies = [*first, {"type": "Percent", "value": 100, "periodSeconds": 15}]
    return Tree(made=True, selectPolicy="Max", policies=lambda _: policies, **more)


def _range_default(limit: Object) -> Object | None:
    return limit.get("max") if limit.get("type") == "Container" else None


def _range_request(limit: Object) -> Object | None:
    if limit.get("type") != "Container":
        return None
    amounts = (limit.get("min") or {}) | (limit.get("max") or {}) | (limit.get("default") or {})
    return amounts or None


_CLAIM = Tree(spec=Tree(volumeMode="Filesystem"), status=Tree(made=True, phase="Pending"))
_BINDING = Tree(roleRef=Tree(apiGroup="rbac.authorization.k8s.io"), subjects=[Tree(apiGroup=_subject_group)])
_WEBHOOK = Tree(
    failurePolicy="Fail",
    matchPolicy="Equivalent",
    namespaceSelector=Tree(made=True),
    objectSelector=Tree(made=True),
    timeoutSeconds=10,
    rules=[Tree(scope="*")],
    clientConfig=Tree(service=Tree(port=443)),
)
_MUTATING_WEBHOOK = _WEBHOOK.extended(reinvocationPolicy="Never")
_PROTOCOLS = [Tree(ports=[Tree(protocol="TCP")])]

TREES: dict[str, Tree] = {
    "pods": Tree(spec=_POD_SPEC.extended(enableServiceLinks=True)),
    "podtemplates": Tree(template=_TEMPLATE),
    "services": Tree(
        spec=Tree(
            made=True,
            sessionAffinity="None",
            sessionAffinityConfig=_affinity_config,
            type="ClusterIP",
            internalTrafficPolicy=_traffic("Cluster", "ClusterIP", "NodePort", "LoadBalancer"),
            externalTrafficPolicy=_external_policy,
            allocateLoadBalancerNodePorts=lambda spec: True if spec.get("type") == "LoadBalancer" else None,
            ports=[Tree(protocol="TCP", targetPort=lambda port: port.get("port"))],
        )
    ),
    "endpoints": Tree(subsets=_PROTOCOLS),
    "endpointslices.discovery.k8s.io": Tree(
        ports=[Tree(name=lambda port: "" if "name" not in port else None, protocol="TCP")]
    ),
    "deployments.apps": Tree(
        spec=Tree(
            replicas=1,
            revisionHistoryLimit=10,
            progressDeadlineSeconds=600,
            strategy=Tree(
                made=True,
                type="RollingUpdate",
                rollingUpdate=Tree(made=_rolls, maxSurge="25%", maxUnavailable="25%"),
            ),
            template=_TEMPLATE,
        )
    ),
    "replicasets.apps": Tree(spec=Tree(replicas=1, template=_TEMPLATE)),
    "statefulsets.apps": Tree(
        spec=Tree(
            replicas=1,
            revisionHistoryLimit=10,
            podManagementPolicy="OrderedReady",
            updateStrategy=Tree(
                made=True, type="RollingUpdate", rollingUpdate=Tree(made=_rolls, partition=0)
            ),
            persistentVolumeClaimRetentionPolicy=Tree(made=True, whenDeleted="Retain", whenScaled="Retain"),
            serviceName=lambda spec: "" if "serviceName" not in spec else None,
            volumeClaimTemplates=[_CLAIM.extended(apiVersion="v1", kind="PersistentVolumeClaim")],
            template=_TEMPLATE,
        )
    ),
    "jobs.batch": Tree(
        spec=Tree(
            completions=_completions,
            parallelism=1,
            backoffLimit=_backoff_limit,
            completionMode="NonIndexed",
            suspend=False,
            podReplacementPolicy=_replacement,
            manualSelector=False,
            template=_TEMPLATE,
        )
    ),
    "namespaces": Tree(status=Tree(made=True, phase="Active")),
    "secrets": Tree(type="Opaque"),
    "persistentvolumeclaims": _CLAIM,
    "persistentvolumes": Tree(
        spec=Tree(
            volumeMode="Filesystem",
            persistentVolumeReclaimPolicy="Retain",
            hostPath=Tree(type=lambda source: "" if "type" not in source else None),
        ),
        status=Tree(made=True, phase="Pending"),
    ),
    "storageclasses.storage.k8s.io": Tree(reclaimPolicy="Delete", volumeBindingMode="Immediate"),
    "networkpolicies.networking.k8s.io": Tree(
        spec=Tree(made=True, policyTypes=_policy_types, ingress=_PROTOCOLS, egress=_PROTOCOLS)
    ),
    "rolebindings.rbac.authorization.k8s.io": _BINDING,
    "clusterrolebindings.rbac.authorization.k8s.io": _BINDING,
    "horizontalpodautoscalers.autoscaling": Tree(
        spec=Tree(
            minReplicas=1,
            metrics=_default_metrics,
            behavior=Tree(
                scaleUp=_scaling(
                    {"type": "Pods", "value": 4, "periodSeconds": 15}, stabilizationWindowSeconds=0
                ),
                scaleDown=_scaling(),
            ),
        )
    ),
    "limitranges": Tree(spec=Tree(limits=[Tree(default=_range_default, defaultRequest=_range_request)])),
    "leases.coordination.k8s.io": Tree(spec=Tree(made=True)),
    "ingressclasses.networking.k8s.io": Tree(spec=Tree(parameters=Tree(scope="Cluster"))),
    "csidrivers.storage.k8s.io": Tree(
        spec=Tree(
            made=True,
            attachRequired=True,
            fsGroupPolicy="ReadWriteOnceWithFSType",
            podInfoOnMount=False,
            requiresRepublish=False,
            seLinuxMount=False,
            storageCapacity=False,
            volumeLifecycleModes=lambda spec: ["Persistent"],
        )
    ),
    "priorityclasses.scheduling.k8s.io": Tree(preemptionPolicy="PreemptLowerPriority", value=0),
    "controllerrevisions.apps": Tree(revision=0),
    "validatingwebhookconfigurations.admissionregistration.k8s.io": Tree(webhooks=[_WEBHOOK]),
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": Tree(webhooks=[_MUTATING_WEBHOOK]),
    "customresourcedefinitions.apiextensions.k8s.io": Tree(
        spec=Tree(
            conversion=Tree(made=True, strategy="None"),
            names=Tree(
                singular=_lower_kind,
                listKind=lambda names: f"{names['kind']}List" if names.get("kind") else None,
            ),
        )
    ),
}
"""By resource; a kind that is not named here has no defaults."""


# ------------------------------------------------------------------------------- beyond single fields


def complete(resource: GroupResource, item: Object) -> Object:
    """Give what ``default`` gives, after what depends on several fields of an object at once."""
    before = _BEFORE.get(resource)
    return default(resource, item if before is None else before(item))


def _encode_strings(secret: Object) -> Object:
    """Move ``stringData``, which is write-only, into ``data``."""
    texts = secret.get("stringData")
    if not texts:
        return secret
    encoded = {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}
    rest = {key: value for key, value in secret.items() if key != "stringData"}
    return rest | {"data": (secret.get("data") or {}) | encoded}


def _label_namespace(namespace: Object) -> Object:
    meta = namespace.get("metadata") or {}
    labels = meta.get("labels") or {}
    key, name = "kubernetes.io/metadata.name", meta.get("name")
    if not name or labels.get(key) == name:
        return namespace
    return namespace | {"metadata": meta | {"labels": labels | {key: name}}}


def _complete_pod(pod: Object) -> Object:
    """Give what is not requested its limit, and ports on the host's network their host port."""
    spec = pod.get("spec") or {}
    changed: Object = {}
    for name in ("containers", "initContainers"):
        if isinstance(spec.get(name), list):
            changed[name] = [_complete_container(each, spec) for each in spec[name]]
    if (spec.get("terminationGracePeriodSeconds") or 0) < 0:
        changed["terminationGracePeriodSeconds"] = 1
    return pod | {"spec": spec | changed} if changed else pod


def _complete_container(container: Object, spec: Object) -> Object:
    resources = container.get("resources") or {}
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    if limits.keys() - requests.keys():
        container = container | {"resources": resources | {"requests": limits | requests}}
    return fill(container, _HOST_PORTS) if spec.get("hostNetwork") else container


def _label_job(job: Object) -> Object:
    meta = job.get("metadata") or {}
    template = (job.get("spec") or {}).get("template") or {}
    labels = (template.get("metadata") or {}).get("labels")
    return job | {"metadata": meta | {"labels": dict(labels)}} if labels and not meta.get("labels") else job


_HOST_PORTS = Tree(ports=[Tree(hostPort=lambda port: port.get("containerPort"))])
_BEFORE: dict[str, Callable[[Object], Object]] = {
    "secrets": _encode_strings,
    "namespaces": _label_namespace,
    "pods": _complete_pod,
    "jobs.batch": _label_job,
}
