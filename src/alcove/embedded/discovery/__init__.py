"""What the cluster tells about itself: which resources it serves, their schemas, and tables of their objects.

Everything here is a pure rendering of the catalog (or of objects) into what goes over the wire. Documents
are kept as bytes until the catalog's generation changes.
"""

from alcove.embedded.discovery.documents import AGGREGATED, Discovery, Document
from alcove.embedded.discovery.tables import partial_metadata, render_table

__all__ = ["AGGREGATED", "Discovery", "Document", "partial_metadata", "render_table"]
