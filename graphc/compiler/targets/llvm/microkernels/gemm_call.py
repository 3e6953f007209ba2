"""Calls of BLAS' product of matrices in LLVM IR, as loops over images and over panels of rows make them."""

from __future__ import annotations

import re

from graphc.compiler.targets.llvm.loop_builder import LoopBuilder
from graphc.ir.types import DType


class Products:
    """Calls of BLAS' gemm in a function: places for its numbers, which it takes by address."""

    def __init__(self, w: LoopBuilder) -> None:
        self.w = w
        self.numbers: list[str] = [w.new("alloca i32") for _ in range(6)]

    def call(
        self,
        turned: str,
        m: str,
        n: str,
        k: str,
        a: tuple[str, str],
        b: tuple[str, str],
        c: tuple[str, str],
        add: bool,
    ) -> None:
        """C = A·B, or C + A·B, by columns, with addresses and the distances of columns; `turned` says "N" or "T" for A and B."""
        w = self.w
        for number, value in zip(self.numbers, (m, n, k, a[1], b[1], c[1]), strict=True):
            short = value if value[0] != "%" else w.new(f"trunc i64 {value} to i32")
            w.do(f"store i32 {short}, ptr {number}")
        m, n, k, lda, ldb, ldc = self.numbers
        arguments = [
            f"@letter_{turned[0]}", f"@letter_{turned[1]}", m, n, k, "@one", a[0], lda, b[0], ldb,
            "@one" if add else "@zero", c[0], ldc,
        ]  # fmt: skip
        w.do(f"call void %gemm({', '.join(f'ptr {argument}' for argument in arguments)})")


def constants(dtype: DType) -> str:
    """What products read besides their operands: letters and factors."""
    kind = LoopBuilder(dtype).kind
    return f"""@letter_N = private unnamed_addr constant i8 {ord("N")}
@letter_T = private unnamed_addr constant i8 {ord("T")}
@one = private unnamed_addr constant {kind} 1.0
@zero = private unnamed_addr constant {kind} 0.0
"""


def named(text: str, suffix: str) -> str:
    """The text of a function and of what it calls under names of their own."""
    return re.sub(
        r"@(image|product|tile\d*|gather|scatter|letter_N|letter_T|one|zero)\b", rf"@\g<1>{suffix}", text
    )
