"""``python -m polyenum`` is the command line."""

from polyenum.cli.main import main

main()
