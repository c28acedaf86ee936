"""How to reach a cluster and who we are there: kubeconfig files, or the account of the pod we run in.

Plain kubeconfigs (certificates, tokens, passwords) are read here. One that asks a plug-in or an identity
provider for credentials, or that is spread over several files, goes to ``kubernetes_asyncio``.
"""

from __future__ import annotations

import base64
import contextlib
import ssl
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from alcove.kube.errors import KubeError, mask

_POD_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_TOKEN_SECONDS = 60.0
"""How long a token file is believed before it is read again (the kubelet renews it in place)."""

Authorization = Callable[[bool], Awaitable[str]]
"""Gives the ``Authorization`` header, empty for none; True asks for a new one, since the old was refused."""


class AccessError(KubeError):
    """A kubeconfig cannot be used."""


@dataclass(frozen=True, slots=True)
class Access:
    """One cluster, as one user."""

    server: str
    """Its URL, without a slash at the end."""
    tls: ssl.SSLContext | None
    authorization: Authorization
    namespace: str = "default"
    server_name: str = ""
    """The name in the server's certificate, when it is not that of the URL."""
    proxy: str = ""

    def __repr__(self) -> str:
        return f"Access({mask(self.server)!r})"


async def load_access(
    environment: Mapping[str, str],
    *,
    kubeconfig: Path | None = None,
    context: str = "",
    clock: Callable[[], float] = time.monotonic,
) -> Access:
    """Find the cluster: the given file, ``$KUBECONFIG``, ``~/.kube/config``, or the one around this pod.

    Raises:
        AccessError: there is none, or it cannot be used.
    """
    paths = [kubeconfig] if kubeconfig else _default_paths(environment)
    found = [path for path in paths if path.is_file()]
    if not found and not kubeconfig and environment.get("KUBERNETES_SERVICE_HOST"):
        return _pod_access(environment, clock)
    if not found:
        looked = ", ".join(map(str, paths))
        raise AccessError(f"no kubeconfig at {looked}", hint="set KUBECONFIG, or start a cluster first")
    with _telling(found[0]):
        if len(found) == 1:
            chosen = _Chosen(_read(found[0]), context, found[0].parent)
            if not chosen.needs_library:
                return chosen.access(clock)
        return await _library_access(found, context)


class _Chosen:
    """The cluster and user of one context."""

    def __init__(self, config: Mapping[str, Any], context: str, directory: Path) -> None:
        self._directory = directory
        name = context or config.get("current-context") or ""
        chosen = _named(config, "contexts", name)["context"]
        self._cluster: Mapping[str, Any] = _named(config, "clusters", chosen.get("cluster"))["cluster"]
        user = chosen.get("user")
        self._user: Mapping[str, Any] = (_named(config, "users", user).get("user") or {}) if user else {}
        self._namespace = chosen.get("namespace") or "default"

    @property
    def needs_library(self) -> bool:
        return "exec" in self._user or "auth-provider" in self._user

    def access(self, clock: Callable[[], float]) -> Access:
        server = str(self._cluster["server"]).rstrip("/")
        return Access(
            server=server,
            tls=self._tls() if server.startswith("https") else None,
            authorization=self._authorization(clock),
            namespace=self._namespace,
            server_name=self._cluster.get("tls-server-name") or "",
            proxy=self._cluster.get("proxy-url") or "",
        )

    def _tls(self) -> ssl.SSLContext:
        authority = self._content(self._cluster, "certificate-authority")
        context = ssl.create_default_context(cadata=authority.decode() if authority else None)
        if self._cluster.get("insecure-skip-tls-verify"):
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        certificate = self._content(self._user, "client-certificate")
        key = self._content(self._user, "client-key")
        if certificate:
            _load_chain(context, certificate + b"\n" + key)
        return context

    def _authorization(self, clock: Callable[[], float]) -> Authorization:
        user = self._user
        if user.get("tokenFile"):
            return _token_file(self._directory / user["tokenFile"], clock)
        if user.get("token"):
            return _constant(f"Bearer {user['token']}")
        if user.get("username"):
            pair = f"{user['username']}:{user.get('password') or ''}".encode()
            return _constant(f"Basic {base64.b64encode(pair).decode()}")
        return _constant("")

    def _content(self, section: Mapping[str, Any], name: str) -> bytes:
        if section.get(f"{name}-data"):
            return base64.b64decode(section[f"{name}-data"], validate=True)
        return (self._directory / section[name]).read_bytes() if section.get(name) else b""


