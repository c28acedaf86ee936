"""Keeps a file tree of the workstation and its copies in the cluster equal.

::

    workstation                                                     hub
    selection ─► looking ─► scanning ──Scan (manifest, stamps)      store ◄── Receiver ◄─┐
       ▲  (ignoring, globs)     ▲   │                                 ▲                  │
       │                        │   ├─ diff ─► Changes ─► encoding ───┼──► with_changes  │
    watching ──batches──────────┘   │                                 │                  │
       (sifting, checking)          └─ read_blobs ─► pack ────────────┼──────────────────┘
    synclog: what the next scan needs not read again                  └─► trees: write_tree, tar_tree
                                     updates: what a change leads to

* *manifest*: a tree as a value. Its id is a hash of a sum over the entries, so after a save it costs what
  changed; both sides compare ids, and equal ids are equal trees.
* *ignoring*, *selection*, *standing*: which paths count, and by which rule they do not. The walk and the
  question about one path are answered by the same code, from the top down.
* *scanning*: everything once, then only the paths that are named. Stamps (size, time, mode, inode) only save
  reading; digests decide.
* *watching*: which paths are to be looked at, from events and from a slow check for what no event told.
* *store*, *uploading*: contents by their digests; what the store has is never sent. There is no state of an
  upload: whoever was cut off asks again what is missing.
* *updates*: pure: a copy, a restart, a new image, or nothing, each with a reason for people.

What holds:

* A path in a manifest is relative, its directory is in the manifest too, and no entry is below a file or
  link; whatever is decoded is checked for it. Nothing ever follows a link.
* What is not in the manifest although nobody ignores it is a ``Problem`` that is told.
* ``update_manifest`` gives the tree that a whole scan would give, if what changed is among the paths it gets.
* Bytes from outside raise nothing but ``SyncError``, and never take more memory than their bounds say.
* All of it blocks or is pure; only *watching* knows asyncio and watchfiles. It runs on Linux, macOS, Windows.
"""
