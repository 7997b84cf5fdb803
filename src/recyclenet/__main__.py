"""python -m recyclenet."""

from recyclenet.cli import main

main()