def _default_paths(environment: Mapping[str, str]) -> list[Path]:
    listed = [Path(part) for part in environment.get("KUBECONFIG", "").split(":") if part]
    return listed or [Path(environment.get("HOME", "/")) / ".kube" / "config"]


def _read(path: Path) -> Mapping[str, Any]:
    config = yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    if not isinstance(config, dict):
        raise ValueError("not a mapping")  # noqa: TRY004  # one error for all damage
    return config


def _named(config: Mapping[str, Any], section: str, name: object) -> Mapping[str, Any]:
    for entry in config.get(section) or ():
        if entry.get("name") == name:
            return dict(entry)
    raise ValueError(f"no {name!r} among its {section}")


@contextlib.contextmanager
def _telling(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, LookupError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise AccessError(
            f"the kubeconfig {path} cannot be used: {error}",
            hint="compare it with the output of 'kubectl config view'",
        ) from error


def _load_chain(context: ssl.SSLContext, pem: bytes) -> None:
    """Load a certificate with its key; the ssl module reads them from files only."""
    with tempfile.TemporaryDirectory(prefix="alcove-") as directory:
        chain = Path(directory) / "chain.pem"
        chain.touch(mode=0o600)
        chain.write_bytes(pem)
        context.load_cert_chain(chain)


def _constant(header: str) -> Authorization:
    async def authorization(_renew: bool) -> str:
        return header

    return authorization


def _token_file(path: Path, clock: Callable[[], float]) -> Authorization:
    header, read_at = "", float("-inf")

    async def authorization(renew: bool) -> str:
        nonlocal header, read_at
        if renew or clock() - read_at >= _TOKEN_SECONDS:
            with _telling(path):
                header, read_at = f"Bearer {path.read_text().strip()}", clock()
        return header

    return authorization


def _pod_access(environment: Mapping[str, str], clock: Callable[[], float]) -> Access:
    host = environment["KUBERNETES_SERVICE_HOST"]
    host = f"[{host}]" if ":" in host else host
    with _telling(_POD_ACCOUNT):
        return Access(
            server=f"https://{host}:{environment.get('KUBERNETES_SERVICE_PORT', '443')}",
            tls=ssl.create_default_context(cafile=_POD_ACCOUNT / "ca.crt"),
            authorization=_token_file(_POD_ACCOUNT / "token", clock),
            namespace=(_POD_ACCOUNT / "namespace").read_text().strip(),
        )


async def _library_access(paths: list[Path], context: str) -> Access:
    """Let the library run plug-ins, refresh tokens and merge files."""
    # Imported here since it takes a second, which everybody else is spared.
    from kubernetes_asyncio.client import Configuration
    from kubernetes_asyncio.config import ConfigException, load_kube_config

    configuration = Configuration()
    joined = ":".join(map(str, paths))

    async def load() -> Any:
        try:
            return await load_kube_config(
                config_file=joined, context=context or None, client_configuration=configuration
            )
        except ConfigException as error:
            raise ValueError(str(error)) from error

    async def authorization(renew: bool) -> str:
        if renew:
            with _telling(paths[0]):
                await load()
        return configuration.api_key.get("BearerToken") or ""

    loader = await load()
    tls = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
    if not configuration.verify_ssl:
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    if configuration.cert_file:
        tls.load_cert_chain(configuration.cert_file, keyfile=configuration.key_file)
    server = str(configuration.host).rstrip("/")
    return Access(
        server=server,
        tls=tls if server.startswith("https") else None,
        authorization=authorization,
        namespace=loader.current_context["context"].get("namespace") or "default",
        server_name=configuration.tls_server_name or "",
        proxy=configuration.proxy or "",
    )
