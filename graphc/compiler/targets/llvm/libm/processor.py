"""The processor that code is made for: whether it fuses multiplication and addition, and its vector registers.

It is the one at hand, unless Numba's settings NUMBA_CPU_NAME and NUMBA_CPU_FEATURES name another. What a name like `x86-64-v3`
stands for LLVM alone knows, so then it is asked: it generates code for two lines, and which instructions it took tells.
"""

from __future__ import annotations

import platform
from functools import cache

from graphc.compiler.engine.numba_settings import setting

_PROBE = """
define void @width(ptr %p) {
  %x = load <8 x double>, ptr %p, align 1
  %y = fadd <8 x double> %x, %x
  store <8 x double> %y, ptr %p, align 1
  ret void
}
define double @fused(double %x) {
  %y = call double @llvm.fma.f64(double %x, double %x, double %x)
  ret double %y
}
declare double @llvm.fma.f64(double, double, double)
"""


@cache
def features() -> dict[str, bool]:
    """What the processor can do of `fma`, `avx` and `avx512vl`, by LLVM's names."""
    from llvmlite import binding

    name, listed = setting("CPU_NAME"), setting("CPU_FEATURES")
    if name is None and listed is None:
        return dict(binding.get_host_cpu_features())
    if listed is None:  # as Numba does it
        listed = binding.get_host_cpu_features().flatten()
    return probed(name or binding.get_host_cpu_name(), listed)


def probed(name: str, listed: str) -> dict[str, bool]:
    """The same of a processor by LLVM's name, with features ("+fma,-avx512f") added and taken away."""
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    target = binding.Target.from_triple(binding.get_process_triple())
    machine = target.create_target_machine(cpu=name, features=listed)
    assembly = str(machine.emit_assembly(binding.parse_assembly(_PROBE)))
    return {
        "fma": "vfmadd" in assembly,
        "avx": "%ymm" in assembly or "%zmm" in assembly,
        "avx512vl": "%zmm" in assembly,
    }


@cache
def has_fma() -> bool:
    """Whether multiplication and addition fuse into one instruction; elsewhere `llvm.fma` is a slow call."""
    machine = platform.machine().lower()
    return machine in ("aarch64", "arm64", "ppc64le", "riscv64") or features().get("fma", False)


@cache
def vector_registers() -> tuple[int, int]:
    """The bytes of a vector register and how many there are; of a processor that is not known, what every one has."""
    machine, has = platform.machine().lower(), features()
    if machine in ("aarch64", "arm64"):
        return 16, 32
    if has.get("avx512vl"):  # narrower vectors have all registers too
        return 64, 32
    return (32, 16) if has.get("avx") else (16, 16)
