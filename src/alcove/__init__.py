"""Alcove: a private view of one shared Kubernetes cluster for every developer.

The packages, from the outermost to the innermost, each importing only what stands below it:

``cli`` (commands, the only place that prints) · ``app`` (composition roots, one per process) ·
``admission`` (what pods of spaces get), ``embedded`` (a Kubernetes-compatible cluster on one machine) and
``xds`` (routes to proxies) · ``kube`` (the one client of the Kubernetes API) · ``routing`` and ``spaces``
(who answers a request, purely) · ``config`` (the user's directory) · ``model`` (what was observed) ·
``aio``, ``errors`` and ``pki`` (what every package shares).
"""

__version__ = "0.1.0"
