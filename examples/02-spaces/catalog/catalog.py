"""A product with its reviews: ``GET /products/NAME``. Calls ``reviews`` by HTTP."""

import http.server
import json
import os
import signal
import threading
import urllib.request
from typing import Any

ME = {
    "service": "catalog",
    "version": os.environ.get("VERSION", "v1"),
    "space": os.environ.get("SPACE", ""),
}
# A short name: the search list of the pod finds the nearest service of that name, in this space or above it.
REVIEWS = os.environ.get("REVIEWS", "http://reviews:8080")

# A request says with one of these for whose space it was made. A service that calls others because of a
# request passes them on; else the request would leave that space here. Nothing else is asked of an
# application, and with OpenTelemetry, which carries baggage, not even this.
ROUTE_KEYS = ("azds-route-as", "kubernetes-route-as", "baggage")

# Callers hear of this process's end a moment after it does: until then it goes on answering.
LAST_SECONDS = 1.0


class Catalog(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/healthz":
            return self._answer(200, ME)
        name = self.path.removeprefix("/products/")
        try:
            reviews = self._call(f"{REVIEWS}/reviews/{name}")
        except OSError as error:
            return self._answer(502, {**ME, "error": f"reviews: {error}"})
        return self._answer(200, {**ME, "product": name, "colour": "blue", "reviews": reviews})

    def _call(self, url: str) -> dict[str, Any]:
        keys = {name: self.headers[name] for name in ROUTE_KEYS if name in self.headers}
        with urllib.request.urlopen(urllib.request.Request(url, headers=keys), timeout=5) as answer:
            return dict(json.load(answer))

    def _answer(self, status: int, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
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
    server = Server(("", int(os.environ.get("PORT", "8080"))), Catalog)
    signal.signal(signal.SIGTERM, lambda *_: threading.Timer(LAST_SECONDS, server.shutdown).start())
    with server:
        server.serve_forever(poll_interval=0.1)


if __name__ == "__main__":
    main()
