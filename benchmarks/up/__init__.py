"""``up`` and every save after it, beside rsync and Syncthing on the same tree.

::

    trees      the project: many files of realistic sizes, and one small static one that is saved
    service    what runs in the container: says when new bytes are there, and who answers
    desk       a cluster of one's own, the project in it, and the ``alcove`` command
    probe      the same command with a look at the clock where a save passes
    memory     what processes hold at most
    saves      saves through ``alcove up``
    uploads    the first synchronization, and the bare connection
    peers      rsync and Syncthing
    figures    the table

Method: an embedded cluster in a temporary directory, driven by the real command. A save is one
``write`` of a file of the project; it has arrived when a program in the container, which the system tells of
the change (inotify), has read the new content. Both sides read the same clock. Between two saves there is a
pause of a random length, so that nothing that happens at intervals is always missed or always met.
"""
