"""The ``alcove`` command: one module per command group, loaded only when it is used.

``main`` knows the groups by name, so that ``alcove --help`` imports nothing but click; ``output`` is the only
place that prints: data to stdout, everything said to people to stderr, errors with their cause and a hint.
"""
