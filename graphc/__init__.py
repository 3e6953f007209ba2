"""graphc: symbolic computation graphs, their exact derivatives, their pictures, and their machine code."""

# ruff: noqa: F403  the operations are public through each module's __all__
from graphc.accuracy import accuracy as accuracy
from graphc.api import compile as compile
from graphc.api import explain as explain
from graphc.api import grad as grad
from graphc.api import hessian as hessian
from graphc.api import hvp as hvp
from graphc.api import jacobian as jacobian
from graphc.api import jvp as jvp
from graphc.api import ops as ops
from graphc.api import value_and_grad as value_and_grad
from graphc.api import vjp as vjp
from graphc.check import check_grad as check_grad
from graphc.define import define_op as define_op
from graphc.draw.player.figure import figure as figure
from graphc.draw.player.figure import plot as plot
from graphc.errors import GraphcError as GraphcError
from graphc.evaluate import evaluate as evaluate
from graphc.expr import Expr as Expr
from graphc.expr import constant as constant
from graphc.expr import free_symbols as free_symbols
from graphc.expr import substitute as substitute
from graphc.expr import symbol as symbol
from graphc.expr import symbols as symbols
from graphc.graph import Graph as Graph
from graphc.interop.sympy import to_sympy as to_sympy
from graphc.interop.sympy_reader import from_sympy as from_sympy
from graphc.lower.threads import get_num_threads as get_num_threads
from graphc.lower.threads import set_num_threads as set_num_threads
from graphc.ops.activation import *
from graphc.ops.arithmetic import *
from graphc.ops.arrange import *
from graphc.ops.comparison import *
from graphc.ops.conv import *
from graphc.ops.create import *
from graphc.ops.decompose import *
from graphc.ops.einsum import *
from graphc.ops.elementary import *
from graphc.ops.exponentials import *
from graphc.ops.index import *
from graphc.ops.linalg import *
from graphc.ops.logistic import *
from graphc.ops.order import *
from graphc.ops.pool import *
from graphc.ops.powers import *
from graphc.ops.products import *
from graphc.ops.reduce import *
from graphc.ops.rounding import *
from graphc.ops.running import *
from graphc.ops.shape import *
from graphc.ops.special import *
from graphc.parse import parse as parse
from graphc.picture import diagnose as diagnose
from graphc.picture import draw as draw
from graphc.picture import side_by_side as side_by_side
from graphc.rewrites import forget_rule as forget_rule
from graphc.rewrites import rewrites as rewrites
from graphc.rewrites import rule as rule
from graphc.rewrites import rules as rules
from graphc.rewrites import simplify as simplify
from graphc.rewrites import stabilize as stabilize
from graphc.scopes import scope as scope
from graphc.serialize import load as load
from graphc.serialize import save as save
from graphc.trace import function as function
from graphc.version import __version__ as __version__
from graphc.vmap import vmap as vmap

# the module of that name, which traces functions, hides the operation until here
from graphc.ops.products import trace as trace  # isort: skip
