"""Hands every Envoy the newest resources meant for it: delta ADS over gRPC and mutual TLS.

::

    publish(node, snapshot)                                    one proxy
            │                                                      │ requests
        publisher ──latest snapshot──► conversation ◄──bytes──► server (grpc, mutual TLS)
            ▲                              │    ▲                  │
            └────── acked, refused ────────┘    └─ stream          └─ identity: who the certificate says it is
                                                    └─ subscription (one per type)

* *resources*: what is sent. A resource is serialised once, by whoever makes it, and shared by all streams.
* *subscription*, *stream*: the protocol as pure state, without I/O or clock: requests in, responses out.
* *publisher*: the newest snapshot of each node and how far its proxies are.
* *conversation*: joins one stream, one seat at the publisher and one wire; the only loop there is.
* *server*: listens. It alone imports grpc and the generated messages, so import it where a server is composed
  and nowhere else; everything above works without them.

What holds:

* Losing this process changes nothing for a proxy: a new one says nothing to a node before it was given a
  snapshot for it, and a proxy that comes back is sent only what differs from what it says it has.
* A proxy is only ever asked about the newest snapshot: what it missed while it was busy is never sent.
* What is pointed to is acknowledged before what points to it is sent, and goes after it.
* A resource that a proxy refuses is reported and not offered to it again until it changes.
"""
