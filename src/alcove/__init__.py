"""Alcove: a private view of one shared Kubernetes cluster for every developer.

The packages, from the outermost to the innermost, each importing only what stands below it:

``cli`` (commands, the only place that prints) · ``app`` (composition roots, one per process) ·
``embedded`` (a Kubernetes-compatible cluster on one machine) · ``kube`` (the one client of the
Kubernetes API) · ``aio`` and ``errors`` (what every package shares).
"""

__version__ = "0.1.0"
