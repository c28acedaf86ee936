"""The hub of a space: made by who needs it, with that user's rights, and gone with the last session.

It listens on its pod's loopback alone, so the right to ``pods/portforward`` in the namespace is what lets
somebody in. Its account may there what ``admin`` may, and nothing elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alcove import __version__, errors
from alcove.kube import resources
from alcove.kube.client import KubeClient, Object, PatchKind, Selection
from alcove.kube.errors import ForbiddenError, NotFoundError
from alcove.kube.resources import Resource

HUB = "alcove-hub"
ACCOUNT = "alcove-space"
OWN_NAMESPACE = "azds"
COMPONENT = {"app.kubernetes.io/name": "alcove", "app.kubernetes.io/component": "hub"}
STORE_PATH = "/var/lib/alcove"
SCRATCH_PATH = "/var/lib/alcove-scratch"
"""For what is written for a moment; not /tmp, below which an image may have its programs."""
TOKEN_PATH = "/var/run/secrets/alcove/token"  # noqa: S105  # a path

_LABELS = {**COMPONENT, "app.kubernetes.io/managed-by": "alcove"}
_CLAIMS = Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
_CLASSES = Resource("storage.k8s.io", "v1", "storageclasses", "StorageClass", namespaced=False)
_BINDINGS = Resource("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding")
_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
_USER = 65532
_TOKEN_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Installation:
    """What the ConfigMap ``azds/alcove`` says of the cluster."""

    registry: str
    version: str
    host_suffix: str
    control_plane: str
    trust: str


@dataclass(frozen=True, slots=True)
class HubSettings:
    """How the hub of a space runs."""

    namespace: str
    installation: Installation
    storage: str = ""
    """Size of its volume; empty: sources are lost with its pod."""

    @property
    def image(self) -> str:
        """The image that it runs."""
        return f"{self.installation.registry}/alcove:{self.installation.version.replace('+', '-')}"


def parse_installation(item: Mapping[str, object]) -> Installation:
    """Read the ConfigMap.

    Raises:
        UnavailableError: the control plane has not written all of it (yet).
    """
    found = item.get("data")
    texts = {str(key): str(value) for key, value in found.items()} if isinstance(found, Mapping) else {}
    missing = [key for key in ("controlPlane", "trust") if not texts.get(key)]
    if missing:
        raise errors.UnavailableError(
            "the control plane does not say how it is reached",
            cause=f"ConfigMap {OWN_NAMESPACE}/alcove has no {' and no '.join(missing)}",
            hint="alcove status; a cluster that an older version enabled: alcove enable",
        )
    return Installation(
        texts.get("imageRegistry") or "alcove",
        texts.get("version") or __version__,
        texts.get("hostSuffix", ""),
        texts["controlPlane"],
        texts["trust"],
    )


async def fetch_installation(client: KubeClient) -> Installation:
    """Ask the cluster.

    Raises:
        ConflictError: the cluster is not enabled.
        UnavailableError: it is not ready.
    """
    try:
        found = await client.get(resources.CONFIG_MAPS, "alcove", namespace=OWN_NAMESPACE)
    except (NotFoundError, ForbiddenError) as error:
        raise errors.ConflictError(
            "this cluster is not enabled", cause=error.message, hint="alcove enable"
        ) from error
    return parse_installation(found)


async def find_storage(client: KubeClient) -> bool:
    """Tell whether the cluster has a default storage class; one that may not be seen does not count."""
    try:
        classes = await client.list(_CLASSES)
    except ForbiddenError:
        return False
    return any(
        (one["metadata"].get("annotations") or {}).get(_DEFAULT_CLASS) == "true" for one in classes.items
    )


def render_hub(settings: HubSettings) -> list[tuple[Resource, Object]]:
    """Give the objects in the order in which they are to be made."""
    objects: list[tuple[Resource, Object]] = [
        (resources.SERVICE_ACCOUNTS, _named("v1", "ServiceAccount", ACCOUNT)),
        (_BINDINGS, _binding(settings.namespace)),
    ]
    if settings.storage:
        claim = _named("v1", "PersistentVolumeClaim", HUB)
        claim["spec"] = {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": settings.storage}},
        }
        objects.append((_CLAIMS, claim))
    return [*objects, (resources.DEPLOYMENTS, _deployment(settings))]


async def ensure_hub(client: KubeClient, settings: HubSettings) -> None:
    """Make the hub, or bring it up to date.

    Raises:
        KubeError: the user may not.
    """
    for resource, item in render_hub(settings):
        name = item["metadata"]["name"]
        try:
            if resource is _CLAIMS:
                # What of a claim may change depends on its class: it is made once.
                await _ensure_claim(client, settings.namespace, item)
                continue
            await client.patch(
                resource, name, item, kind=PatchKind.APPLY, namespace=settings.namespace, force=True
            )
        except ForbiddenError as error:
            raise errors.ConflictError(
                f"you may not make the hub of the space {settings.namespace!r}",
                cause=error.message,
                hint=f"you need the rights of the role 'admin' in it: kubectl create rolebinding NAME "
                f"--clusterrole=admin --user=YOU -n {settings.namespace}",
            ) from error


async def remove_hub(client: KubeClient, namespace: str) -> None:
    """Take the hub out of a space, its volume included."""
    for resource, name in (
        (resources.DEPLOYMENTS, HUB),
        (_CLAIMS, HUB),
        (_BINDINGS, ACCOUNT),
        (resources.SERVICE_ACCOUNTS, ACCOUNT),
    ):
        try:
            await client.delete(resource, name, namespace=namespace)
        except NotFoundError:
            continue


async def hub_pods(client: KubeClient, namespace: str) -> Sequence[Object]:
    """Give the pods of the hub that are not on their way out, the newest last."""
    labels = ",".join(f"{key}={value}" for key, value in COMPONENT.items())
    found = await client.list(resources.PODS, Selection(namespace, labels=labels))
    alive = [one for one in found.items if "deletionTimestamp" not in one["metadata"]]
    return sorted(alive, key=lambda one: str(one["metadata"].get("creationTimestamp", "")))


async def has_hub(client: KubeClient, namespace: str) -> bool:
    """Tell whether the space has a hub.

    Raises:
        KubeError: it may not be asked.
    """
    try:
        await client.get(resources.DEPLOYMENTS, HUB, namespace=namespace)
    except NotFoundError:
        return False
    return True


def _named(api_version: str, kind: str, name: str) -> Object:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "labels": dict(_LABELS)}}


def _binding(namespace: str) -> Object:
    return {
        **_named("rbac.authorization.k8s.io/v1", "RoleBinding", ACCOUNT),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admin"},
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": namespace}],
    }


def _deployment(settings: HubSettings) -> Object:
    labels = {**_LABELS, "azds.io/no-proxy": "true"}
    security = {
        "runAsNonRoot": True,
        "runAsUser": _USER,
        "runAsGroup": _USER,
        "fsGroup": _USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    spec: Object = {
        "serviceAccountName": ACCOUNT,
        "automountServiceAccountToken": True,
        "enableServiceLinks": False,
        "securityContext": security,
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "terminationGracePeriodSeconds": 5,
        "containers": [_container(settings)],
        "volumes": _volumes(settings),
    }
    return {
        **_named("apps/v1", "Deployment", HUB),
        "spec": {
            "replicas": 1,
            "revisionHistoryLimit": 1,
            # Two hubs must not speak to the same agents, nor share a volume.
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": dict(COMPONENT)},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


def _container(settings: HubSettings) -> Object:
    installed = settings.installation
    environment = {
        "ALCOVE_CONTROL_PLANE": installed.control_plane,
        "ALCOVE_TRUST": installed.trust,
        "ALCOVE_STORE": STORE_PATH,
        "TMPDIR": SCRATCH_PATH,
        "ALCOVE_STORE_PERSISTENT": "true" if settings.storage else "",
        "ALCOVE_TOKEN": f"{TOKEN_PATH}/token",
    }
    fields = {"ALCOVE_NAMESPACE": "metadata.namespace", "ALCOVE_POD_NAME": "metadata.name"}
    return {
        "name": "hub",
        "image": settings.image,
        "args": ["hub"],
        "env": [
            *({"name": key, "value": value} for key, value in environment.items()),
            *({"name": key, "valueFrom": {"fieldRef": {"fieldPath": path}}} for key, path in fields.items()),
        ],
        "resources": {
            "requests": {"cpu": "50m", "memory": "128Mi"},
            "limits": {"cpu": "2", "memory": "1Gi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [
            {"name": "store", "mountPath": STORE_PATH},
            {"name": "scratch", "mountPath": SCRATCH_PATH},
            {"name": "token", "mountPath": TOKEN_PATH, "readOnly": True},
        ],
    }


def _volumes(settings: HubSettings) -> list[Object]:
    token = {"path": "token", "audience": "azds", "expirationSeconds": _TOKEN_SECONDS}
    store: Object = {"emptyDir": {}}
    if settings.storage:
        store = {"persistentVolumeClaim": {"claimName": HUB}}
    return [
        {"name": "store", **store},
        {"name": "scratch", "emptyDir": {}},
        {"name": "token", "projected": {"sources": [{"serviceAccountToken": token}]}},
    ]


async def _ensure_claim(client: KubeClient, namespace: str, item: Object) -> None:
    try:
        await client.get(_CLAIMS, HUB, namespace=namespace)
    except NotFoundError:
        await client.create(_CLAIMS, {**item, "metadata": {**item["metadata"], "namespace": namespace}})
