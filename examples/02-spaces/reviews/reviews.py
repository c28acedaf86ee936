"""What people say of a product: ``GET /reviews/NAME``. Calls nobody."""

import http.server
import json
import os
import signal
import threading
from typing import Any

ME = {
    "service": "reviews",
    "version": os.environ.get("VERSION", "v1"),
    "space": os.environ.get("SPACE", ""),
}
# Callers hear of this process's end a moment after it does: until then it goes on answering.
LAST_SECONDS = 1.0


class Reviews(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/healthz":
            return self._answer(ME)
        product = self.path.removeprefix("/reviews/")
        return self._answer({**ME, "product": product, "reviews": [f"A {product} like no other"]})

    def _answer(self, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        if self.path != "/healthz":
            print(
                f"{self.command} {self.path} for {self.headers.get('azds-route-as', 'nobody in particular')}"
            )


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = False  # closing it waits for the requests that it has accepted
    request_queue_size = 128


def main() -> None:
    server = Server(("", int(os.environ.get("PORT", "8080"))), Reviews)
    signal.signal(signal.SIGTERM, lambda *_: threading.Timer(LAST_SECONDS, server.shutdown).start())
    with server:
        server.serve_forever(poll_interval=0.1)


if __name__ == "__main__":
    main()
