"""`python -m sme_cli` is `sme`."""

from sme_cli.app import main

main()
