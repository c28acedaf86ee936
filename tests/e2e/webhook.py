"""An admission webhook on this machine's loopback, as a test decides its answers."""

from __future__ import annotations

import base64
import contextlib
import datetime
import http.server
import ipaddress
import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_LIFE = datetime.timedelta(days=3650)
_BEGIN = datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)


@dataclass
class Webhook:
    """A running webhook."""

    server: http.server.ThreadingHTTPServer
    certificate: bytes
    patch: list[dict[str, Any]] = field(default_factory=list)
    refusal: dict[str, Any] = field(default_factory=dict)
    requests: list[dict[str, Any]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where it is asked."""
        return f"https://127.0.0.1:{self.server.server_address[1]}/admit"

    def close(self) -> None:
        """End it; nobody listens any more."""
        self.server.shutdown()
        self.server.server_close()

    def answer(self, review: dict[str, Any]) -> dict[str, Any]:
        """Give the review with the response that the test wants."""
        request = review["request"]
        self.requests.append(request)
        response: dict[str, Any] = {"uid": request["uid"], "allowed": not self.refusal}
        if self.refusal:
            response["status"] = self.refusal
        elif self.patch:
            response |= {
                "patchType": "JSONPatch",
                "patch": base64.b64encode(json.dumps(self.patch).encode()).decode(),
            }
        return {"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response}

    @classmethod
    @contextlib.contextmanager
    def serving(cls, directory: Path) -> Iterator[Webhook]:
        """Serve for as long as the block."""
        made: list[Webhook] = []

        class Answerer(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                content = json.dumps(made[0].answer(json.loads(self.rfile.read(length)))).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                return

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answerer)
        server.daemon_threads = True
        certificate = _secure(server, directory)
        made.append(cls(server, certificate))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield made[0]
        finally:
            with contextlib.suppress(OSError, ValueError):
                made[0].close()
            thread.join(5)


def _secure(server: http.server.ThreadingHTTPServer, directory: Path) -> bytes:
    """Give the server a certificate of its own; give that certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "webhook")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_BEGIN)
        .not_valid_after(_BEGIN + _LIFE)
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoded = certificate.public_bytes(serialization.Encoding.PEM)
    pair = directory / "webhook.pem"
    pair.write_bytes(
        encoded
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return encoded
