"""The cluster's controllers: they make what is so from what is wanted, as clients of the API.

::

    watch ──► driver: event ─► keys ─► one queue per controller (a key at a time, keys in parallel)
                 │                        │
                 │        plan(key, now) ─┴─► actions ──► ClusterApi
                 │        report(key, now, failure) ──► status patches
                 └── timers: only for deadlines that a plan names

Each controller is a pure decision (``plan_*`` and ``report_*``: observed objects and the time in, actions
out) and a few lines that look the observed objects up. They read the API's own memory, so what a key's own
writes changed is always seen by its next plan: no caches, no expectations, no periodic resync.

The driver does the rest: it applies, tells Events, puts up with objects that changed or went meanwhile,
and retries with growing delays, so that one key's failure is never another's.
"""
