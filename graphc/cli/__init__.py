"""The command line: commands.py says what there is to do, shell.py how it reads and refuses."""

from graphc.cli import improve_command as _improve_command  # noqa: F401  registers its command
from graphc.cli.commands import main as main
