"""The command line: main.py lists the commands, group.py loads them by name, shell.py reads what is typed."""

from graphc.cli.main_group import main as main
