"""Names, polynomials and floor divisions, their operators and their normal form."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

Dim: TypeAlias = "int | str | Polynomial"
"""One dimension: a length, the name of a length that is bound at the call, or a polynomial over such names."""

Monomial: TypeAlias = "tuple[tuple[str | Quotient, int], ...]"
Terms: TypeAlias = dict[Monomial, int]

MOST_TERMS = 500
"""Terms of one polynomial."""


class _Arithmetic:
    """The operators of names and polynomials."""

    __slots__ = ()

    def __add__(self, other: Any) -> Any:
        return NotImplemented if not is_dim(other) else add(self, other)  # type: ignore[arg-type]

    def __radd__(self, other: Any) -> Any:
        return NotImplemented if not is_dim(other) else add(other, self)  # type: ignore[arg-type]

    def __sub__(self, other: Any) -> Any:
        return NotImplemented if not is_dim(other) else add(self, multiply(-1, other))  # type: ignore[arg-type]

    def __rsub__(self, other: Any) -> Any:
        return NotImplemented if not is_dim(other) else add(other, multiply(-1, self))  # type: ignore[arg-type]

    def __mul__(self, other: Any) -> Any:
        return NotImplemented if not is_dim(other) else multiply(self, other)  # type: ignore[arg-type]

    def __rmul__(self, other: Any) -> Any:
        return NotImplemented if not is_dim(other) else multiply(other, self)  # type: ignore[arg-type]

    def __floordiv__(self, other: Any) -> Any:
        return NotImplemented if not is_dim(other) else floor_divide(self, other)  # type: ignore[arg-type]

    def __rfloordiv__(self, other: Any) -> Any:
        return NotImplemented if not is_dim(other) else floor_divide(other, self)  # type: ignore[arg-type]


class Name(_Arithmetic, str):
    """The name of a length: a text whose operators compute with lengths.

    >>> Name("n") * 2 + 1
    2*n + 1
    """

    __slots__ = ()

    if TYPE_CHECKING:

        def __hash__(self) -> int: ...

    else:
        __hash__ = str.__hash__

    def __mod__(self, other: Any) -> Any:
        raise ValueError(f"{self} % … is no dimension")

    def __reduce__(self) -> tuple[Any, ...]:
        return Name, (str(self),)


class Quotient:
    """⌊numerator/denominator⌋, where it does not simplify."""

    denominator: Dim
    numerator: Dim

    __slots__ = ("denominator", "numerator")

    def __init__(self, numerator: Dim, denominator: Dim) -> None:
        self.numerator = numerator
        self.denominator = denominator

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Quotient)
            and self.numerator == other.numerator
            and self.denominator == other.denominator
        )

    def __hash__(self) -> int:
        return hash((Quotient, self.numerator, self.denominator))

    def __str__(self) -> str:
        return f"{_bracketed(self.numerator)}//{_bracketed(self.denominator)}"


class Polynomial(_Arithmetic):
    """A dimension that is computed from named ones: immutable, in normal form, printed as it is written."""

    __slots__ = ("terms",)

    terms: tuple[tuple[Monomial, int], ...]

    def __init__(self, terms: tuple[tuple[Monomial, int], ...]) -> None:
        self.terms = terms

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Polynomial) and self.terms == other.terms

    def __hash__(self) -> int:
        return hash(self.terms)

    def __repr__(self) -> str:
        parts: list[str] = []
        for monomial, coefficient in self.terms:
            factors = [_factor(atom, power) for atom, power in monomial]
            size = abs(coefficient)
            text = "*".join([str(size), *factors] if size != 1 or not factors else factors)
            if parts:
                parts.append(f" - {text}" if coefficient < 0 else f" + {text}")
            else:
                parts.append(f"-{text}" if coefficient < 0 else text)
        return "".join(parts)

    __str__ = __repr__


def is_dim(value: Any) -> bool:
    """Whether a value is a dimension: an int (no bool), a name or a polynomial."""
    return isinstance(value, (str, Polynomial)) or (isinstance(value, int) and not isinstance(value, bool))


def _factor(atom: str | Quotient, power: int) -> str:
    text = f"({atom})" if isinstance(atom, Quotient) else str(atom)
    return text if power == 1 else "*".join([text] * power)


def _bracketed(dim: Dim) -> str:
    return f"({dim})" if isinstance(dim, Polynomial) else str(dim)


def _terms(dim: Dim) -> Terms:
    if isinstance(dim, Polynomial):
        return dict(dim.terms)
    if isinstance(dim, str):
        return {((str(dim), 1),): 1}
    return {(): int(dim)} if dim else {}


def _order(item: tuple[Monomial, int]) -> tuple[Any, ...]:
    monomial = item[0]
    return -sum(power for _, power in monomial), [(str(atom), -power) for atom, power in monomial]


def _normal_form(terms: Terms) -> Dim:
    """The simplest form of a sum of terms."""
    nonzero = {monomial: coefficient for monomial, coefficient in terms.items() if coefficient}
    if not nonzero:
        return 0
    if len(nonzero) > MOST_TERMS:
        raise ValueError(f"a dimension of more than {MOST_TERMS} terms")
    if len(nonzero) == 1:
        ((monomial, coefficient),) = nonzero.items()
        if not monomial:
            return coefficient
        if (
            coefficient == 1
            and len(monomial) == 1
            and monomial[0][1] == 1
            and isinstance(monomial[0][0], str)
        ):
            return Name(monomial[0][0])
    return Polynomial(tuple(sorted(nonzero.items(), key=_order)))


def add(a: Dim, b: Dim) -> Dim:
    """a + b."""
    if type(a) is int and type(b) is int:
        return a + b
    terms = _terms(a)
    for monomial, coefficient in _terms(b).items():
        terms[monomial] = terms.get(monomial, 0) + coefficient
    return _normal_form(terms)


def subtract(a: Dim, b: Dim) -> Dim:
    """a − b."""
    return add(a, multiply(-1, b))


def multiply(a: Dim, b: Dim) -> Dim:
    """a·b."""
    if type(a) is int and type(b) is int:
        return a * b
    left, right = _terms(a), _terms(b)
    if len(left) * len(right) > 4 * MOST_TERMS:
        raise ValueError(f"a dimension of more than {MOST_TERMS} terms")
    terms: Terms = {}
    for monomial, coefficient in left.items():
        for other, factor in right.items():
            powers = dict(monomial)
            for atom, power in other:
                powers[atom] = powers.get(atom, 0) + power
            product = tuple(sorted(powers.items(), key=lambda item: str(item[0])))
            if sum(powers.values()) > 64:
                raise ValueError("a dimension of degree above 64")
            terms[product] = terms.get(product, 0) + coefficient * factor
    return _normal_form(terms)


def product(dims: Iterable[Dim]) -> Dim:
    """The product of dimensions; 1 of none."""
    result: Dim = 1
    for dim in dims:
        result = multiply(result, dim)
    return result


def floor_divide(a: Dim, b: Dim) -> Dim:
    """⌊a/b⌋; what divides without rest is taken out, so that (2*n + 3)//2 is n + 1."""
    if b == 0:
        raise ValueError("a dimension divided by zero")
    if type(a) is int and type(b) is int:
        return a // b
    divisor = _terms(b)
    if len(divisor) != 1:
        return 1 if a == b else _quotient(a, b)
    ((factor, size),) = divisor.items()
    if size < 0:
        return _quotient(a, b)
    whole: Terms = {}
    rest: Terms = {}
    for monomial, coefficient in _terms(a).items():
        reduced = _without(monomial, factor)
        if reduced is None:
            rest[monomial] = coefficient
            continue
        whole[reduced] = coefficient // size
        if coefficient % size:
            rest[monomial] = coefficient % size
    left = _normal_form(rest)
    if isinstance(left, int) and isinstance(b, int):
        return add(_normal_form(whole), left // b)
    return _normal_form(whole) if left == 0 else add(_normal_form(whole), _quotient(left, b))


def _without(monomial: Monomial, factor: Monomial) -> Monomial | None:
    """A monomial divided by another; None where it does not divide."""
    powers = dict(monomial)
    for atom, power in factor:
        left = powers.get(atom, 0) - power
        if left < 0:
            return None
        powers[atom] = left
    return tuple((atom, power) for atom, power in powers.items() if power)


def _quotient(a: Dim, b: Dim) -> Dim:
    return Polynomial(((((Quotient(a, b), 1),), 1),))


def names_of(dim: Dim) -> tuple[str, ...]:
    """The names in a dimension, in the order in which they are printed."""
    if isinstance(dim, int):
        return ()
    if isinstance(dim, str):
        return (str(dim),)
    names: list[str] = []
    for monomial, _ in dim.terms:
        for atom, _ in monomial:
            if isinstance(atom, str):
                names.append(atom)
            else:
                names += [*names_of(atom.numerator), *names_of(atom.denominator)]
    return tuple(dict.fromkeys(names))


__all__ = [
    "Dim", "Monomial", "Name", "Polynomial", "Quotient", "Terms", "add", "floor_divide", "is_dim", "multiply",
    "names_of", "product", "subtract",
]  # fmt: skip
