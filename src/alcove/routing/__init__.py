"""From what was observed of a cluster to what each Envoy does, by pure functions.

::

    ClusterState ──plan──► RoutePlan ──envoy──► resources ──snapshot──► Snapshot (one per node)
                              │                                            │
             our words: address, key, target, refusal        proven references, version = content hash

``plan`` knows no Envoy and ``envoy`` knows no cluster: what is decided can be explained, tested and kept
while how it is carried out changes. The plan holds what differs and nothing else: a destination that nobody
overrides is not in it unless it is a child's, and the proxies pass on whatever they do not find.

Every collection is in canonical order, so equal states give equal plans, equal resources and equal versions,
and a rebuild that changed nothing pushes nothing.

* ``plan``     the types of a route plan, and how one is made
* ``world``    the tree and the Services in the shape that planning asks for
* ``choices``  who answers, per route key, for one Service and port
* ``inbound``, ``entries``, ``classes``  the parts of a plan: at the destination, from outside, kinds of ports
* ``certificates``  by which Secret a host is served with TLS; what is in Secrets never comes here
* ``envoy``    the plan as Envoy resources, as plain JSON values of the protobuf mapping
* ``snapshot`` the set for one node, checked before anybody sees it
"""
