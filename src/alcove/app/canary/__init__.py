"""The canary: a service that says who it is and what reached it, and a client that asks as applications do.

::

    alcove canary serve   in a pod: HTTP/1, WebSockets, gRPC, and a protocol in which the server speaks first
    alcove canary ask     in a pod: requests on stdin, a JSON object a line, results on stdout

``alcove doctor`` sends it through every stage of a cluster, and the end-to-end tests ask it everything else.
Both are ordinary programs of a pod: what they meet is what applications meet.
"""
