"""How fast a player's page is in Chromium: recomputations a second, milliseconds for each change of an input, sizes of pages.

Run: python -m tests.benchmarks.players
"""

from __future__ import annotations

import json
import shutil
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import graphc as g
from graphc.interpret.numpy_eval import run
from graphc.ir.graph import Dag
from graphc.viz.player.recompute import recomputation

FRAMES = """
const done = arguments[1], slider = document.getElementById(arguments[0]), times = [], frames = [];
let last = performance.now(), count = 0;
requestAnimationFrame(function tick(now) {
  frames.push(now - last);
  last = now;
  const begun = performance.now();
  slider.value = Number(slider.min) + (Number(slider.max) - Number(slider.min)) * (count % 50) / 50;
  slider.dispatchEvent(new Event("input", { bubbles: true }));
  document.body.getBoundingClientRect();
  times.push(performance.now() - begun);
  if (++count < 240) return requestAnimationFrame(tick);
  const middle = list => list.sort((a, b) => a - b)[Math.floor(list.length / 2)];
  done([middle(times), middle(frames.slice(1)), times[Math.floor(times.length * 0.95)]]);
});"""


def log_sigmoid() -> tuple[g.Expr, dict[str, Any]]:
    x, w, b = g.symbols("x w b")
    return g.log(1 / (g.exp(-(x * w + b)) + 1)), {"x": 2.0, "w": -3.0, "b": 6.0}


def perceptron(*sizes: int) -> tuple[g.Expr, dict[str, Any]]:
    random = np.random.default_rng(0)
    value, at = g.symbol("x", shape=sizes[0]), {"x": random.random(sizes[0])}
    for number, (wide, to) in enumerate(pairwise(sizes), 1):
        at[f"W{number}"], at[f"b{number}"] = random.normal(size=(to, wide)) / wide**0.5, np.zeros(to)
        value = g.symbol(f"W{number}", shape=(to, wide)) @ value + g.symbol(f"b{number}", shape=to)
        value = g.tanh(value) if number < len(sizes) - 1 else value
    at["y"] = np.eye(sizes[-1])[1]
    return -g.sum(g.symbol("y", shape=sizes[-1]) * g.log_softmax(value)), at


def rate(driver: Any, output: g.Expr, at: dict[str, Any]) -> float:
    """Recomputations a second of all forward and backward values."""
    graph = g.Graph(output)
    record = graph.differentiate(None)
    dag = Dag([*graph.exprs, *record.contributions.values()], graph.symbols)
    values = run(dag, at)[: len(dag.symbols)]
    literals = [
        f"Float64Array.from({json.dumps(np.ravel(value).tolist())})" if np.ndim(value) else repr(float(value))
        for value in values
    ]
    code = f"""
    const f = {recomputation(dag, values)}, point = [{", ".join(literals)}];
    for (let k = 0; k < 500; k++) f(point.slice());
    let count = 0;
    const begun = performance.now();
    while (performance.now() - begun < 500) {{ for (let k = 0; k < 20; k++) f(point.slice()); count += 20; }}
    return count / (performance.now() - begun) * 1000;"""
    return driver.execute_script(code)


def main() -> None:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    for argument in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage"):
        options.add_argument(f"--{argument}")
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    cases = {"log-sigmoid": (log_sigmoid(), "slide1"), "64-32-10 network": (perceptron(64, 32, 10), None)}
    print(
        f"{'page':<18} {'KB':>5} {'recomputations/s':>17} {'ms a change':>12} {'of 95 %':>8} {'ms a frame':>11}"
    )
    with tempfile.TemporaryDirectory() as folder:
        for name, ((output, at), slider) in cases.items():
            graph = g.Graph(output)
            path = g.draw(graph, at=at).save(Path(folder) / "page.html")
            slider = slider or f"slide{[symbol.name for symbol in graph.symbols].index('W1')}"
            driver.get("about:blank")
            fast = rate(driver, output, at)
            driver.get(f"{path.as_uri()}#step=9")
            change, frame, slow = driver.execute_async_script(FRAMES, slider)
            print(
                f"{name:<18} {path.stat().st_size / 1000:5.0f} {fast:17,.0f} {change:12.2f} {slow:8.2f} {frame:11.1f}"
            )
    driver.quit()


if __name__ == "__main__":
    main()
