"""A client and a server as thin as they get, so that what is measured is the proxy between them.

Both block, know no header, and speak HTTP/1.1 or HTTP/2 without TLS: what begins with the preface is HTTP/2.
No header is compressed, and none of the other side's is read. They are run by path, in a pod's namespace.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections.abc import Iterator

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_SETTINGS, _HEADERS, _DATA, _PING, _RESET, _GOAWAY, _WINDOW = 4, 1, 0, 6, 3, 7, 8
_END_STREAM, _END_HEADERS, _ACK = 1, 4, 1
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_WIDE = (1 << 30).to_bytes(4, "big")


def serve(port: int) -> None:
    """Answer whatever comes, each connection in a thread, until the process ends."""
    listener = socket.create_server(("0.0.0.0", port))
    print("ready", flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_answer, args=(_opened(connection),), daemon=True).start()


def ask(address: str, port: int, protocol: str, headers: dict[str, str], times: int) -> list[int]:
    """Send the same request over and over, one after the other; give the nanoseconds of each."""
    connection = _opened(socket.create_connection((address, port), timeout=10))
    exchange = (_ask_http2 if protocol == "h2" else _ask_http1)(connection, headers)
    found = []
    for _ in range(times):
        begin = time.perf_counter_ns()
        next(exchange)
        found.append(time.perf_counter_ns() - begin)
    connection.close()
    return found


def _ask_http1(connection: socket.socket, headers: dict[str, str]) -> Iterator[None]:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    request = f"GET / HTTP/1.1\r\nHost: web\r\n{lines}\r\n".encode()
    while True:
        connection.sendall(request)
        found = b""
        while not found.endswith(b"\r\n\r\nok"):
            found += _more(connection)
        if not found.startswith(b"HTTP/1.1 200"):
            raise ConnectionError(found.decode(errors="replace"))
        yield


def _ask_http2(connection: socket.socket, headers: dict[str, str]) -> Iterator[None]:
    fields = {":method": "GET", ":scheme": "http", ":path": "/", ":authority": "web", **headers}
    block = b"".join(
        bytes((0, len(name))) + name.encode() + bytes((len(value),)) + value.encode()
        for name, value in fields.items()
    )
    connection.sendall(_PREFACE + _frame(_SETTINGS, 0, 0) + _frame(_WINDOW, 0, 0, _WIDE))
    frames, stream = _frames(connection), 1
    while True:
        connection.sendall(_frame(_HEADERS, _END_STREAM | _END_HEADERS, stream, block))
        for kind, flags, at in frames:
            if kind in (_RESET, _GOAWAY):
                raise ConnectionError("the stream or the connection was given up")
            if at == stream and flags & _END_STREAM:
                if kind != _DATA:
                    raise ConnectionError("an answer without a body is none of the server's")
                break
        stream += 2
        yield


def _answer(connection: socket.socket) -> None:
    try:
        found = _more(connection)
        while len(found) < len(_PREFACE) and _PREFACE.startswith(found):
            found += _more(connection)
        if found.startswith(_PREFACE):
            _answer_http2(connection, found[len(_PREFACE) :])
        while True:
            while not found.endswith(b"\r\n\r\n"):
                found += _more(connection)
            connection.sendall(_ANSWER)
            found = _more(connection)
    except ConnectionError:
        connection.close()


def _answer_http2(connection: socket.socket, found: bytes) -> None:
    connection.sendall(_frame(_SETTINGS, 0, 0) + _frame(_WINDOW, 0, 0, _WIDE))
    # 0x88 is ":status: 200" of the table that every connection begins with.
    for kind, _, stream in _frames(connection, found):
        if kind == _HEADERS:
            head = _frame(_HEADERS, _END_HEADERS, stream, b"\x88")
            connection.sendall(head + _frame(_DATA, _END_STREAM, stream, b"ok"))


def _frames(connection: socket.socket, found: bytes = b"") -> Iterator[tuple[int, int, int]]:
    """Yield the kinds, flags and streams of what comes; what has to be answered by itself is."""
    while True:
        while len(found) < 9 or len(found) < 9 + int.from_bytes(found[:3], "big"):
            found += _more(connection)
        size, kind, flags, stream = (
            int.from_bytes(found[:3], "big"),
            found[3],
            found[4],
            int.from_bytes(found[5:9], "big"),
        )
        content, found = found[9 : 9 + size], found[9 + size :]
        if kind in (_SETTINGS, _PING) and not flags & _ACK:
            connection.sendall(_frame(kind, _ACK, 0, content if kind == _PING else b""))
        yield kind, flags, stream


def _frame(kind: int, flags: int, stream: int, content: bytes = b"") -> bytes:
    return len(content).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + content


def _more(connection: socket.socket) -> bytes:
    found = connection.recv(65536)
    if not found:
        raise ConnectionError("the other side has left")
    return found


def _opened(connection: socket.socket) -> socket.socket:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]))
    for line in sys.stdin:
        print(json.dumps(ask(**json.loads(line))), flush=True)
