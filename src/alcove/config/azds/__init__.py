"""``azds.yaml``: what a project says about itself, of every generation there was.

::

    bytes ──► reading ──► nodes (texts with lines) ──► checking against ``schema`` ──► precedence
                 │  scalars: what a plain text means            │
                 ▼                                              ▼
              problems: everything that is wrong,      settings: one configuration, the environment expanded
              each with its line, told at once                  │
                                                                ▼
                                              loading: what is on the disk ──► Project

Only ``loading`` touches the disk. ``tokens`` replaces ``$(tag)`` and its like, later, when they are known;
``upgrading`` brings an old file to the newest form.

A file is the work of a person: whatever is wrong with it is told with its line, all of it at once where
that is possible, and with the word that was probably meant.
"""

from alcove.config.azds.loading import load_project
from alcove.config.azds.problems import ConfigError, Problem
from alcove.config.azds.project import (
    Build,
    Container,
    Import,
    Install,
    Iterate,
    Project,
    ValuesFile,
)

__all__ = [
    "Build",
    "ConfigError",
    "Container",
    "Import",
    "Install",
    "Iterate",
    "Problem",
    "Project",
    "ValuesFile",
    "load_project",
]
