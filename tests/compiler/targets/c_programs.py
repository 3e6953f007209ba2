"""Exported C compiled by the system's compiler with sanitizers, and run: arguments from a file, results into one."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from graphc.compiler.loops.program import Program
from graphc.compiler.targets.export import write_program
from graphc.ir.attribute_text import bound

COMPILER = shutil.which(os.environ.get("CC") or "cc")
SANITIZED = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
STRICT = ("-std=c99", "-pedantic-errors", "-O0", "-w")

MAIN = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
%s
/* Of each array the number of bytes comes first; each lies in memory of exactly its size. */
static void *taken(FILE *in, int64_t *size) {
    void *memory;
    if (fread(size, sizeof *size, 1, in) != 1) abort();
    memory = malloc((size_t)*size);
    if (*size && (memory == NULL || fread(memory, 1, (size_t)*size, in) != (size_t)*size)) abort();
    return memory;
}

int main(int count, char **names) {
    FILE *in = fopen(names[2], "rb"), *out = fopen(names[3], "wb");
    if (count != 4 || in == NULL || out == NULL) return 99;
%s
    fclose(in);
    return fclose(out);
}
"""


@cache
def has_sanitizers() -> bool:
    """Whether there is a compiler whose sanitizers work here."""
    return COMPILER is not None and _runs("int main(void) { return 0; }", SANITIZED)


def _runs(text: str, flags: tuple[str, ...]) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        source, program = Path(folder, "p.c"), Path(folder, "p")
        source.write_text(text, encoding="utf-8")
        made = subprocess.run([str(COMPILER), *flags, str(source), "-o", str(program)], capture_output=True)
        return made.returncode == 0 and subprocess.run([str(program)], env=ENVIRONMENT).returncode == 0


# leaks are looked for by other means in containers than sanitizers have there
ENVIRONMENT = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0", "UBSAN_OPTIONS": "print_stacktrace=1"}


@dataclass(frozen=True)
class Exported:
    """Functions in one binary.

    binary : the file; programs : the name of a function → its program
    """

    binary: Path
    programs: Mapping[str, Program]

    def call(
        self, name: str, point: Mapping[str, np.ndarray], lengths: Mapping[str, int]
    ) -> tuple[int, list[np.ndarray], dict[str, np.ndarray]]:
        """(what the function returned, its results, the inputs that it updates)."""
        program, folder = self.programs[name], self.binary.parent
        given = [np.int64(lengths[length]).tobytes() for length in program.lengths]
        for buffer in program.of_role("input", "state", "result"):
            if buffer.role == "result":
                shape = [max(0, n) for n in bound(buffer.shape, lengths)]
                data = np.full(shape, 77).astype(buffer.dtype).tobytes()
            else:
                data = np.ascontiguousarray(point[buffer.name]).astype(buffer.dtype).tobytes()
            given += [np.int64(len(data)).tobytes(), data]
        source, target = folder / "in.bin", folder / "out.bin"
        source.write_bytes(b"".join(given))
        done = subprocess.run(
            [str(self.binary), name, str(source), str(target)],
            capture_output=True, text=True, errors="replace", env=ENVIRONMENT, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, (name, done.returncode, done.stderr[-3000:])
        data = target.read_bytes()
        status, place = int(np.frombuffer(data, np.int32, 1)[0]), 4
        arrays: dict[str, np.ndarray] = {}
        for buffer in program.of_role("state", "result"):
            shape = [max(0, n) for n in bound(buffer.shape, lengths)]
            count = int(np.prod(shape))
            arrays[buffer.name] = np.frombuffer(data, buffer.dtype, count, place).reshape(shape)
            place += count * buffer.dtype.itemsize
        assert place == len(data)
        results = [arrays[buffer.name] for buffer in program.of_role("result")]
        return status, results, {each.name: arrays[each.name] for each in program.of_role("state")}


def _caller(name: str, program: Program) -> str:
    """The lines of `main` that call one function."""
    lines, arguments = [], []
    for number in range(len(program.lengths)):
        lines.append(f"        int64_t length{number};")
        lines.append(f"        if (fread(&length{number}, 8, 1, in) != 1) abort();")
        arguments.append(f"length{number}")
    buffers = program.of_role("input", "state", "result")
    kinds = [_kind(buffer.dtype) for buffer in buffers]
    for number, kind in enumerate(kinds):
        lines.append(f"        int64_t size{number};")
        lines.append(f"        {kind} *a{number} = taken(in, &size{number});")
        by_value = buffers[number].role == "input" and not buffers[number].shape
        arguments.append(f"*a{number}" if by_value else f"a{number}")
    lines.append(f"        int status = {name}({', '.join(arguments)});")
    lines.append("        fwrite(&status, sizeof status, 1, out);")
    order = [number for role in ("state", "result") for number, b in enumerate(buffers) if b.role == role]
    if [buffers[number].name for number in order] != [b.name for b in program.of_role("state", "result")]:
        order = [number for number, b in enumerate(buffers) if b.role != "input"]
    lines += [f"        fwrite(a{number}, 1, (size_t)size{number}, out);" for number in order]
    lines += [f"        free(a{number});" for number in range(len(buffers))]
    return "\n".join([f'    if (strcmp(names[1], "{name}") == 0) {{', *lines, "    }"])


def _kind(dtype: np.dtype) -> str:
    if dtype.kind == "f":
        return "double" if dtype.itemsize == 8 else "float"
    return "uint8_t" if dtype.kind == "b" else f"{dtype.name}_t"


def exported(programs: Mapping[str, Program], folder: Path, sanitized: bool = True) -> Exported:
    """Programs written as C and compiled as strict C99, with sanitizers if wanted."""
    for name, program in programs.items():
        write_program(program, folder / f"{name}.c", None, name, f"the program {name}")
    headers = "\n".join(f'#include "{name}.h"' for name in programs)
    calls = "\n".join(_caller(name, program) for name, program in programs.items())
    main, binary = folder / "main.c", folder / "main"
    main.write_text(MAIN % (headers, calls), encoding="utf-8")
    flags = [*STRICT, *(SANITIZED if sanitized else ())]
    files = [str(main), *(str(folder / f"{name}.c") for name in programs)]
    made = subprocess.run(
        [str(COMPILER), *flags, *files, "-o", str(binary), "-lm"], capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr[:4000]
    return Exported(binary, dict(programs))
