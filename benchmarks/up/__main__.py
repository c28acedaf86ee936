"""``python -m benchmarks.up [FILES [MEGABYTES [SAVES]]]``: the table of ``up``; smaller numbers to try it."""

import sys

from benchmarks import machine
from benchmarks.up import run

print(f"machine: {machine.describe()}\n")
run.main(*(int(word) for word in sys.argv[1:]))
