"""``python -m benchmarks``: every measurement, one after the other; ``--all`` for every size of cluster."""

from __future__ import annotations

import sys

from benchmarks import changes, embedded, hop, machine, routing, xds
from benchmarks.up import run as up

print(f"machine: {machine.describe()}\n")
embedded.main()
hop.main()
routing.main(routing.EVERY if "--all" in sys.argv else routing.SOME)
changes.main()
xds.main()
up.main()
