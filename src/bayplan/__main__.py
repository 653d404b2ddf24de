"""``python -m bayplan``: the command, where its folder is not on the path."""

from bayplan.cli import main

main()
