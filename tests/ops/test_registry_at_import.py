"""The first name asked of graphc makes every operation known: texts and files name operations that nothing else asked for."""

import json
import subprocess
import sys

import pytest

import graphc as g
from graphc.ir import op as declarations

AT_IMPORT = """
import json, sys
import graphc
listed = graphc.operations()
from graphc.ir import op
print(json.dumps([sorted([*op._REGISTRY, *op._CONTROL]), listed]))
"""

EVERYTHING = """
import json, pkgutil, importlib
import graphc
for module in pkgutil.walk_packages(graphc.__path__, "graphc."):
    if not module.name.endswith("__main__"):
        try:
            importlib.import_module(module.name)
        except ImportError:  # of an extra that is not installed
            pass
from graphc.ir import op
print(json.dumps(sorted([*op._REGISTRY, *op._CONTROL])))
"""

LOADED = """
import sys
import graphc
print(*[str(graphc.parse(line.strip())) for line in sys.stdin], sep="\\n")
"""


def fresh(program: str, text: str = "") -> str:
    """What a program prints in a process of its own."""
    done = subprocess.run([sys.executable, "-c", program], input=text, capture_output=True, text=True)
    assert not done.returncode, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def at_import() -> tuple[list[str], list[str]]:
    known, listed = json.loads(fresh(AT_IMPORT))
    return known, listed


def test_no_module_declares_an_operation_later(at_import):
    assert at_import[0] == json.loads(fresh(EVERYTHING))


def test_every_listed_name_is_known(at_import):
    known, listed = at_import
    assert set(listed) <= set(known)
    own = {op.name for op in declarations.all_ops() if op.user_defined}  # of other tests
    assert listed == [name for name in g.operations() if name not in own]


def test_texts_are_read_by_a_fresh_process_as_by_this_one():
    texts = []
    for op in (*declarations.all_ops(), *declarations._CONTROL.values()):
        if op.user_defined:
            continue
        text = f"{op.name}({', '.join('xyzuvw'[: op.arity])})"
        try:
            g.parse(text)
        except g.GraphcError:  # it takes matrices, booleans or bodies
            continue
        texts.append(text)
    assert "multiply_error(x, y)" in texts and len(texts) > 100
    assert fresh(LOADED, "\n".join(texts)).splitlines() == [str(g.parse(text)) for text in texts]
