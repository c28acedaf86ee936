"""Puts the control plane together, and runs it until a signal ends it: from_env -> build -> run."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import time
from collections.abc import Mapping
from pathlib import Path

from alcove import __version__, aio
from alcove.admission.certificates import Certificates
from alcove.admission.configuration import ServiceTarget
from alcove.admission.identities import IdentityServer
from alcove.admission.server import AdmissionServer, ServerIdentity
from alcove.admission.settings import ClusterDns, Images, InjectionSettings
from alcove.app.controlplane import builders
from alcove.app.controlplane.certificates import SecretStore
from alcove.app.controlplane.custody import Custodian
from alcove.app.controlplane.directory import ObservedSpaces
from alcove.app.controlplane.lease import Candidate, run_candidate
from alcove.app.controlplane.publishing import RoutePublisher, serve_routes
from alcove.app.controlplane.resolver import parse_resolver
from alcove.app.controlplane.reviewing import ClusterReviewer, ServedReviewer
from alcove.app.controlplane.secrets import follow_certificates
from alcove.app.controlplane.settings import ControlPlaneSettings
from alcove.app.controlplane.watching import ObjectStore, follow_cluster, watched_by_controlplane
from alcove.app.controlplane.writing import Writer
from alcove.app.gateway.certificates import make_fallback
from alcove.app.spaces.creation import BUILDS_NAMESPACE
from alcove.kube.access import load_access
from alcove.kube.client import KubeClient
from alcove.kube.http import open_client
from alcove.pki import DAY
from alcove.routing.envoy.names import ProxySettings
from alcove.xds.credentials import Credentials
from alcove.xds.encoding import Encoder
from alcove.xds.publisher import Publisher
from alcove.xds.server import ServerSettings, open_server

_FALLBACK_SECONDS = 10 * 365 * DAY
_RESOLVER = Path("/etc/resolv.conf")
_log = logging.getLogger(__name__)


class ControlPlane:
    """One replica: its parts, each given what it needs and nothing else."""

    def __init__(self, client: KubeClient, settings: ControlPlaneSettings, dns: ClusterDns) -> None:
        """Serve the cluster of ``client``, whose pods look names up as ``dns`` says."""
        self._client = client
        self._settings = settings
        self._dns = dns
        self._watches = (*watched_by_controlplane(settings.namespace), *builders.WATCHES)
        self._target = ServiceTarget(settings.namespace, settings.service)
        self.store = ObjectStore(each.name for each in self._watches)
        self.publisher = Publisher()
        now = time.time()
        self.routes = RoutePublisher(
            self.store,
            self.publisher,
            Encoder(),
            settings=ProxySettings(),
            fallback=make_fallback(now, now + _FALLBACK_SECONDS),
        )
        self.candidate = Candidate(client, settings.namespace, settings.pod, settings=settings.lease)
        self.custodian = Custodian(
            SecretStore(client, settings.namespace),
            self._target.names(dns.domain),
            is_writer=lambda: self.candidate.holds(time.monotonic()),
        )
        self.builders = builders.BuilderKeeper(
            client,
            self.store,
            injection=self.injection,
            image=settings.builder_image,
            pull_policy=settings.pull_policy,
            clock=time.time,
        )
        self.writer = Writer(
            client,
            self.store,
            settings.namespace,
            injection=self.injection,
            clock=time.time,
            also=(self.builders.work,),
        )

    def injection(self) -> InjectionSettings | None:
        """Give what injected containers are told now; None while it is not known yet."""
        certificates = self.custodian.current
        service = self.store.find("services", self._settings.namespace, self._settings.service)
        if certificates is None or service is None:
            return None
        image = self._settings.proxy_image
        return InjectionSettings(
            version=__version__,
            images=Images(image, image, self._settings.pull_policy),
            control_plane=str(service["spec"]["clusterIP"]),
            trust=certificates.bundle.decode(),
            dns=self._dns,
        )

    async def run(self) -> None:
        """Serve until cancelled."""
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self.candidate.resign)
            background = await stack.enter_async_context(aio.open_background(name="controlplane"))
            background.start(follow_cluster(self._client, self.store, self._watches), name="watches")
            background.start(follow_certificates(self._client, self.store), name="secrets")
            clocks = (time.monotonic, time.time)
            background.start(
                run_candidate(self.candidate, clocks, settings=self._settings.lease), name="lease"
            )
            first = asyncio.get_running_loop().create_future()
            self.custodian.tell(lambda found: None if first.done() else first.set_result(found))
            background.start(self.custodian.serve(time.time), name="certificates")
            certificates = await first
            await self._serve(stack, certificates)
            batch = self._settings.batch
            background.start(serve_routes(self.routes, self.store, time.monotonic, batch), name="routes")
            background.start(self.writer.serve(lambda: self.candidate.holds(time.monotonic())), name="writer")
            await asyncio.Event().wait()

    async def _serve(self, stack: contextlib.AsyncExitStack, certificates: Certificates) -> None:
        """Listen on both ports, and show newer certificates as they come."""
        settings = self._settings
        identity = ServerIdentity(certificates.server.pair)
        listener = stack.enter_context(_bind(settings.host, settings.https_port))
        spaces = ObservedSpaces(self.store, self._client)
        own = (settings.namespace, BUILDS_NAMESPACE)
        reviewer = ServedReviewer(ClusterReviewer(self._client), spaces, own)
        identities = IdentityServer(reviewer, lambda: self.custodian.current)
        admission = AdmissionServer(spaces, self.injection, identities=identities)
        await stack.enter_async_context(admission.serve(listener, identity))
        listening = ServerSettings(host=settings.host, port=settings.xds_port)
        server = await stack.enter_async_context(
            open_server(self.publisher, _credentials(certificates), listening)
        )

        def show(newer: Certificates) -> None:
            identity.rotate(newer.server.pair)
            server.rotate(_credentials(newer))

        self.custodian.tell(show)
        _log.info("listening on ports %s and %s", settings.https_port, settings.xds_port)


async def run_controlplane(environment: Mapping[str, str]) -> None:
    """Run one replica until SIGTERM or SIGINT.

    Raises:
        AlcoveError: the environment lacks something, or there is no way to the cluster.
    """
    settings = ControlPlaneSettings.from_env(environment)
    dns = parse_resolver(_RESOLVER.read_text(errors="replace"), settings.namespace)
    access = await load_access(environment)
    async with open_client(access) as client, asyncio.TaskGroup() as group:
        replica = group.create_task(ControlPlane(client, settings, dns).run(), name="controlplane")
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, replica.cancel)


def _credentials(certificates: Certificates) -> Credentials:
    pair = certificates.server.pair
    return Credentials(pair.certificate, pair.key, certificates.bundle)


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=1024)
