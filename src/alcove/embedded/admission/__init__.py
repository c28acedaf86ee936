"""Changes and refuses writes on their way into the store.

::

    request ──► plugins ──► mutating webhooks ──► (plugins and webhooks again, if webhooks changed it)
                                                        │
    registry validates the object ◄─────────────────────┘
            │
            └──► pod security, RBAC escalation ──► validating webhooks, all at once ──► store

*plugins* and *pod_security* are pure functions of the request and what the cluster holds. For webhooks,
*matching* decides whom to ask, *exchange* what is asked and what an answer means, and *webhook_client*
alone does I/O. A webhook is somebody else's program: whatever it answers ends in a changed object or one
of the errors of the API.
"""
