"""Where the cluster's objects are: all of them in memory, each write in SQLite before it is acknowledged.

::

    ObjectStore ── put, remove ──► Database (one row per object, keyed by the revision of its last write)
        │
        └── History, one per resource: the latest events, shared by every watcher
                └── Subscription: a cursor into histories; it owns no queue, so a slow one costs nothing

There is one strictly increasing revision for the whole store. A write is committed before memory changes
and before its event is seen; a daemon that is killed loses nothing that it has acknowledged.
"""

from alcove.embedded.storage.database import DamagedStoreError, StoreInUseError, StoreUnusableError
from alcove.embedded.storage.history import Subscription
from alcove.embedded.storage.store import ObjectStore

__all__ = ["DamagedStoreError", "ObjectStore", "StoreInUseError", "StoreUnusableError", "Subscription"]
