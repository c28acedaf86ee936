"""Whose version of a service a request gets: the rules, and nothing but the rules.

::

    headers ──► the route key of a request          hosts ──► the route key of an entry host
                        │                                         │
    tree ──► chain(space) = the space, its parent, ... its root   │
                        └──────────► resolve ◄────────────────────┘
                                        └──► Decision: the space that answers, and why

Existence decides, not readiness: a developer's broken version must not silently become the parent's.
Rerouting only moves down: a request addressed to a service of space A with key K leaves A only if A is in
``chain(K)``, so a key can never carry a request into a space that its address does not fall back to.
"""
