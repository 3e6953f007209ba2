"""graphc: symbolic computation graphs, their exact derivatives, their pictures, and their machine code."""

# ruff: noqa: F403  the operations are public through each module's __all__
from graphc.analysis.accuracy import accuracy as accuracy
from graphc.analysis.gradcheck import check_grad as check_grad
from graphc.api.draw import diagnose as diagnose
from graphc.api.draw import draw as draw
from graphc.api.draw import side_by_side as side_by_side
from graphc.api.functions import compile as compile
from graphc.api.functions import explain as explain
from graphc.api.functions import grad as grad
from graphc.api.functions import hessian as hessian
from graphc.api.functions import hvp as hvp
from graphc.api.functions import jacobian as jacobian
from graphc.api.functions import jvp as jvp
from graphc.api.functions import ops as ops
from graphc.api.functions import value_and_grad as value_and_grad
from graphc.api.functions import vjp as vjp
from graphc.api.graph import Graph as Graph
from graphc.api.rewrites import forget_rule as forget_rule
from graphc.api.rewrites import rewrites as rewrites
from graphc.api.rewrites import rule as rule
from graphc.api.rewrites import rules as rules
from graphc.api.rewrites import simplify as simplify
from graphc.api.rewrites import stabilize as stabilize
from graphc.api.serialize import load as load
from graphc.api.serialize import save as save
from graphc.compiler.engine.thread_pool import get_num_threads as get_num_threads
from graphc.compiler.engine.thread_pool import set_num_threads as set_num_threads
from graphc.errors import GraphcError as GraphcError
from graphc.frontend.define_op import define_op as define_op
from graphc.frontend.interop.sympy import to_sympy as to_sympy
from graphc.frontend.interop.sympy_reader import from_sympy as from_sympy
from graphc.frontend.parse import parse as parse
from graphc.frontend.trace import function as function
from graphc.frontend.vmap import vmap as vmap
from graphc.interpret.numpy_eval import evaluate as evaluate
from graphc.ir.expr import Expr as Expr
from graphc.ir.expr import constant as constant
from graphc.ir.expr import free_symbols as free_symbols
from graphc.ir.expr import substitute as substitute
from graphc.ir.expr import symbol as symbol
from graphc.ir.expr import symbols as symbols
from graphc.ir.scopes import scope as scope
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
from graphc.version import __version__ as __version__
from graphc.viz.player.figure import figure as figure
from graphc.viz.player.figure import plot as plot

# the module of that name, which traces functions, hides the operation until here
from graphc.ops.products import trace as trace  # isort: skip
