"""``python -m benchmarks``: every measurement, one after the other."""

from __future__ import annotations

from benchmarks import embedded, machine, routing, xds

print(f"machine: {machine.describe()}\n")
embedded.main()
routing.main()
xds.main()
