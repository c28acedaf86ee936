"""The rules of the API's verbs, and the only writer of the store.

::

    inprocess (InProcessApi), for the cluster's own parts
        │
    verbs (ObjectRegistry)
        ├──► lists, watches ── selectors ◄────────────────────────── store
        ├──► patches ──┐
        └──► removals ─┴──► writes: fields, defaults, ownership, ──► store
               │              admission, rules
            deletion

What single fields and types ask for is in *metadata*, *strategies*, *services*, *definitions* (CRDs) and
*subresources*; how an object looks in each version, in *versions*.

Reading is synchronous and from memory. Writing awaits admission only, and then stores in one step if nothing
has changed meanwhile; what types need to know of each other at that step (addresses, names, CRDs) is looked
up in the store, so that there is no second state to keep.
"""

from alcove.embedded.registry.inprocess import InProcessApi, StoreReader
from alcove.embedded.registry.verbs import ObjectRegistry

__all__ = ["InProcessApi", "ObjectRegistry", "StoreReader"]
