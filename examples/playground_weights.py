"""A playground whose weights can be edited: two inputs, three hidden units, one output, in a page that computes by itself.

Each hidden unit cuts the plane along a line, and three lines make the triangle around the disc. The page has a slider for each of
the 13 weights, and buttons that take steps of gradient descent. Its network and its gradients are what graphc exports as
JavaScript.

Run: python examples/playground_weights.py [directory for the page and the figure]
"""

import json
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from playground import circles

import graphc as g
from graphc import train

plt.style.use("graphc.viz.slides")

X, y = g.symbol("X", shape=("n", 2)), g.symbol("y", shape=("n",))
V, b, w, c = g.symbol("V", shape=(3, 2)), g.symbol("b", shape=3), g.symbol("w", shape=3), g.symbol("c")
OUTPUT = g.tanh(X @ V.T + b) @ w + c
LOSS = g.mean(g.softplus(-y * OUTPUT))

PAGE = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>A playground whose weights can be edited</title>
<style>
  body { font: 16px system-ui, sans-serif; margin: 1rem auto; max-width: 60rem; padding: 0 1rem }
  body { color: #14202e; background: #fff }
  h1 { font-size: 1.3rem }
  main { display: flex; flex-wrap: wrap; gap: 1.5rem }
  canvas { width: min(26rem, 100%); aspect-ratio: 1; border: 1px solid #9aa5b4 }
  label { display: grid; grid-template-columns: 8.5rem 1fr 5rem; gap: .5rem; align-items: center }
  section { flex: 1; min-width: 18rem }
  button { font: inherit; margin: .2rem .3rem .2rem 0; padding: .3rem .7rem }
  input { font: inherit; min-width: 0 }
</style>
<h1>A playground whose weights can be edited</h1>
<main>
<canvas id="plane" width="420" height="420" role="img" aria-label="the plane of the inputs"></canvas>
<section>
  <p id="told" aria-live="polite"></p>
  <button data-steps="1">a step</button><button data-steps="200">200 steps</button>
  <button data-start="trained">trained</button><button data-start="random">random</button>
  <div id="weights"></div>
</section>
</main>
<script type="module">
NETWORK
STEP
const data = DATA, SIDE = 70, REACH = 3.4, RATE = 0.3;
const sizes = { V: 6, b: 3, w: 3, c: 1 }, weights = {};
const title = { V: (k) => `v${(k >> 1) + 1}${k % 2 + 1}, input ${k % 2 + 1}`, b: (k) => `b${k + 1}, offset`,
                w: (k) => `w${k + 1}, output`, c: () => "c, offset" };
const grid = new Float64Array(2 * SIDE * SIDE), at = (i) => (2 * (i + .5) / SIDE - 1) * REACH;
for (let r = 0; r < SIDE; r++) for (let k = 0; k < SIDE; k++) {
  grid[2 * (r * SIDE + k)] = at(k); grid[2 * (r * SIDE + k) + 1] = -at(r);
}
const points = Float64Array.from(data.points.flat()), classes = Float64Array.from(data.classes);
const inputs = [], canvas = document.getElementById("plane"), pen = canvas.getContext("2d");
const place = (p) => (p / REACH + 1) / 2 * canvas.width;
function show() {
  const all = [weights.V, weights.b, weights.w, weights.c[0]];
  const [field] = network(SIDE * SIDE, grid, ...all), cell = canvas.width / SIDE;
  field.forEach((value, i) => {
    const t = Math.tanh(value), shade = (a, z) => Math.round(248 + (t > 0 ? z - 248 : a - 248) * Math.abs(t) * .6);
    pen.fillStyle = `rgb(${shade(224, 120)}, ${shade(130, 100)}, ${shade(20, 190)})`;
    pen.fillRect((i % SIDE) * cell, Math.floor(i / SIDE) * cell, cell + 1, cell + 1);
  });
  pen.lineWidth = 2;
  for (let k = 0; k < 3; k++) {  // where a hidden unit is 0
    const [p, q] = [weights.V[2 * k], weights.V[2 * k + 1]], length = Math.hypot(p, q) || 1e-9;
    const [x0, y0] = [-weights.b[k] * p / length ** 2, -weights.b[k] * q / length ** 2], far = 20 / length;
    pen.strokeStyle = weights.w[k] === 0 ? "#9aa5b4" : "#14202e";
    pen.beginPath();
    pen.moveTo(place(x0 - far * q), place(-(y0 + far * p)));
    pen.lineTo(place(x0 + far * q), place(-(y0 - far * p)));
    pen.stroke();
  }
  data.points.forEach(([p, q], i) => {
    pen.fillStyle = classes[i] > 0 ? "#3b2a7a" : "C1";
    pen.beginPath(); pen.arc(place(p), place(-q), 3, 0, 7); pen.fill();
  });
  const [loss] = step(classes.length, points, classes, ...all), [out] = network(classes.length, points, ...all);
  const right = out.filter((value, i) => value * classes[i] > 0).length / classes.length;
  document.getElementById("told").textContent = `loss ${loss.toFixed(3)}, ${(100 * right).toFixed(1)} % of the points right`;
  for (const [name, k, slider, number] of inputs) {
    slider.value = weights[name][k];
    if (number !== document.activeElement) number.value = weights[name][k].toFixed(2);
  }
}
function start(values) { for (const name in sizes) weights[name] = Float64Array.from(values[name]); show(); }
for (const name in sizes) for (let k = 0; k < sizes[name]; k++) {
  const [row, slider, number] = ["label", "input", "input"].map((tag) => document.createElement(tag));
  Object.assign(slider, { type: "range", min: -10, max: 10, step: .01 });
  Object.assign(number, { type: "number", step: .1 });
  number.setAttribute("aria-label", title[name](k));
  row.append(title[name](k), slider, number);
  for (const input of [slider, number]) input.oninput = () => { weights[name][k] = +input.value || 0; show(); };
  document.getElementById("weights").append(row);
  inputs.push([name, k, slider, number]);
}
const draw = (n) => Array.from({ length: n }, () => 2 * Math.random() - 1);
const random = () => Object.fromEntries(Object.entries(sizes).map(([name, n]) => [name, draw(n)]));
for (const button of document.querySelectorAll("button")) button.onclick = () => {
  if (button.dataset.start) return start(button.dataset.start === "trained" ? data.trained : random());
  for (let k = 0; k < +button.dataset.steps; k++) {
    const [, V, b, w, c] = step(classes.length, points, classes, weights.V, weights.b, weights.w, weights.c[0]);
    for (const [name, slope] of Object.entries({ V, b, w, c: [c] })) {
      weights[name].forEach((_, i) => { weights[name][i] -= RATE * slope[i]; });
    }
  }
  show();
};
start(data.trained);
window.playground = { weights, points, classes };  // to look at from the console
</script>
</html>
"""


def main(output_dir="."):
    directory = Path(output_dir)
    directory.mkdir(parents=True, exist_ok=True)
    points, classes = circles(200, 0)
    classes = classes[:, 0]
    parameters = [V, b, w, c]
    rng = np.random.default_rng(1)
    model = train.Parameters({V: rng.normal(size=(3, 2)), b: np.ones(3), w: -np.ones(3), c: 0.0})
    train.fit(model, LOSS, {X: points, y: classes}, optimiser=train.Adam(0.05), epochs=400, batch=None)
    network, step = (
        g.compile([OUTPUT], [X, *parameters]),
        g.compile([LOSS, *g.grad(LOSS, parameters)], [X, y, *parameters]),
    )
    parts = {"DATA": json.dumps({
        "points": points.round(3).tolist(), "classes": classes.tolist(),
        "trained": {key: np.round(value, 3).ravel().tolist() for key, value in model.values.items()},
    })}  # fmt: skip
    for name, function in (("network", network), ("step", step)):
        file = directory / f"{name}.js"
        function.export(file)
        parts[name.upper()] = file.read_text(encoding="utf-8").replace("export function", "function")
        file.unlink()
    page = PAGE.replace("= DATA", f"= {parts['DATA']}")
    for key in ("NETWORK", "STEP"):
        page = page.replace(f"\n{key}\n", f"\n{parts[key]}\n")
    (directory / "playground_weights.html").write_text(page, encoding="utf-8")

    # the same edit in a picture: without one of its sides the triangle is open
    side = np.linspace(-3.4, 3.4, 121)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    edits = {
        "as trained": {},
        "w₁ set to 0": {"w": model.values["w"] * (0, 1, 1)},
        "b₂ raised by 3": {"b": model.values["b"] + (0, 3, 0)},
    }
    shares = {}
    figure, axes = plt.subplots(1, 3, figsize=(13, 5.2), sharey=True)
    for axis, (name, edit) in zip(axes, edits.items(), strict=True):
        values = {**model.values, **edit}
        answer = lambda at, values=values: network(at, *(values[p.name] for p in parameters))[0]
        shares[name] = np.mean(np.sign(answer(points)) == classes)
        field = np.tanh(answer(grid).reshape(121, 121))
        axis.imshow(field, origin="lower", extent=(-3.4, 3.4, -3.4, 3.4), cmap="PuOr", vmin=-2, vmax=2)
        for (p, q), offset, weight in zip(values["V"], values["b"], values["w"], strict=True):
            style = ":" if weight == 0 else "-"
            axis.axline(
                -offset * np.array([p, q]) / (p * p + q * q),
                slope=-p / q,
                color="black",
                linewidth=1,
                linestyle=style,
            )
        for sign, colour in ((-1, "C1"), (1, "#3b2a7a")):
            axis.plot(*points[classes == sign].T, ".", color=colour)
        axis.set(xlim=(-3.4, 3.4), ylim=(-3.4, 3.4), xlabel="x₁", title=f"{name}: {shares[name]:.0%} right")
    axes[0].set_ylabel("x₂")
    figure.savefig(directory / "playground_weights.png")
    print("points right:", {name: f"{share:.1%}" for name, share in shares.items()})
    assert (
        shares["as trained"] > 0.97
        and max(shares["w₁ set to 0"], shares["b₂ raised by 3"]) < shares["as trained"] - 0.05
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
