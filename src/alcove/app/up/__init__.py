"""The workstation's half of ``up``: from a source folder to a session, and every save after that.

::

    projects   azds.yaml -> what is synchronized, and the settings that the hub gets
    hubs       the hub of a space: its objects, made with the user's rights, and the way to it
    calling    one call to the hub over one port-forward
    pushing    manifests and contents: at first, and at each save
    upping     the whole: sync, follow what happens, watch, push
    ports      localhost, carried to instances
    telling    what happens, as lines for people or as JSON
"""
