"""What a port speaks, from what its Service declares: the annotation, else appProtocol, else the port's name.

A name declares by its prefix (``grpc-public``). Whatever is encrypted counts as TCP: nobody can read a header
in it. A word that is not known declares nothing, and the next one in order is asked.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from alcove.app.observation.reports import Complain
from alcove.model import Protocol

PROTOCOL_ANNOTATION = "alcove.dev/protocol"
"""Of a Service: ``http``, ``tcp`` or ``auto`` for all its ports, ``PORT=WORD,...`` for single ones."""

EVERY_PORT = ""

_HTTP = "http http2 h2c grpc grpc-web ws websocket"
_TCP = (
    "tcp tls https wss grpcs mysql mariadb postgres postgresql mssql redis rediss mongo mongodb amqp amqps "
    "kafka mqtt mqtts nats stomp memcached memcache cassandra zookeeper ldap ldaps smtp imap pop3 ftp ssh"
)
_WORDS = dict.fromkeys(_HTTP.split(), Protocol.HTTP) | dict.fromkeys(_TCP.split(), Protocol.TCP)
_KUBERNETES = "kubernetes.io/"


def resolve_protocol(declared: Protocol | None, app_protocol: str, name: str) -> Protocol:
    """Give what a port speaks; ``declared`` is what the annotation says of it."""
    if declared is not None:
        return declared
    said = _WORDS.get(app_protocol.lower().removeprefix(_KUBERNETES))
    words = name.lower().split("-")
    # The longest word that is known: "grpc-web" is one, "grpc-public" is not.
    named = (_WORDS.get("-".join(words[:length])) for length in range(len(words), 0, -1))
    return said or next((each for each in named if each is not None), Protocol.AUTO)


def parse_protocols(annotation: str, known: Collection[str], complain: Complain) -> Mapping[str, Protocol]:
    """Read the annotation: by port (its name or number), ``EVERY_PORT`` for those that are not named.

    Args:
        annotation: Its text.
        known: Names and numbers of the Service's ports.
        complain: Is told of parts that have no meaning; the others count.
    """
    found: dict[str, Protocol] = {}
    for part in filter(None, (part.strip() for part in annotation.split(","))):
        port, sign, word = part.rpartition("=")
        try:
            protocol = Protocol(word.strip().lower())
        except ValueError:
            complain(f"{PROTOCOL_ANNOTATION}: {part!r} is not one of http, tcp, auto")
            continue
        if sign and port.strip() not in known:
            complain(f"{PROTOCOL_ANNOTATION}: {part!r} names no port of the Service")
            continue
        found[port.strip() if sign else EVERY_PORT] = protocol
    return found
