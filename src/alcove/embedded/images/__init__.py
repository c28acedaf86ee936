"""The images of this machine: loaded from archives, built from Dockerfiles, built in, or stood in for.

An image is a list of *layers*, directories in the form of overlayfs, shared between images and named by
what is in them. *index* is the one file that says which images there are; a layer that it does not name
is garbage. *unpacking* and *archives* make layers of tar files, *machine* makes images of this machine
itself, *merged* reads a stack of layers as the one tree that a container sees. Dockerfiles are read by
*dockerfile* and *expansion* and built by *building*: *settings* holds what an instruction says of the image,
*gathering* and *copying* are COPY, *stacking* puts layers on top of each other and knows them again.
*exporting* gives files of an image back, *retention* says what is forgotten when nobody uses it any longer.

Nothing is visible before it is whole: a layer is made under ``tmp/`` and renamed, the index is replaced.
"""

from __future__ import annotations

from alcove.embedded.images.machine import OwnPart, builtin_images
from alcove.embedded.images.references import Reference, normalise, parse_reference
from alcove.embedded.images.retention import InUse, Retention
from alcove.embedded.images.store import LocalImageStore

__all__ = [
    "InUse",
    "LocalImageStore",
    "OwnPart",
    "Reference",
    "Retention",
    "builtin_images",
    "normalise",
    "parse_reference",
]
