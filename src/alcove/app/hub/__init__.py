"""The hub of a space: the cluster's half of ``up``.

::

    settings      what its environment tells
    composition   from_env -> build -> run
    serving       connections of workstations: one call each
    pushing       manifests and contents that come in
    projects      the sessions of the space: found again after a restart, made, ended
    runner        one session: what is to be done next, and the tasks that do it
    planning      pure: from what is wanted and what there is to the next step
    pods          pure: what the pods of a session are doing
    deploying     chart and tag -> release
    images        one image on one node, for the pods that wait there
    agents        one container: brought to the wanted tree, its command restarted
    streams       logs, events of the cluster, ports and commands for workstations
    announcing    what happens, to everybody who follows

Whatever is written into the cluster is written with the space's own account. Everything that must outlive
the hub is in the Session objects and in the store; a hub that is killed at any moment leaves nothing that the
next one cannot go on from.
"""
