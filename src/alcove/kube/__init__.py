"""The one client of Kubernetes that everything above speaks through.

::

    client (port: verbs, watches, streams)
      ├── http ──► access (kubeconfig, in-cluster) , streams (exec, port-forward), errors
      └── fake     the same semantics in memory, for tests
    watching: lists, follows and recovers; the same loop over both

Objects are plain dicts. Errors of the library, of HTTP and of the network are translated in *errors* alone.
``kubernetes_asyncio`` takes a second to import, so it is asked only for what it knows best: credentials
that need a plug-in or an identity provider. Other kubeconfigs are read here.
"""
