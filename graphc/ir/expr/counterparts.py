"""What is nearest to a function of NumPy's or SciPy's that has no counterpart on expressions."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

INSTEAD = {
    "matrix_power": "write the product, A @ A", "eig": "g.eigh is for symmetric matrices",
    "eigvals": "g.eigvalsh is for symmetric ones",
    "median": "g.sort puts elements in order: take the middle one", "quantile": "g.sort puts elements in order: take one of them",
    "percentile": "g.sort puts elements in order: take one of them", "multi_dot": "write the product, A @ B @ C",
    "hstack": "g.concat joins arrays, axis=1", "vstack": "g.concat joins arrays, axis=0",
    "column_stack": "g.stack joins vectors, axis=1",
    "gradient": "g.grad differentiates; g.diff takes differences of neighbours", "cond": "g.svdvals gives the singular values",
    "matrix_rank": "g.svdvals gives the singular values", "convolve": "g.conv2d is a convolution of images",
    "apply_along_axis": "g.vmap makes a function of a batch", "vectorize": "g.vmap makes a function of a batch",
    "unwrap": "g.diff and g.cumsum", "frexp": "g.log2 and g.floor", "modf": "x - g.trunc(x) and g.trunc(x)",
    "divmod": "x // y and x % y",
    "nansum": "g.sum of g.nan_to_num", "nanmean": "g.mean of g.where", "logaddexp2": "g.logaddexp", "cbrt": "g.cbrt",
    "boxcox": "(x**p - 1)/p", "softmax": "g.softmax", "logsumexp": "g.logsumexp", "polygamma": "g.polygamma",
    "multigammaln": "g.multigammaln",
    "chdtr": "g.gammainc(v/2, x/2)", "gdtr": "g.gammainc(b, a*x)",
    "btdtr": "g.betainc(a, b, x)", "pdtr": "g.gammaincc(k + 1, m)", "bdtr": "g.betainc(n - k, k + 1, 1 - p)",
    "rgamma": "1/g.gamma(x)",
    "dawsn": "g.erfcx is the nearest", "owens_t": "g.ndtr is the nearest", "log_softmax": "g.log_softmax", "jn": "g.jv",
    "kn": "g.kv",
    "yn": "g.yv", "gammasgn": "g.sign(g.gamma(x))", "ellipkm1": "g.ellipk(1 - p)",
    "spherical_jn": "g.jv(n + 1/2, x)*g.sqrt(pi/(2*x))",
    "hyp2f1": "no hypergeometric function is there; g.betainc and g.gammainc are the nearest", "comb": "g.binom",
    "perm": "g.poch",
}  # fmt: skip
"""Function → what to write in its place."""


def hint(name: str, known: Iterable[str]) -> str:
    """What to write in the place of a function; `known` are the names of those that have a counterpart."""
    if name in INSTEAD:
        text = INSTEAD[name]
        return f"write {text}" if text.startswith(("g.", "1/", "(", "x ")) and " is " not in text else text
    near = difflib.get_close_matches(name, sorted(known), 1, 0.7)
    return f"the nearest is g.{near[0]}" if near else "g.operations() lists the operations"


__all__ = ["hint"]
