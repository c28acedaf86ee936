"""Prepares a source folder: what ``alcove up`` needs and is not there yet.

::

    directory ──gathering──► Facts ──detection, languages──► App ─┐
                              │                                   ├─planning──► Plan ──writing──► files
                              └──existing (Dockerfile, azds.yaml)─┘
                              Wishes (ingress, chart) ────────────┘

*Facts* are the names of the files and the contents of the small ones that matter; whatever is decided
is decided from them, without I/O. An *App* is what a language's module made of them: how its image is built,
where it listens, how it is updated in place. A *Plan* is the files, complete, in the order of their writing.
Nothing that exists is ever overwritten, and a chart that is there is not added to.
"""
