"""The route plan as Envoy resources: constant listeners, two clusters, and one table that changes.

::

    connection ──► listener (constant) ──► class of the port ──┬──► TCP, as it is
                                                               └──► HTTP ──► early header mutation
                                                                              │  at = original destination
                                                                              │  key = ".KEY", "." for none
                        orig (where it was addressed) ◄── no entry ◄── table: at ──► key
                        rerouted (destination in a header) ◄── entry ◄────────────────┘

The key is put into one header before any route is looked up, so that the table has one entry per override
and not one per carrier. Two headers can be read by a format string alone, which costs nothing; only a request
whose key is in ``baggage`` (or, at the destination, in its host) takes a route that runs a script and is then
looked up again.

Resources are plain values of the JSON mapping of protobuf: they can be hashed, compared and read by tests and
by people, and no message class is needed to make them. Whoever serves them turns them into messages once.

* ``pods``, ``gateway``  the resources of a pod's proxy and of the gateway
* ``tables``, ``routes``  what a request is looked up in, and where it is sent
* ``listeners``, ``http``, ``clusters``, ``scripts``  what is constant
* ``secrets``  certificates with their keys: the only resources that are never shown
* ``matching``, ``names``  the matcher's grammar; names of headers, clusters, types
"""
