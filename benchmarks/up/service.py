"""What runs in the container: says who answers, and when new bytes of one file were there.

``GET /`` gives the version, and when the process began and listened; ``GET /arrivals`` when each number that
stood at the beginning of the file was read for the first time. Whatever is sent to the second port is read
and forgotten. Run by path, with nothing but Python: in a container, and outside beside the other programs.

    service.py                   serve
    service.py watch FILE        print the number and the moment of every arrival
"""

import ctypes
import http.server
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

VERSION = "v0"
BEGAN = time.monotonic_ns()
FILE = Path(__file__).parent / "static" / "page.html"
_CLOSE_WRITE, _MOVED_TO = 0x8, 0x80


def watch(file: Path, arrived: Callable[[int, int], None]) -> None:
    """Tell of every number that stands at the beginning of a file, and when it was read; never ends.

    The first number is -1: from then on nothing is missed.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init()
    if libc.inotify_add_watch(descriptor, os.fsencode(file.parent), _CLOSE_WRITE | _MOVED_TO) < 0:
        raise OSError(ctypes.get_errno(), "inotify")
    arrived(-1, time.monotonic_ns())
    last = -1
    while os.read(descriptor, 65536):
        try:
            number = int(file.read_bytes().split(maxsplit=1)[0])
        except (OSError, ValueError, IndexError):
            continue
        if number != last:
            last = number
            arrived(number, time.monotonic_ns())


class Service(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    arrivals: dict[int, int] = {}  # noqa: RUF012 - one for all
    listened = 0

    def do_GET(self) -> None:
        if self.path == "/arrivals":
            found: object = self.arrivals
        else:
            found = {
                "version": VERSION,
                "began": BEGAN,
                "listened": Service.listened,
                "python": sys.executable,
            }
        body = json.dumps(found).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


def swallow(listener: socket.socket) -> None:
    """Read as many bytes as the first eight of a connection say, and answer when they are there."""
    while True:
        connection, _ = listener.accept()
        with connection:
            left = int.from_bytes(connection.recv(8, socket.MSG_WAITALL), "big")
            while left and (found := connection.recv(1 << 20)):
                left -= len(found)
            connection.sendall(b"all")


def main() -> None:
    port = int(os.environ.get("PORT", "8080"))
    server = http.server.ThreadingHTTPServer(("", port), Service)
    Service.listened = time.monotonic_ns()
    sink = socket.create_server(("127.0.0.1", port + 1))
    threading.Thread(target=swallow, args=(sink,), daemon=True).start()
    threading.Thread(target=watch, args=(FILE, Service.arrivals.setdefault), daemon=True).start()
    print(f"listens on {port}", flush=True)
    server.serve_forever(poll_interval=0.05)


if __name__ == "__main__":
    if sys.argv[1:2] == ["watch"]:
        watch(Path(sys.argv[2]), lambda number, moment: print(number, moment, flush=True))
    main()
