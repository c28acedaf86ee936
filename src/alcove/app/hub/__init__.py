"""The hub of a space: the cluster's half of ``up``.

::

    settings      what its environment tells
    composition   from_env -> build -> run
    serving       connections of workstations: one call each
    conversing    the conversation of ``up``
    pushing       manifests and contents that come in
    manifests     trees by their ids, kept so that a save costs what it changed
    projects      the sessions of the space: found again after a restart, made, ended
    session       one session as it is now: what its tasks share
    runner        the tasks of one session: pods, deployments, builds, agents
    planning      pure: from what is wanted and what there is to the next step
    pods          pure: what the pods of a session are doing
    deploying     chart and tag -> release
    images        one image on one node
    handover      pods that wait for their image
    starting      when a session serves, and what keeps it from there
    agents        one container: brought to the wanted tree, its command restarted
    records       the Session objects
    preparing     what a container gets before its command: imports, a debugger
    kit           what all of them work with
    streams       logs, events of the cluster, ports and commands for workstations
    announcing    what happens, to everybody who follows

Whatever is written into the cluster is written with the space's own account. Everything that must outlive
the hub is in the Session objects and in the store; a hub that is killed at any moment leaves nothing that the
next one cannot go on from.
"""
