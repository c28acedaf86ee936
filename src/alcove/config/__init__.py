"""What a user's own files say: nothing here asks a cluster.

::

    directory ──► $XDG_CONFIG_HOME/alcove ──► selection: which space is selected, on which cluster
    contexts  ──► the name of the kubeconfig's current context

A file belongs to its user before it belongs to us: keys we do not know stay as they are, a file that cannot
be read is an error that names it and never a reason to begin anew, and a reader sees the old file or the new
one.
"""
