"""The command line: commands.py says what there is to do, shell.py how it reads and refuses."""

from graphc.cli.commands import main as main
