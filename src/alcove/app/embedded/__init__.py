"""The embedded cluster as a process, and the commands that start, ask and end it.

::

    alcove cluster start ──► lifecycle ──spawns──► daemon (settings -> build -> run)
    alcove cluster ...   ──► lifecycle ──► record (daemon.json) and control (a Unix socket of the daemon)

Everything of one cluster is in its data directory, which only its owner can read; several clusters live side
by side in several directories.
"""
