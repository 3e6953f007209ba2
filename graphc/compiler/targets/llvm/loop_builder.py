"""LLVM IR of functions that are loops over arrays: whole numbers that are known are computed while writing."""

from __future__ import annotations

from collections.abc import Callable

from graphc.compiler.targets.llvm.emit import register_type
from graphc.compiler.targets.llvm.libm.writer import GUESSED
from graphc.ir.types import DType

INTRINSICS = """declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
!900000 = distinct !{!900000, !900001}
!900001 = !{!"llvm.loop.unroll.disable"}
!900002 = distinct !{!900002, !900001, !900003}
!900003 = !{!"llvm.loop.vectorize.enable", i1 false}
!900004 = !{!"branch_weights", i32 1, i32 4000}
"""
"""What functions of a `LoopBuilder` refer to, once in a module."""

ROLLED = ", !llvm.loop !900000"
"""At the end of a loop: it is not written out. LLVM does that with loops whose lengths are known, one inside the other, and
then takes seconds for code that is no faster."""


ASKED = ", !llvm.loop !900002"
"""At the end of a loop in which few passes have anything to do: as vectors all would do it, and most of it for nothing."""


class LoopBuilder:
    """Writes the instructions of a function. Whole numbers are texts: digits where they are known, else registers."""

    def __init__(self, dtype: DType) -> None:
        self.dtype = dtype
        self.kind: str = register_type(dtype)
        self.lines: list[str] = []
        self._count = 0
        self._block = "entry"

    def new(self, text: str) -> str:
        """The register of an instruction's result."""
        name = f"%r{self._count}"
        self._count += 1
        self.lines.append(f"  {name} = {text}")
        return name

    def do(self, text: str) -> None:
        """An instruction without a result."""
        self.lines.append(f"  {text}")

    # --- whole numbers ---------------------------------------------------------------------------------------------------------

    def add(self, *terms: str) -> str:
        """The sum; what is known is added up here."""
        known = sum(int(term) for term in terms if term[0] != "%")
        total = ""
        for term in terms:
            if term[0] == "%":
                total = self.new(f"add nsw i64 {total}, {term}") if total else term
        if not total:
            return str(known)
        return self.new(f"add nsw i64 {total}, {known}") if known else total

    def mul(self, *factors: str) -> str:
        """The product; what is known is multiplied here."""
        known = 1
        total = ""
        for factor in factors:
            if factor[0] != "%":
                known *= int(factor)
            else:
                total = self.new(f"mul nsw i64 {total}, {factor}") if total else factor
        if not total or known == 0:
            return str(known)
        return self.new(f"mul nsw i64 {total}, {known}") if known != 1 else total

    def least(self, x: str, y: str) -> str:
        """The smaller of two."""
        if x[0] != "%" and y[0] != "%":
            return str(min(int(x), int(y)))
        return self.new(f"select i1 {self.new(f'icmp slt i64 {x}, {y}')}, i64 {x}, i64 {y}")

    def greatest(self, x: str, y: str) -> str:
        """The larger of two."""
        if x[0] != "%" and y[0] != "%":
            return str(max(int(x), int(y)))
        return self.new(f"select i1 {self.new(f'icmp sgt i64 {x}, {y}')}, i64 {x}, i64 {y}")

    # --- memory and loops ------------------------------------------------------------------------------------------------------

    def at(self, base: str, place: str, kind: str | None = None) -> str:
        """The address of an element."""
        return (
            base if place == "0" else self.new(f"getelementptr {kind or self.kind}, ptr {base}, i64 {place}")
        )

    def load(self, base: str, place: str = "0") -> str:
        """An element."""
        return self.new(f"load {self.kind}, ptr {self.at(base, place)}")

    def store(self, value: str, base: str, place: str = "0") -> None:
        """Write an element."""
        self.do(f"store {self.kind} {value}, ptr {self.at(base, place)}")

    def clear(self, base: str, count: str) -> None:
        """Write zeros."""
        size = self.mul(count, str(self.dtype.itemsize))
        self.do(f"call void @llvm.memset.p0.i64(ptr {base}, i8 0, i64 {size}, i1 false)")

    def copy(self, target: str, source: str, count: str) -> None:
        """Copy elements that lie one after the other."""
        size = self.mul(count, str(self.dtype.itemsize))
        self.do(f"call void @llvm.memcpy.p0.p0.i64(ptr {target}, ptr {source}, i64 {size}, i1 false)")

    def loop(self, stop: str, body: Callable[[str], None], start: str = "0") -> None:
        """body(i) for i from start up to stop."""
        if start == "0" and stop == "1":
            body("0")
            return
        number = self._count
        self._count += 1
        self.do(f"br label %l{number}")
        self.lines.append(f"l{number}:")
        place = len(self.lines)
        self.lines.append("")
        before, self._block = self._block, f"l{number}"
        self.do(f"%m{number} = icmp slt i64 %i{number}, {stop}")
        self.do(f"br i1 %m{number}, label %b{number}, label %e{number}")
        self.lines.append(f"b{number}:")
        self._block = f"b{number}"
        body(f"%i{number}")
        self.do(f"%n{number} = add nsw i64 %i{number}, 1")
        self.do(f"br label %l{number}{ROLLED}")
        self.lines.append(f"e{number}:")
        self.lines[place] = f"  %i{number} = phi i64 [ {start}, %{before} ], [ %n{number}, %{self._block} ]"
        self._block = f"e{number}"

    def function(self, name: str, parameters: str) -> str:
        """The function's text."""
        return "\n".join(
            [
                f"define internal void @{name}({parameters}) nounwind {{",
                "entry:",
                *self.lines,
                "  ret void",
                "}",
                "",
            ]
        )


__all__ = ["ASKED", "GUESSED", "INTRINSICS", "ROLLED", "LoopBuilder"]
