"""The control plane as a process: watches a cluster and keeps every proxy of it up to date.

::

    watching ──► ClusterObjects ──► publishing: batching ──► compiling ──► xds: every Envoy
       │              │                                        (state, plan, nodes, snapshots)
       │              ├──► directory ──► the webhook            ─┐
       │              └──► writing (the one holder of the lease) │ one HTTPS port
       │                     aliases, ingress copies, gateway    │
       └── reviewing, certificates ──► identities of proxies    ─┘

Every replica serves everything; what is *written* into the cluster is written by the holder of the lease
alone. Nothing is published before every resource has been listed once, and nothing is taken back when a
watch, the API server or this process is lost: proxies keep what they have until they are told something new.
"""
