"""`python -m graphc`: the command line without its script on the path."""

from graphc.cli import main

if __name__ == "__main__":
    main(prog_name="graphc")
