"""The clusters by which an Envoy reaches the control plane: always its one address, always by verified TLS.

The name in the server's certificate is that of the Service, whatever the address. Who vouches for it comes
inline, where nothing was fetched yet, or from the file in which the agent keeps what it fetched: Envoy
takes a file up again when another one is renamed to its name.
"""

from __future__ import annotations

from alcove.admission.messages import Body, cluster, extension, http2, socket_address
from alcove.admission.settings import InjectionSettings

SERVER_NAME = "alcove.azds.svc"
"""What the control plane's certificate must hold."""
IDENTITY = "identity"
"""The cluster that answers under ``/identity/``."""
XDS = "xds"
"""The cluster that sends the configuration."""
CERTIFICATE = "certificate"
TRUST = "trust"
"""Names of secrets; the file of one is ``NAME.json``."""
_CONNECT = "5s"
_PINGS = {"interval": "15s", "timeout": "5s"}
"""Finds a control plane that vanished without a word; its servers take a ping every five seconds."""


def render_first_identity_cluster(settings: InjectionSettings) -> Body:
    """Give the cluster for a pod that has nothing yet: it trusts what ``settings`` say."""
    trusted = {"trusted_ca": {"inline_string": settings.trust}}
    validation = {"validation_context": {**trusted, **_named()}}
    return _cluster(IDENTITY, settings.control_plane, settings.control_ports.https, validation)


def render_identity_cluster(settings: InjectionSettings, directory: str) -> Body:
    """Give the cluster for renewals, which trusts what was fetched into ``directory``."""
    return _cluster(IDENTITY, settings.control_plane, settings.control_ports.https, _fetched_trust(directory))


def render_xds_cluster(settings: InjectionSettings, directory: str) -> Body:
    """Give the cluster of the configuration, to which the pod shows its certificate."""
    shown = {"tls_certificate_sds_secret_configs": [_secret(CERTIFICATE, directory)]}
    tls = {**shown, **_fetched_trust(directory)}
    found = _cluster(XDS, settings.control_plane, settings.control_ports.xds, tls)
    return {**found, **http2(connection_keepalive=_PINGS)}


def _cluster(name: str, host: str, port: int, tls: Body) -> Body:
    socket = extension("tls", "UpstreamTls", sni=SERVER_NAME, common_tls_context=tls)
    return cluster(name, socket_address(host, port), connect_timeout=_CONNECT, transport_socket=socket)


def _fetched_trust(directory: str) -> Body:
    return {
        "combined_validation_context": {
            "default_validation_context": _named(),
            "validation_context_sds_secret_config": _secret(TRUST, directory),
        }
    }


def _named() -> Body:
    return {"match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": SERVER_NAME}}]}


def _secret(name: str, directory: str) -> Body:
    watched = {"path": f"{directory}/{name}.json", "watched_directory": {"path": directory}}
    return {
        "name": name,
        "sds_config": {"path_config_source": watched, "resource_api_version": "V3"},
    }
