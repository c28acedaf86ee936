"""The node agent and the one-node scheduler: what makes pods of the API into processes.

::

    watch ──► agent ──► a worker per pod ──► steps      (pure: what to do next)
                │            │               status     (pure: what the API shows)
                │            ├──► sandbox    network, volumes, files of the pod
                │            └──► container  image, environment, process, probes, log
                ├──► scheduler (pure verdict) and node (the Node object and its Lease)
                └──► access: logs, exec, ports of running pods

Each pod has one worker: within a pod everything happens one after the other, pods are independent. A
worker is woken by what happens (a changed object, a process that ended, a probe's result, a timer that
``steps`` asked for), never by polling; it decides, acts, and writes the status when nothing is about to
change it again at once, which keeps a pod's start at two writes.
"""
