"""What Kubernetes types look like: fields, defaults, rules.

::

    vendored files ──► definitions ──► nodes ◄── crds (what users define)
                                         │
               structure (known fields, types, pruning), defaults, rules
                                         │
                                      Catalog

The definitions are data of a Kubernetes release, written by ``scripts/generate_schema.py``. A *node* is one
place in a schema, made when somebody first walks there, so that starting costs nothing and memory grows with
the kinds in use. What no schema tells (``defaults``, ``rules``) is a table per kind.

Not evaluated: the CEL rules of CRDs (``x-kubernetes-validations``); they are kept and ignored.
"""

from alcove.embedded.schema.catalog import Catalog

__all__ = ["Catalog"]
