"""The hub's half of what runs in containers: the protocol of ``native/agent``, and a client of it.

::

    client ──► operations (what a batch is made of) , running (a command beside the container's)
       │
       ▼
    connection (requests, mailboxes, two tasks) ──► frames (bytes ◄──► messages) ──► messages ──► kinds

* *frames*, *messages* and *kinds* do no I/O and know both directions, so that tests can be either side.
* *connection* has any number of requests in flight; every one ends with its answer or with ``LostError``.

An agent listens on the loopback of its pod: who may forward a port to that pod may speak to it.
"""
