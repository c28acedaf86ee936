"""Ways to reach Helm: ``ports`` is what they have in common.

* ``sdk``      Helm's code in a process of its own: ``process`` starts it, asks it, and starts another when it
               has died; ``worker`` is what runs there; ``calls`` are the questions, by name
* ``program``  the ``helm`` on PATH, one process for each call
"""
