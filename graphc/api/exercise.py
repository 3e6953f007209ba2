"""What a teacher does with an exercise that was handed in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphc.api.graph import as_graph
from graphc.interpret.numpy_eval import run
from graphc.ir.formatting import check_digits
from graphc.ir.graph import Dag
from graphc.viz.player.codes import CodeResult, exercise_key, read_code


def check_code(
    code: str, outputs: Any, at: Mapping[Any, Any], *, pupil: str = "", digits: int = 3
) -> CodeResult:
    """What the code of an exercise says, `g.draw(loss, at=point, exercise=True)`: points, questions, which numbers.

    Parameters
    ----------
    code : as the exercise shows it, G1-0-32-16-…
    outputs, at, digits : what the exercise was made of
    pupil : the name that was typed there; capitals do not matter

    An answer is worth one point, half of one after a hint or a wrong answer, and none when it was shown. The code is made in the
    pupil's browser: it tells honest results apart, and is no seal against forgery. Raises `InputError` for a code that is none,
    or is not of this exercise and this pupil.

    >>> from graphc.ir.expr import symbols
    >>> x, y, z = symbols("x y z")
    >>> check_code("G1-0-4-4-TCC04509", (x + y) * z, {"x": -2, "y": 5, "z": -4}, pupil="Ana Pop")
    CodeResult(points=2.0, questions=4, variant=0)
    """
    check_digits(digits)
    graph = as_graph(outputs)
    values = run(Dag(graph.symbols, graph.symbols), at)
    return read_code(code, exercise_key(graph, graph.symbols, values, digits), pupil)


__all__ = ["CodeResult", "check_code"]
