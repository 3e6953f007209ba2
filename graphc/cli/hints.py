"""What to write instead, in the words of the command line: hints of errors speak of calls, and here there are options."""

from __future__ import annotations

import re

_INSTEAD: tuple[tuple[str, str], ...] = (
    (r"pass (\w+)=…", r"give it: --at \1=…"),
    (r"pass only the values that the graph uses: (.*)", r"its inputs are \1"),
    (r"make it first: os\.makedirs\((.*)\)", r"make it first: mkdir -p \1"),
    (r"one of 'slide', 'a4', 'column', or a width .*", "slide, a4, column, or inches: --page 6.5x4"),
    (r"write g\.draw\(L, at=\{(.*)\}\)", r"give the point: --at \1"),
    (r"\.save\(\"x\.dot\"\)", "-o x.dot"),
    (r"g\.draw\(L, at=\{…\}\) makes one that has", "give the point: --at x=…"),
    (r"g\.draw\(L, at=\{…\}, max_nodes=60\)", "--max-nodes 60"),
    (r"leave max_nodes= as it is", "leave --max-nodes as it is"),
    (r"declare it with its shape: g\.symbol\('?(\w+)'?, shape=.*\)", r"give an array in brackets: --at \1=[1,2]"),
    (r"declare the symbol with its shape: g\.symbol\('?(\w+)'?, shape=.*\)", r"give an array in brackets: --at \1=[1,2]"),
    (r'write g\.parse\("(.*)"\)', r'write "\1"'),
    (r"write g\.grad\(y, x, seed=…\).*", "differentiate one number: sum(…), or an element, as in (…)[0]"),
    (r"g\.parse reads one formula in Python's syntax", "a formula is written in Python's syntax"),
)  # fmt: skip
"""(what a hint says to who writes a script, what it says here)"""

_AT = re.compile(r"'(\w+)': ([^,}]+)")


def in_terms_of_the_command(hint: str | None) -> str | None:
    """A hint for who types a command.

    >>> in_terms_of_the_command("pass y=…")
    'give it: --at y=…'
    """
    if hint is None:
        return None
    for pattern, here in _INSTEAD:
        hint = re.sub(pattern, here, hint)
    return re.sub(r"(?<=--at ).*", lambda point: _AT.sub(r"\1=\2", point[0]).replace(", ", ","), hint)
