"""A film as one animated SVG: parts are visible in their steps, by CSS alone, and all stay where there shall be no motion."""

from __future__ import annotations

from html import escape

from graphc.viz.steps.film import Film
from graphc.viz.writers.svg import svg_head, svg_item


def animated_svg(film: Film, seconds: float, title: str) -> str:
    """The text of an SVG file; the last step is shown for three times as long, and the first one comes again."""
    times = [seconds] * (len(film.steps) - 1) + [3 * seconds]
    total = sum(times)
    starts = [sum(times[:number]) for number in range(len(times) + 1)]
    rules: dict[tuple[int, int], str] = {}
    body: list[str] = []
    left, _, _, top = film.scene.box
    last = len(film.steps) - 1
    for cel in film.cels:
        lines = svg_item(cel.item, -left, top)
        if (cel.first, cel.last) == (0, last):
            body += lines
            continue
        name = rules.setdefault((cel.first, cel.last), f"s{cel.first}-{cel.last}")
        passing = " passing" if cel.last < last else ""
        body += [f'<g class="{name}{passing}">', *lines, "</g>"]
    style = [
        "@media (prefers-reduced-motion: reduce) { g { animation: none !important } .passing { visibility: hidden } }"
    ]
    for (first, end), name in rules.items():
        on, off = 100 * starts[first] / total, 100 * starts[end + 1] / total
        hidden, shown = "visibility:hidden", "visibility:visible"
        frames = [f"0%{{{hidden if on else shown}}}", f"{on:.4f}%{{{shown}}}"]
        frames += [f"{off:.4f}%{{{hidden}}}", f"100%{{{hidden}}}"] if end < last else [f"100%{{{shown}}}"]
        style.append(f"@keyframes {name} {{{''.join(frames)}}}")
        style.append(f".{name} {{ animation: {name} {total:g}s step-end infinite }}")
    told = "; ".join(f"{number}: {step.title}" for number, step in enumerate(film.steps, 1))
    head = svg_head(film.scene, title, f"An animation in {len(film.steps)} steps. {told}")
    return (
        "\n".join([*head, f"<style>{escape(' '.join(style), quote=False)}</style>", *body, "</svg>"]) + "\n"
    )


__all__ = ["animated_svg"]
