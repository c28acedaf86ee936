"""Puts the rooms of the embedded cluster together: who is given what, in the order it is needed."""

from __future__ import annotations

import contextlib
import logging
import shutil
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from alcove import __version__, aio, errors
from alcove.app.embedded import dialing, firstobjects, imagecare, imageserver
from alcove.app.embedded.settings import EmbeddedSettings
from alcove.embedded import discovery, faults
from alcove.embedded.admission.chain import AdmissionChain, WebhookClient
from alcove.embedded.admission.webhook_client import HttpWebhookClient
from alcove.embedded.controllers.running import ControllerSettings, run_controllers
from alcove.embedded.identity import authority as authorities
from alcove.embedded.identity import bootstrap, escalation, rbac, reviews, signing, tokens
from alcove.embedded.images import LocalImageStore, builtin_images
from alcove.embedded.kubelet.agent import Kubelet
from alcove.embedded.kubelet.context import NodeSettings
from alcove.embedded.launcher.client import LauncherClient, LauncherError, open_launcher
from alcove.embedded.launcher.steps import StepRunner
from alcove.embedded.network.network import Network, open_network
from alcove.embedded.objects import GroupResource, Object
from alcove.embedded.ports import PodAccess, ToolError
from alcove.embedded.registry import InProcessApi, ObjectRegistry, StoreReader
from alcove.embedded.schema.catalog import Catalog
from alcove.embedded.serving.server import ApiServer, Backends
from alcove.embedded.storage import ObjectStore
from alcove.images import programs

CLUSTER_PORT = 6443
"""Where the API listens inside of the cluster's network."""
NODE_NAME = "alcove"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that is put together and serves."""

    api: InProcessApi
    images: LocalImageStore
    launcher: LauncherClient
    authority: authorities.Authority
    registry: ObjectRegistry
    store: ObjectStore
    image_care: imagecare.ImageCare


class RbacGeneration:
    """A number that grows with every change of a role or binding, so that compiled rules can be kept."""

    def __init__(self, store: ObjectStore) -> None:
        """Watch the four resources in ``store``."""
        self._store = store
        self._subscription = store.subscribe(*rbac.RESOURCES)
        self._number = 0

    def __call__(self) -> int:
        """Give the number of this moment."""
        try:
            changed = bool(self._subscription.read())
        except faults.ApiError:
            self._subscription = self._store.subscribe(*rbac.RESOURCES)
            changed = True
        self._number += changed
        return self._number


@dataclass(frozen=True, slots=True)
class Api:
    """The API alone: everything that answers requests, but no node and no controllers."""

    store: ObjectStore
    catalog: Catalog
    registry: ObjectRegistry
    authority: authorities.Authority
    key: signing.SigningKey
    tokens: tokens.AccountTokens
    authorizer: rbac.RbacAuthorizer

    def as_component(self, name: str) -> InProcessApi:
        """Give the API as one of the cluster's own components uses it."""
        return InProcessApi(self.store, self.catalog, self.registry, component=name)

    def server(self, pods: PodAccess) -> ApiServer:
        """Give the server; logs, exec and port-forward are asked of ``pods``."""
        backends = Backends(
            registry=self.registry,
            catalog=self.catalog,
            authenticator=self.tokens,
            authorizer=self.authorizer,
            tokens=self.tokens,
            pods=pods,
            discovery=discovery.Discovery(self.catalog),
            reviews=reviews.Reviews(self.tokens, self.authorizer),
            issuer_documents=lambda: _issuer_documents(self.key),
        )
        return ApiServer(backends)


def build_api(store: ObjectStore, keys: Path, webhooks: WebhookClient) -> Api:
    """Put the API together over an open store; ``keys`` is the directory of its keys, made when missing.

    Raises:
        AlcoveError: a key is damaged.
    """
    reader = StoreReader(store)
    key = signing.load_signing_key(keys)
    authorizer = rbac.RbacAuthorizer(reader, RbacGeneration(store))
    guard = escalation.EscalationGuard(authorizer, reader)
    catalog = Catalog.load()
    admission = AdmissionChain(reader, webhooks, check_escalation=guard)
    return Api(
        store=store,
        catalog=catalog,
        registry=ObjectRegistry(store, catalog, admission, catalog, is_free=_is_free),
        authority=authorities.load_authority(keys),
        key=key,
        tokens=tokens.AccountTokens(key, reader),
        authorizer=authorizer,
    )


