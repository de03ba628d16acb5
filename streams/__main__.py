"""`python -m streams` is `lookalive`."""

from streams.cli import main

main()
