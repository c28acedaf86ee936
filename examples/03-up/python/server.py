"""Says who answers: ``GET /`` as JSON. ``GET /static/NAME`` gives a file as it is now."""

import contextlib
import http.server
import json
import os
import signal
import threading
import time
from pathlib import Path

VERSION = "v1"
STARTED = time.time()
STATIC = Path(__file__).parent / "static"


class Service(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/":
            who = {"service": "python", "version": VERSION, "pid": os.getpid(), "started": STARTED}
            return self._answer(200, "application/json", json.dumps(who).encode())
        name = self.path.removeprefix("/static/")
        file = STATIC / name
        if name == self.path or "/" in name or not file.is_file():
            return self._answer(404, "text/plain", b"not found\n")
        return self._answer(200, "text/html; charset=utf-8", file.read_bytes())

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        print(f"{self.command} {self.path} -> {args[1] if len(args) > 1 else ''}", flush=True)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = False  # closing it waits for the requests that it has accepted
    request_queue_size = 128

    def close_the_door(self) -> None:
        """Stop listening. Who waits already does not know of the end, and is let in before."""
        waiting = []
        self.socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while len(waiting) < self.request_queue_size:
                waiting.append(self.socket.accept())
        self.socket.close()
        for connection, address in waiting:
            connection.setblocking(True)
            self.process_request(connection, address)


def main() -> None:
    server = Server(("", int(os.environ.get("PORT", "8080"))), Service)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"python {VERSION} listens on {server.server_port}", flush=True)
    with server:
        server.serve_forever(poll_interval=0.05)
        server.close_the_door()
    print("python ends", flush=True)


if __name__ == "__main__":
    main()
