"""A Kubernetes-compatible cluster on one machine, in one asyncio process and one launcher.

::

    HTTP ──► serving ──► registry ──► storage (SQLite, and everything in memory)
                │           │  └─ patching, admission, schema: pure, or asked through ports
                │           └──► watches ──► controllers, kubelet ──► registry
                ├──► identity (who is it, may they)
                ├──► discovery (what is served, tables, OpenAPI)
                └──► kubelet (logs, exec, port-forward)
    kubelet ──► images (layers), network (addresses, names), launcher (processes)

*serving* speaks HTTP and nothing else does. *registry* holds the rules of the API's verbs and is the only
writer of *storage*; controllers and the kubelet are its clients like any user, only in-process
(``ports.ClusterApi``). The *launcher* is a small separate process that owns every container, mount and
network namespace: when it ends, for whatever reason, the kernel takes all of them back, so that nothing a
killed daemon leaves behind needs cleaning.

Rooms import only downwards and siblings never: what they need of each other is a Protocol in *ports*,
and ``alcove.app.embedded`` puts the parts together.
"""
