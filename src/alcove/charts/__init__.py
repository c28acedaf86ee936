"""Charts: rendered, brought up to date, checked and installed, by Helm's own code.

::

    Release (chart, values, names)
       │ helm.Helm.inspect                      what Helm renders, with the real values
       ▼
    Rendered ──converting──► objects of current API versions, and what was converted
       │          │
       │          └─ deriving: the chart to install instead, when something had to be converted
       ├─ sessions      which pods run the image that is built; what speaks against it; ports and hosts
       ├─ conflicts     what is in the cluster and another's, before anything is changed
       ▼
    helm.Helm.install ──► Installed

* ``model``, ``errors``     what crosses the modules; what goes wrong, with Helm's own words
* ``naming``, ``layers``    names of releases; values by their precedence
* ``shapes``                what a directory must hold to be a chart, said before Helm says it less clearly
* ``manifests``             rendered text <-> objects
* ``taking``                fields that were changed by hand, taken back for the release
* ``records``               Helm's own Secrets: a revision whose process was killed is marked as failed
* ``drivers``               the port to Helm: its SDK in a process of its own, or the program on PATH

Helm's Go code is loaded by ``drivers.worker`` and by nothing else: it takes 70 MB, and its process can die.
"""
