"""Numba's settings of code generation, as its environment says, without loading Numba where they are what they are by default."""

from __future__ import annotations

import os
import sys
from functools import cache
from typing import Any

DEFAULTS: dict[str, Any] = {
    "OPT": 3, "LOOP_VECTORIZE": 1, "SLP_VECTORIZE": 0, "CPU_NAME": None, "CPU_FEATURES": None, "ENABLE_AVX": True,
    "USE_LLVMLITE_MEMORY_MANAGER": None, "ENABLE_PROFILING": 0,
}  # fmt: skip
"""By name, where nobody says otherwise"""

WITHOUT_AVX = frozenset(("corei7-avx", "core-avx-i", "sandybridge", "ivybridge", "nocona"))
"""Processors for which Numba looks closer."""

FILE = ".numba_config.yaml"


def setting(name: str) -> Any:
    """A setting: Numba's own where it is loaded, or where something is set."""
    config = sys.modules.get("numba.core.config")
    if config is None:
        if not is_set():
            return DEFAULTS[name]
        from numba.core import config
    return getattr(config, name, DEFAULTS[name])


@cache
def is_set() -> bool:
    """Whether the environment says anything of one of them, or the processor may need another."""
    if "VS_PROFILER" in os.environ or os.path.isfile(FILE):
        return True
    if any(f"NUMBA_{name}" in os.environ for name in DEFAULTS):
        return True
    return processor() in WITHOUT_AVX


def processor() -> str:
    """The one at hand, by LLVM's name."""
    from llvmlite import binding

    return binding.get_host_cpu_name()


def described() -> str:
    """The settings that decide what code is made, beside the processor, as text."""
    chosen = ("OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE")
    return repr([(name, getattr(setting(name), "_raw_value", setting(name))) for name in chosen])


__all__ = ["DEFAULTS", "described", "is_set", "processor", "setting"]
