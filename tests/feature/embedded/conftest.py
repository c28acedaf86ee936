"""The embedded API, served over TLS, without a node."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from alcove.app.embedded import composition, dialing, kubeconfig
from alcove.embedded import faults
from alcove.embedded.admission.webhook_client import HttpWebhookClient
from alcove.embedded.objects import GroupResource
from alcove.embedded.registry import StoreReader
from alcove.embedded.storage import ObjectStore
from alcove.kube.access import load_access
from alcove.kube.client import KubeClient
from alcove.kube.http import open_client
from alcove.kube.watching import Pause


class NoPods:
    """A node that runs nothing."""

    def __getattr__(self, _name: str) -> Any:
        raise faults.not_found("pods", "any")


class NoNetwork:
    """A launcher without a cluster's network behind it."""

    async def open_socket(self, *_: object) -> socket.socket:
        raise OSError("there is no network")


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[KubeClient]:
    listening = socket.create_server(("127.0.0.1", 0))
    async with contextlib.AsyncExitStack() as stack:
        store = stack.enter_context(contextlib.closing(ObjectStore.open(tmp_path / "cluster.db")))
        network: Any = NoNetwork()
        webhooks = HttpWebhookClient(dialing.ClusterDialer(StoreReader(store), network))
        stack.push_async_callback(webhooks.aclose)
        api = composition.build_api(store, tmp_path / "pki", webhooks)
        await composition.create_first_objects(
            api.as_component("bootstrap"), node_address="10.0.0.1", dns_address="10.96.0.10"
        )
        account = {"kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "default"}}
        await api.as_component("bootstrap").create(
            GroupResource("serviceaccounts"), {"apiVersion": "v1", **account}
        )
        pods: Any = NoPods()
        context = api.authority.server_context()
        await stack.enter_async_context(api.server(pods).serve([listening], context))
        pair = api.authority.client_certificate("admin", ["system:masters"])
        port = listening.getsockname()[1]
        access = kubeconfig.Access(
            f"https://127.0.0.1:{port}", api.authority.certificate_pem, pair.certificate, pair.key, tmp_path
        )
        path = tmp_path / "kubeconfig"
        path.write_text(yaml.safe_dump(kubeconfig.render(access)))
        pause = Pause(lambda _seconds: asyncio.sleep(0))
        loaded = await load_access({}, kubeconfig=path)
        yield await stack.enter_async_context(open_client(loaded, pause=pause))
