"""How the outside enters: certificates, copies of foreign Ingresses, and the URIs by which people enter.

::

    Secrets ──certificates──► what they are for ──► ClusterState ──► route plan (names and reasons)
                    └───────► resources with keys ─────────────────► snapshot of the gateway
    Ingresses of foreign classes, the tree ──copies──► actions ──applying──► one copy per space below
    ClusterState, the gateway's Service ──uris──► what ``alcove list-uris`` prints
    ClusterState ──faults──► what of the Ingresses does not count, and why
"""
