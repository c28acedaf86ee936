"""What Alcove does to the pods of spaces as they are created: its mutating webhook.

::

    Namespaces ──► facts ──► SpaceFacts ─┐
                                         ▼
    AdmissionReview ──► review ──► inject: judge ──► Skipped (and why)
           ▲               │           └──► sessions, containers, probes, names ──► Injected pod
           │               └── patches (pod, injected pod) ──► JSON patch
        server ◄── certificates (made and rotated; their authority goes into *configuration*)
           ▲               │
           │               ▼
    a pod's token ──► identities: issuing ──► the pod's certificate, and whom it trusts

    containers: variables ◄── bootstrap: upstreams (the control plane), answering (probes) ──► its Envoy

    sweep: the pods that exist and were missed, and why

Everything but *server*, *identities* and the store behind *certificates* is a pure function. The webhook
fails open: what goes wrong here leaves a pod as its user wrote it, with a warning, and *sweep* finds it
later.

What is injected, in this order, before the user's own init containers, which would have no network between
the two:

* ``alcove-init`` fetches the pod's certificate, then redirects the pod's TCP to the proxy. It alone has a
  capability (NET_ADMIN), it ends before anything else begins, and it refuses itself where the pod's address
  is the host's.
* ``alcove-proxy`` is a native sidecar: it starts before the user's containers, ends after them, and lets Jobs
  finish.
* ``alcove-build``, in pods of sessions, waits until the pod's image is built. It needs no right, and comes in
  pods without a proxy too.
"""
