"""graphc: symbolic computation graphs, their exact derivatives, their pictures, and their machine code."""

from graphc.ops.activation import *
from graphc.ops.arithmetic import *
from graphc.ops.comparison import *
from graphc.ops.elementary import *
from graphc.ops.logistic import *
from graphc.ops.rounding import *
from graphc.ops.special import *
from graphc.expr import Expr, constant, free_symbols, substitute, symbol, symbols
