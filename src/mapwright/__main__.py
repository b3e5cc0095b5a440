"""`python -m mapwright` is the command line."""

from mapwright.cli import main

main()
