"""A control plane at a Unix socket, which answers what a test says; also a program, as a proxy is one."""

from __future__ import annotations

import contextlib
import socketserver
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

PROGRAM = (sys.executable, "-I", "-S", __file__)
"""Run with the path of a socket (and how long what it gives is good), it answers everything with its path."""

Answers = Callable[[str], bytes]
"""Gives the answer to a request, both as they go over the wire."""


def render(body: bytes = b"", *, status: str = "200 OK", headers: tuple[str, ...] = ()) -> bytes:
    """Render an answer as most servers do."""
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}"]
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode() + body


def path_of(request: str) -> str:
    """Give the path of the URL."""
    return request.split()[1]


class Exchange(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Reads a request up to its empty line, answers, and closes."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, path: Path | str, answers: Answers) -> None:
        self.requests: list[str] = []
        self.answers = answers
        super().__init__(str(path), _Conversation)


class _Conversation(socketserver.StreamRequestHandler):
    server: Exchange

    def handle(self) -> None:
        lines = list(iter(self.rfile.readline, b"\r\n"))
        if lines and b"" not in lines:
            self._answer(b"".join(lines).decode())

    def _answer(self, request: str) -> None:
        answer = self.server.answers(request)
        self.server.requests.append(request)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.wfile.write(answer)


@contextlib.contextmanager
def serve(path: Path, answers: Answers) -> Iterator[Exchange]:
    """Yield one that listens at ``path``."""
    with Exchange(path, answers) as exchange:
        thread = threading.Thread(target=exchange.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield exchange
        finally:
            exchange.shutdown()
            thread.join()
            path.unlink(missing_ok=True)


def main(path: str, age: str = "3600") -> None:
    """Answer everything, until somebody ends us."""
    Path(path).unlink(missing_ok=True)
    headers = (f"Cache-Control: max-age={age}",)
    with Exchange(path, lambda request: render(path_of(request).encode(), headers=headers)) as exchange:
        print("listening", flush=True)  # noqa: T201  # a program
        exchange.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
