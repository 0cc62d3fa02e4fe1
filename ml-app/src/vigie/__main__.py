"""`python -m vigie`."""

from vigie.cli.main import main

main()
