"""The rules that graphc has, in the order in which they are tried."""

from __future__ import annotations

from graphc.rewrite import derivatives
from graphc.rewrite.arrays import axes, cosine_distances, matmul_chain, views
from graphc.rewrite.engine.normal_form import AnyRule
from graphc.rewrite.expansions import common_variable, grouped_terms, logistic_entropy
from graphc.rewrite.expansions import near_zero as expansions
from graphc.rewrite.rational import rational_functions, several_variables
from graphc.rewrite.rules import (
    algebra,
    angles,
    branches,
    cancellation,
    cheaper,
    close_inputs,
    compensated,
    complements,
    compound_powers,
    differences,
    divergences,
    divided_differences,
    error_functions,
    gamma_differences,
    gamma_logarithms,
    growth,
    growth_differences,
    like_terms,
    log_beta,
    log_quotients,
    log_shares,
    logarithmic_derivatives,
    logarithms,
    logistic_sums,
    near_one,
    norm_rest,
    overflow,
    pair_quotients,
    planes,
    power_logarithms,
    powers_below,
    products,
    quotient_sums,
    ratios,
    removable,
    smoothing,
    stability,
    sums,
    symmetric,
    vanishing,
)

NORMAL: tuple[AnyRule, ...] = (
    *algebra.RULES,
    *branches.RULES,
    *logarithmic_derivatives.RULES,
    *axes.RULES,
    *cosine_distances.RULES,
    *sums.RULES,
    *symmetric.RULES,
    *removable.RULES,
    *near_one.RULES,
    *divergences.RULES,
    *cancellation.RULES,
    *log_beta.RULES,
    *gamma_differences.RULES,
    *gamma_logarithms.RULES,
    *log_quotients.RULES,
    *log_shares.RULES,
    *pair_quotients.RULES,
    *logarithms.RULES,
    *logistic_entropy.RULES,
    *power_logarithms.RULES,
    *planes.RULES,
    *angles.RULES,
    *complements.RULES,
    *stability.RULES,
    *compound_powers.RULES,
    *growth_differences.RULES,
    *close_inputs.RULES,
    *growth.RULES,
    *error_functions.RULES,
    *ratios.RULES,
    *norm_rest.RULES,
    *products.RULES,
    *logistic_sums.RULES,
    *like_terms.RULES,
    *overflow.RULES,
    *quotient_sums.RULES,
    *powers_below.RULES,
    *divided_differences.RULES,
    *views.RULES,
    *views.SCALAR_RULES,
)
"""What brings a graph to its normal form."""

ON_GRAPHS: tuple[AnyRule, ...] = (*derivatives.RULES, *smoothing.RULES)
"""Those for what is differentiated alone."""

BUILT_IN: tuple[AnyRule, ...] = (
    *ON_GRAPHS,
    *grouped_terms.RULES,
    *common_variable.RULES,
    *expansions.RULES,
    *several_variables.RULES,
    *NORMAL,
    *rational_functions.RULES,
    *matmul_chain.RULES,
    *compensated.RULES,
    *cheaper.RULES,
    *vanishing.RULES,
)

ON_ARRAYS: tuple[AnyRule, ...] = (*axes.RULES, *cosine_distances.RULES, *views.RULES, *matmul_chain.RULES)
"""Those that speak of operations on whole arrays."""

OF_OVERFLOW = frozenset(("complex-quotient", "root-of-difference-of-squares"))
"""Those that write branches against overflow, which rational functions written whole have already."""

OF_SUMS = frozenset(rule.name for rule in (*sums.RULES, *products.RULES))
"""Those that write differences of exponents where none were."""

OF_DIFFERENCE = "log-exp-difference"
"""The one that writes log(eˣ − eʸ) by x − y, so that its slopes are by x − y alone."""

DIFFERENCES = frozenset(
    ("arctangent-difference", "cosine-of-sum", "difference-of-squares", "difference-of-squares-op",
     "log-of-share", "log-one-plus-sum", "one-minus-square", "sine-of-sum", "square-minus-one", "tangent-of-sum")
) | frozenset(rule.name for rule in close_inputs.RULES)  # fmt: skip
"""Those that derivatives are not written from: that of x² − y² = (x − y)(x + y) is 2x and not the sum of x + y and x − y."""

IN_SOURCES: dict[str, AnyRule] = {
    "log-beta": log_beta.LogBeta(wide=True),
    "log-mixture": complements.LogMixture(wide=True),
    "like-terms": like_terms.LikeTerms(guarded=False),
    "divergence": divergences.Divergence(wide=True),
    "divergences": divergences.Divergences(wide=True),
    "log-one-plus-power": power_logarithms.LargePowerInLogarithm(wide=True),
    "power-quotient": near_one.PowerQuotient(wide=True),
    "removable-quotient": removable.RemovableQuotient(wide=True),
    "scaled-error-function": error_functions.ScaledErrorFunction(wide=True),
    "series-over-power": removable.SeriesOverPower(wide=True),
    "divided-exponential": divided_differences.DividedExponential(wide=True),
    "cancelled-factor": powers_below.CancelledFactor(wide=True),
    "power-below": powers_below.PowerBelow(wide=True),
    "root-beside-abs": differences.RootBesideAbs(any_difference=False),
    "complex-quotient": overflow.ComplexQuotient(wide=True),
    "hypot": stability.Norm(guarded=False),
    "log-exp-difference": logarithms.LogExpDifference("log-exp-difference", wide=True),
    **{rule.name: rule for rule in growth.IN_SOURCES},
}
"""Rules that derivatives are written from in part. Where a function is NaN its derivative is nobody's promise: no guards."""
