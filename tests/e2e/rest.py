"""A thin client of the raw API, for tests that look at codes, bodies and headers themselves."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import tempfile
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import yaml

MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"


class Answer(NamedTuple):
    """What the server said."""

    code: int
    body: Any
    """The parsed JSON, or the text if it is none."""
    headers: Mapping[str, str]

    @property
    def warnings(self) -> list[str]:
        """The texts of the ``Warning`` headers."""
        told = self.headers.get("Warning", "")
        return [part for part in told.split('"')[1::2] if part]


@dataclass
class Rest:
    """The API at one address, as one user."""

    host: str
    port: int
    tls: ssl.SSLContext
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, kubeconfig: Path) -> Rest:
        """Read the address and the credentials of the current context."""
        config = yaml.safe_load(kubeconfig.read_text())
        context = _named(config["contexts"], config["current-context"])["context"]
        cluster = _named(config["clusters"], context["cluster"])["cluster"]
        user = _named(config["users"], context["user"])["user"]
        address = urllib.parse.urlsplit(cluster["server"])
        headers = {"Authorization": f"Bearer {user['token']}"} if "token" in user else {}
        return cls(address.hostname or "", address.port or 443, _tls(cluster, user), headers)

    def with_headers(self, **headers: str) -> Rest:
        """Give the same with more headers; ``_`` in a name stands for ``-``."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return Rest(self.host, self.port, self.tls, {**self.headers, **more})

    def acting_as(self, user: str) -> Rest:
        """Give the same for an impersonated user."""
        return self.with_headers(Impersonate_User=user)

    def with_token(self, token: str) -> Rest:
        """Give the same for the owner of a token."""
        plain = ssl.create_default_context()
        plain.check_hostname, plain.verify_mode = False, ssl.CERT_NONE
        return Rest(self.host, self.port, plain, {"Authorization": f"Bearer {token}"} if token else {})

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Send one request; a body that is not bytes or text goes as JSON."""
        content = body if isinstance(body, bytes) or body is None else _encoded(body)
        sent = {"Content-Type": "application/json", "Accept": "application/json", **self.headers}
        sent.update({name.replace("_", "-"): value for name, value in headers.items()})
        connection = self._connection()
        try:
            connection.request(method, path, content, sent)
            response = connection.getresponse()
            told = ",".join(response.headers.get_all("Warning") or ())
            return Answer(response.status, _parsed(response.read()), {**response.headers, "Warning": told})
        finally:
            connection.close()

    def patch(self, path: str, body: Any, content_type: str = MERGE) -> Answer:
        """Send a patch of the given kind."""
        return self("PATCH", path, body, Content_Type=content_type)

    def apply(self, path: str, body: Any, manager: str, *, force: bool = False) -> Answer:
        """Send a server-side apply."""
        joint = "&" if "?" in path else "?"
        query = f"{joint}fieldManager={manager}" + ("&force=true" if force else "")
        return self("PATCH", path + query, body, Content_Type=APPLY)

    def events(self, path: str, most: int = 1000) -> Iterator[dict[str, Any]]:
        """Yield the events of a watch until the server ends it (give it ``timeoutSeconds``)."""
        connection = self._connection()
        try:
            connection.request("GET", path, headers=self.headers)
            response = connection.getresponse()
            if response.status != http.client.OK:
                yield {"type": "REFUSED", "object": _parsed(response.read())}
                return
            for _ in range(most):
                line = response.readline()
                if not line:
                    return
                yield json.loads(line)
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(self.host, self.port, context=self.tls, timeout=15)


def _named(entries: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(entry for entry in entries if entry["name"] == name)


def _tls(cluster: dict[str, Any], user: dict[str, Any]) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if "certificate-authority-data" in cluster:
        context.load_verify_locations(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    else:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if "client-certificate-data" in user:
        with tempfile.NamedTemporaryFile(suffix=".pem") as pair:
            pair.write(base64.b64decode(user["client-certificate-data"]))
            pair.write(base64.b64decode(user["client-key-data"]))
            pair.flush()
            context.load_cert_chain(pair.name)
    return context


def _encoded(body: Any) -> bytes:
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return content.decode(errors="replace")
