"""Networks: layers that write expressions, losses, initial values, and models that hold the parameters.

>>> import graphc as g
>>> from graphc import nn
>>> x, labels = g.symbol("x", shape=("n", 2)), g.symbol("labels", shape=("n",), dtype="int64")
>>> model = nn.Model(nn.Sequential(nn.Affine(3), g.tanh, nn.Affine(2)), x)
>>> nn.cross_entropy(model.output, labels).shape
()
"""

from graphc.nn.blocks import Inception, Residual, Sequential
from graphc.nn.convolution import Conv1d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from graphc.nn.initial import (
    he_normal,
    he_uniform,
    normal,
    ones,
    uniform,
    xavier_normal,
    xavier_uniform,
    zeros,
)  # fmt: skip
from graphc.nn.layer import Function, Layer, Scope
from graphc.nn.layers import (
    ELU,
    GELU,
    SELU,
    Affine,
    AvgPool2d,
    Conv2d,
    Dropout,
    Flatten,
    LeakyReLU,
    Linear,
    Maxout,
    MaxPool2d,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Softsign,
    Tanh,
)  # fmt: skip
from graphc.nn.losses import (
    cross_entropy,
    hinge,
    l2,
    logistic,
    mean_squared_error,
    negative_log_likelihood,
    squared_error,
)  # fmt: skip
from graphc.nn.model import Model
from graphc.nn.norm import BatchNorm, LayerNorm
from graphc.nn.recurrent import GRU, LSTM, Recurrent
from graphc.nn.transformer import Attention, Embedding, Positions, TransformerBlock, attention
from graphc.util.archive import read_arrays, write_arrays

__all__ = [
    "ELU", "GELU", "GRU", "LSTM", "SELU", "Affine", "Attention", "AvgPool2d", "BatchNorm", "Conv1d", "Conv2d", "Conv3d",
    "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d", "Dropout", "Embedding", "Flatten", "Function", "Inception",
    "Layer", "LayerNorm", "LeakyReLU", "Linear", "MaxPool2d", "Maxout", "Model", "Positions", "ReLU", "Recurrent", "Residual",
    "Scope", "Sequential", "SiLU", "Sigmoid", "Softmax", "Softplus", "Softsign", "Tanh", "TransformerBlock", "attention",
    "cross_entropy", "he_normal", "he_uniform", "hinge", "l2", "logistic", "mean_squared_error", "negative_log_likelihood",
    "normal", "ones", "read_arrays", "squared_error", "uniform", "write_arrays", "xavier_normal", "xavier_uniform", "zeros",
]  # fmt: skip
