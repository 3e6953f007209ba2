"""A command: how it reads its line, a leading minus among it, what it says of errors, and the options that several have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click
import numpy as np

from graphc.cli.formula import Formula
from graphc.cli.group import abridged
from graphc.cli.hints import in_terms_of_the_command
from graphc.cli.points import Point, merge_points
from graphc.errors import GraphcError, without_script
from graphc.ir.printer import format_number

_Declared = TypeVar("_Declared", bound=Callable[..., Any])


@contextmanager
def _messages() -> Iterator[None]:
    """An error of graphc's is a message and exit code 1, never a traceback."""
    try:
        with without_script():
            yield
    except GraphcError as error:
        error.site = None  # of what was made before
        error.hint = in_terms_of_the_command(error.hint)
        raise click.ClickException(abridged(str(error))) from error


class Command(click.Command):
    """A command whose formula may begin with a minus: `graphc eval -x**2 --at x=3`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        takes_value = {
            name: not getattr(param, "is_flag", False)
            for param in self.get_params(ctx)
            if isinstance(param, click.Option)
            for name in param.opts
        }
        options: list[str] = []
        formulas: list[str] = []
        rest = iter(args)
        for arg in rest:
            if arg == "--":
                formulas.extend(rest)
            elif arg.startswith("-") and not arg.startswith("--") and arg not in takes_value:
                formulas.append(arg)
            else:
                options.append(arg)
                if takes_value.get(arg):
                    options.extend(value for value in (next(rest, None),) if value is not None)
        try:
            with _messages():  # a formula is read here
                return super().parse_args(ctx, [*options, "--", *formulas] if formulas else options)
        except click.UsageError as error:  # an option without its value does not know its command
            error.ctx = error.ctx or ctx
            raise

    def invoke(self, ctx: click.Context) -> Any:
        with _messages():
            return super().invoke(ctx)


formula_argument: Callable[[Any], Any] = click.argument("formula", type=Formula())
at_option: Callable[[Any], Any] = click.option(
    "--at",
    type=Point(),
    multiple=True,
    callback=merge_points,
    is_eager=True,  # the formula's symbols take their shapes from it
    help="The point, as in --at x=2,w=-3,b=6; arrays as x=[1,2], matrices as A=[[1,2],[3,4]].",
)
force_option: Callable[[Any], Any] = click.option(
    "-f", "--force", is_flag=True, help="Replace files that are there."
)


def output_option(command: _Declared) -> _Declared:
    """`-o FILE`, and `--force` for one that is there."""
    output = click.option(
        "-o", "--output", default="-", help="A file; - is standard output.  [default: -]", metavar="FILE"
    )
    return output(force_option(command))


def show(value: Any) -> str:
    """A value so that it reads back as the same number."""
    if isinstance(value, np.ndarray):
        return np.array2string(value, separator=", ", floatmode="unique", threshold=1000)
    return format_number(value)
