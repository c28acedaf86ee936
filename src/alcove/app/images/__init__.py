"""The use cases of ``alcove images``: the two images of this installation become archives."""
