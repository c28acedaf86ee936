"""Images made on the node that runs them: from a Dockerfile into the node's container runtime, no registry.

*requests* says what is asked of a builder and what it answers, as values and as bytes. A hub speaks by
*client* with the *server* in the builder's pod on the node in question, by mutual TLS between the pods'
identities (*identity*, *spiffe*). The builder hands the work to a *driver*, which one follows from the node's
runtime (*runtimes*): containerd gets its images from Buildah (*buildah*, *handover*, *bases*), a runtime
that builds by itself is asked to (*delegating*). *pods* is what a builder's pod looks like.
"""
