"""The API over HTTP: what comes in on a socket, what goes out.

::

    aiohttp ──► server ──► paths ──► access ──► resources ──► Registry
                  │                                ├──► watches
                  │                                └──► subresources ──► PodAccess
                  │                                        (channels, spdy, portforward)
                  └──► documents (discovery, OpenAPI, health)

    bodies ◄── protobuf, YAML, JSON              responses ──► bytes

Only this room knows HTTP. *paths*, *accept*, *options*, *protobuf*, *channels* and *spdy* are pure: bytes and
text in, values out, and no input makes them raise anything but ``ApiError`` (or the error they name).
"""

from alcove.embedded.serving.server import ApiServer

__all__ = ["ApiServer"]
