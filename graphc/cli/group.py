"""The list of commands, which loads none of them, and errors as exit codes.

Exit codes: 0 fine, 1 the user's error with one message on standard error, 2 wrong usage, 130 Ctrl-C, which says nothing. A reader
that has gone (`| head`) ends a command quietly, with 1.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import click

INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells have it: 128 and the number of the signal."""


def abridged(message: str) -> str:
    """A message without the middle of words that nobody reads to their end."""
    return re.sub(r"\S{301,}", lambda word: f"{word[0][:200]}…{word[0][-20:]}", message)


class CommandGroup(click.Group):
    """Commands that are loaded by name: a list of them needs none.

    lazily : command → (its module, the line that the list shows)
    """

    def __init__(self, *args: Any, lazily: Mapping[str, tuple[str, str]] | None = None, **extra: Any) -> None:
        super().__init__(*args, **extra)
        self.lazily: Mapping[str, tuple[str, str]] = lazily or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*self.lazily, *super().list_commands(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.lazily:
            return super().get_command(ctx, cmd_name)
        commands = import_module(self.lazily[cmd_name][0]).COMMANDS
        return next(command for command in commands if command.name == cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = get_close_matches(args[0], self.list_commands(ctx), 1)
            if near and "mean" not in error.message:  # newer Clicks ask so themselves
                error.message = f"{error.message}\n  hint: {near[0]}?"  # type: ignore[misc]
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, self.lazily[name][1]) for name in self.list_commands(ctx) if name in self.lazily]
        if not rows:
            super().format_commands(ctx, formatter)
            return
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def main(self, *args: Any, **extra: Any) -> Any:
        try:
            return super().main(*args, **extra)
        except OSError as error:  # what --help and --version print has nowhere to go
            click.echo(f"Error: output: {error.strerror or error}", err=True)
            sys.exit(1)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.message = abridged(error.message)  # type: ignore[misc]
            raise

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            error.message = abridged(error.message)  # type: ignore[misc]
            raise
        except BrokenPipeError:
            raise  # the reader has gone: click ends quietly
        except KeyboardInterrupt:
            raise click.exceptions.Exit(INTERRUPTED) from None
        except OSError as error:
            raise click.ClickException(f"{error.filename or 'output'}: {error.strerror or error}") from error
