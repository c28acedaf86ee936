"""How many there are of a product, by a line protocol over TCP in which the server speaks first.

::

    server: stock v1 dev          who answers: service, version, space
    client: mug
    server: 42
"""

import os
import signal
import socketserver
import threading

GREETING = f"stock {os.environ.get('VERSION', 'v1')} {os.environ.get('SPACE', '')}\n".encode()
# Callers hear of this process's end a moment after it does: until then it goes on answering.
LAST_SECONDS = 1.0


class Stock(socketserver.StreamRequestHandler):
    timeout = 10

    def handle(self) -> None:
        try:
            self.wfile.write(GREETING)
            for product in self.rfile:
                self.wfile.write(f"{len(product.strip()) * 14}\n".encode())
        except OSError:
            pass  # the client is gone, as probes are once they are connected


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = False  # closing it waits for the clients that it has accepted
    request_queue_size = 128


def main() -> None:
    server = Server(("", int(os.environ.get("PORT", "9090"))), Stock)
    signal.signal(signal.SIGTERM, lambda *_: threading.Timer(LAST_SECONDS, server.shutdown).start())
    with server:
        server.serve_forever(poll_interval=0.1)


if __name__ == "__main__":
    main()
