"""``python -m alcove``: the same as the ``alcove`` command."""

from alcove.cli.main import main

main()