@contextlib.asynccontextmanager
async def open_cluster(chosen: EmbeddedSettings, listening: socket.socket) -> AsyncIterator[Cluster]:
    """Serve the cluster of ``chosen`` on a bound socket of the machine for as long as the block runs.

    Raises:
        AlcoveError: what it needs is missing, damaged or in use.
    """
    async with contextlib.AsyncExitStack() as stack:
        store = stack.enter_context(contextlib.closing(ObjectStore.open(chosen.database)))
        launcher = await _enter_launcher(stack)
        network = await _enter_network(stack, launcher)
        webhooks = HttpWebhookClient(dialing.ClusterDialer(StoreReader(store), launcher))
        stack.push_async_callback(webhooks.aclose)
        api = build_api(store, chosen.keys, webhooks)
        await create_first_objects(
            api.as_component("bootstrap"), node_address=network.node_address, dns_address=network.dns_address
        )
        images = LocalImageStore(
            chosen.images,
            step_runner=StepRunner(launcher),
            builtin=builtin_images(__version__, programs.proxy_programs),
            notice=_log.warning,
        )
        kubelet = Kubelet(
            api.as_component("kubelet"),
            launcher,
            network,
            images,
            api.tokens,
            settings=_node_settings(chosen, api.catalog.release),
        )
        care = imagecare.ImageCare(images, kubelet)
        door = imageserver.ImageDoor(images, chosen.builds, care.note_new_image)
        await stack.enter_async_context(imageserver.serve_images(chosen.image_socket, door))
        inside = await network.listen(CLUSTER_PORT)
        background = await stack.enter_async_context(aio.open_background(name="cluster"))
        background.start(network.follow(api.as_component("kube-proxy")), name="network")
        background.start(_run_controllers(chosen, api), name="controllers")
        background.start(kubelet.run(), name="kubelet")
        background.start(care.run(), name="image care")
        server = api.server(kubelet).serve(
            [listening, inside], api.authority.server_context(network.node_address)
        )
        await stack.enter_async_context(server)
        own = api.as_component("alcove")
        yield Cluster(own, images, launcher, api.authority, api.registry, api.store, care)


async def _enter_launcher(stack: contextlib.AsyncExitStack) -> LauncherClient:
    try:
        return await stack.enter_async_context(open_launcher())
    except LauncherError as error:
        raise errors.UnavailableError(
            "the embedded cluster cannot make namespaces and mounts",
            cause=str(error),
            hint="it needs root: sudo alcove cluster start",
        ) from error


async def _enter_network(stack: contextlib.AsyncExitStack, launcher: LauncherClient) -> Network:
    try:
        return await stack.enter_async_context(open_network(launcher))
    except ToolError as error:
        raise errors.UnavailableError(
            "the cluster's network cannot be made", cause=str(error), hint="install nftables and iproute2"
        ) from error


async def create_first_objects(api: InProcessApi, *, node_address: str, dns_address: str) -> None:
    """Create what every cluster has from the start, as far as it is not there."""
    first = firstobjects.first_objects(
        node_address=node_address, api_port=CLUSTER_PORT, dns_address=dns_address
    )
    for item in [*first, *bootstrap.default_objects()]:
        resource = _RESOURCES[item["kind"]]
        meta = item["metadata"]
        if api.get(resource, meta.get("namespace", ""), meta["name"]) is None:
            await api.create(resource, item)


_RESOURCES = {
    "Namespace": GroupResource("namespaces"),
    "Service": GroupResource("services"),
    "EndpointSlice": GroupResource("endpointslices.discovery.k8s.io"),
    "PriorityClass": GroupResource("priorityclasses.scheduling.k8s.io"),
    "StorageClass": GroupResource("storageclasses.storage.k8s.io"),
    "ClusterRole": GroupResource("clusterroles.rbac.authorization.k8s.io"),
    "ClusterRoleBinding": GroupResource("clusterrolebindings.rbac.authorization.k8s.io"),
}


def _is_free(port: int) -> bool:
    """Tell whether nobody on this machine listens at a port that a Service may get."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _node_settings(chosen: EmbeddedSettings, release: str) -> NodeSettings:
    return NodeSettings(
        name=NODE_NAME,
        data_directory=chosen.pods,
        kubernetes_version=release,
        alcove_version=__version__,
        image_endpoint=f"unix://{chosen.image_socket}",
    )


async def _run_controllers(chosen: EmbeddedSettings, api: Api) -> None:
    settings = ControllerSettings(
        ca_certificate=api.authority.certificate_pem.decode(),
        load_balancer_address="127.0.0.1",
        make_volume_directory=lambda claim: _make_volume(chosen.volumes, claim),
        remove_volume_directory=shutil.rmtree,
        token_issuer=api.tokens,
    )
    await run_controllers(api.as_component("kube-controller-manager"), catalog=api.catalog, settings=settings)


def _make_volume(directory: Path, claim: Object) -> str:
    meta = claim["metadata"]
    path = directory / f"{meta['namespace']}-{meta['name']}-{meta['uid']}"
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o777)
    return str(path)


def _issuer_documents(key: signing.SigningKey) -> tuple[Object, Object]:
    return signing.openid_configuration(tokens.ISSUER, f"{tokens.ISSUER}/openid/v1/jwks"), key.key_set()
