"""A playground: two inputs, a few hidden units, one output, learning circles and spirals; the boundary as an animation.

Each of the three runs gives a GIF, its last picture, and a page that needs nothing but a browser: there one plays the epochs,
steps through them and drags to any of them.

Run: python examples/playground.py [directory for the figures] [epochs]
"""

import base64
import io
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import graphc as g
from graphc import nn, train

plt.style.use("graphc.viz.slides")

x, y = g.symbol("x", shape=("n", 2)), g.symbol("y", shape=("n", 1))


def circles(count, seed):
    """A disc and a ring around it."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 2, count)
    radius = np.where(classes, rng.uniform(2.2, 3, count), rng.uniform(0, 1.4, count))
    angle = rng.uniform(0, 2 * np.pi, count)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1), 2.0 * classes[:, None] - 1


def spirals(count, seed):
    """Two spirals, each one half turn ahead of the other."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 2, count)
    turn = np.sqrt(rng.uniform(0.02, 1, count))
    angle = 1.25 * 2 * np.pi * turn + np.pi * classes
    points = 3 * turn[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return points + 0.08 * rng.normal(size=points.shape), 2.0 * classes[:, None] - 1


PAGE = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>NAME</title>
<style>
  :root { color-scheme: light dark }
  body { font: 16px system-ui, sans-serif; margin: 1.5rem auto; max-width: 26rem; padding: 0 1rem }
  h1 { font-size: 1.2rem }
  img { display: block; width: 100%; border-radius: 6px }
  div { display: flex; gap: .5rem; align-items: center; margin-top: .75rem }
  input { flex: 1; min-width: 0 }
  button { font: inherit; min-width: 2.6rem; padding: .3rem .5rem }
</style>
<main>
<h1>NAME</h1>
<img id="picture" alt="">
<div>
  <button id="back" aria-label="a picture back">|◀</button>
  <button id="play" aria-label="play">▶</button>
  <button id="on" aria-label="a picture on">▶|</button>
  <input id="place" type="range" min="0" max="LAST" value="LAST" aria-label="epoch">
</div>
<p id="told" aria-live="polite"></p>
</main>
<script>
const frames = FRAMES;
const [picture, play, place, told] = ["picture", "play", "place", "told"].map((id) => document.getElementById(id));
let timer = null;
function show(number) {
  const at = Math.min(Math.max(number, 0), frames.length - 1), [text, image] = frames[at];
  place.value = at;
  place.setAttribute("aria-valuetext", text);
  picture.src = "data:image/png;base64," + image;
  picture.alt = "points of two classes and the boundary between them, " + text;
  told.textContent = text;
}
function stop() {
  clearInterval(timer);
  timer = null;
  play.textContent = "▶";
  play.setAttribute("aria-label", "play");
}
play.onclick = () => {
  if (timer !== null) return stop();
  if (+place.value === frames.length - 1) show(0);
  play.textContent = "❚❚";
  play.setAttribute("aria-label", "pause");
  timer = setInterval(() => { show(+place.value + 1); if (+place.value === frames.length - 1) stop(); }, 150);
};
document.getElementById("back").onclick = () => { stop(); show(+place.value - 1); };
document.getElementById("on").onclick = () => { stop(); show(+place.value + 1); };
place.oninput = () => { stop(); show(+place.value); };
document.onkeydown = (event) => {
  if (event.target === place || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "ArrowLeft") { stop(); show(+place.value - 1); }
  if (event.key === "ArrowRight") { stop(); show(+place.value + 1); }
};
show(frames.length - 1);
</script>
</html>
"""


def page(name, told, frames):
    """The frames as a page: pictures of few colours are small enough to lie in it."""
    listed = []
    for text, picture in zip(told, frames, strict=True):
        content = io.BytesIO()
        picture.quantize(64).save(content, format="png", optimize=True)
        listed.append(f'["{text}", "{base64.b64encode(content.getvalue()).decode()}"]')
    parts = {
        "NAME": name.replace("_", ", "),
        "LAST": str(len(frames) - 1),
        "FRAMES": "[\n" + ",\n".join(listed) + "]",
    }
    made = PAGE
    for key, value in parts.items():
        made = made.replace(key, value)
    return made


def frame(model, points, classes, title):
    """A picture of the output over the plane and of the line on which it is 0."""
    side = np.linspace(-3.4, 3.4, 81)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    height = np.tanh(model.predict(grid).reshape(81, 81))
    figure, axis = plt.subplots(figsize=(4, 4.2))
    axis.imshow(height, origin="lower", extent=(-3.4, 3.4, -3.4, 3.4), cmap="PuOr", vmin=-2.5, vmax=2.5)
    axis.contour(side, side, height, levels=[0], colors="black", linewidths=1.5)
    for sign, colour in ((-1, "C1"), (1, "#3b2a7a")):
        axis.plot(*points[classes[:, 0] == sign].T, ".", color=colour, markersize=4)
    axis.set_title(title)
    axis.set_axis_off()
    content = io.BytesIO()
    figure.savefig(content, dpi=80)
    plt.close(figure)  # one of many
    return Image.open(content).convert("RGB")


def play(name, data, hidden, epochs, directory, seed=0):
    points, classes = data(300, 0)
    unseen, truth = data(500, 1)
    layers = [part for units in hidden for part in (nn.Affine(units, init=nn.xavier_normal), g.tanh)]
    model = nn.Model(nn.Sequential(*layers, nn.Affine(1)), x, seed=seed)
    frames, told = [], []
    shown = {max(1, round(epochs * (place / 24) ** 2)) for place in range(25)}

    def each(history):
        if history.epochs in shown:
            told.append(f"epoch {history.epochs}, loss {history[-1]['loss']:.3f}")
            frames.append(frame(model, points, classes, told[-1]))

    history = train.fit(
        model, nn.logistic(model.output, y), {x: points, y: classes}, optimiser=train.Adam(0.03), epochs=epochs,
        batch=50, seed=seed, each=each,
    )  # fmt: skip
    right = np.mean(np.sign(model.predict(unseen)) == truth)
    print(
        f"{name}: {model.count} parameters, loss {history[-1]['loss']:.3f}, {right:.1%} of unseen points right"
    )
    first, *rest = frames
    lasting = [150] * len(rest) + [1500]
    first.save(
        directory / f"playground_{name}.gif", save_all=True, append_images=rest, duration=lasting, loop=0
    )
    frames[-1].save(directory / f"playground_{name}.png")
    (directory / f"playground_{name}.html").write_text(page(name, told, frames), encoding="utf-8")
    return right


def main(output_dir=".", epochs="150"):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    directory = Path(output_dir)
    # three units cut the plane along three lines: a triangle around the disc
    assert play("circles", circles, (3,), int(epochs), directory, seed=1) > 0.95
    # for spirals three are too few, as the playground lets one find out; two layers of 12 do
    few = play("spirals", spirals, (3,), int(epochs), directory)
    assert play("spirals_deep", spirals, (12, 12), 2 * int(epochs), directory) > max(few, 0.85)


if __name__ == "__main__":
    main(*sys.argv[1:])
