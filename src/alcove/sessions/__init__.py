"""What a developer's live work on one service is called, and how the workstation speaks of it with the hub.

::

    ids       ──► names that show whose they are: session, image tag
    objects   ──► the Session object in the cluster
    settings  ──► what ``up`` was asked to run, in terms of the synchronized tree
    calls     ──► what the workstation asks of the hub and what it is told, as values
    frames    ──► values and bytes as frames of one connection
    wire      ──► frames over a stream that somebody else opened

One connection is one call: the first frame says what is asked, then both sides send values and bytes until
the call has ended. There is nothing to multiplex, since a port-forward gives as many connections as one
likes, and a slow call delays no other.
"""
