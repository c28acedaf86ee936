"""From Kubernetes objects to what routing knows of a cluster, and why a request goes where it goes.

::

    fetching ──► plain objects ──► state ──► ClusterState, Reports
                                     ├─ spaces     namespaces: parents, and the addresses of removed Services
                                     ├─ services   Services and EndpointSlices; protocols: what a port speaks
                                     ├─ entries    Ingresses
                                     └─ ranges     Nodes and ServiceCIDRs
    ClusterState, a Question ──► explain ──► Explanation
                                     └─ addressing   what a host and port stand for

Anybody may write anything into a cluster, so nothing here fails for what an object says: a piece that has no
meaning is left out and reported, and everything else counts. Existence decides who answers, so a report about
a whole Service matters: its space now seems to inherit it.
"""
