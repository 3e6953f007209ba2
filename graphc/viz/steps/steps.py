"""The steps of a diagram as a user holds them: shown by notebooks, saved by suffix."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from graphc.errors import FileError, InputError, RenderError, brief
from graphc.util.files import as_text, write_whole
from graphc.viz.graphviz_engine import AS_PLACED, render
from graphc.viz.steps.animated_svg import animated_svg
from graphc.viz.steps.beamer import beamer
from graphc.viz.steps.film import Film
from graphc.viz.style import Style
from graphc.viz.writers.svg import to_svg
from graphc.viz.writers.xdot import to_xdot

_WIDEST = 1600
"""Pixels that a frame of a film is wide at most."""

_INCH = 72.0

_FILM_LIMIT = 120.0
"""Seconds that ffmpeg may take."""

_SHOWN = 4_000_000
"""A notebook does not keep pictures of more characters than this."""

_LONGEST = 60.0
"""Seconds that a step is shown at most."""


class Steps:
    """The steps of a diagram, made by `diagram.steps()`: forwards and then backwards, over one fixed layout.

    titles : what each step is called: "inputs", then "forward: …" for every operation, then "backward: …"

    `len` counts them, `steps.svg(3)` is the picture at one, counted from 0. Notebooks show an animation.
    """

    def __init__(self, film: Film, title: str, style: Style) -> None:
        self._film, self._title, self._style = film, title, style
        self.titles: tuple[str, ...] = tuple(step.title for step in film.steps)

    def __len__(self) -> int:
        return len(self._film.steps)

    def __repr__(self) -> str:
        return f'<{len(self)} steps; .save("steps/"), .svg, .gif, .mp4, .tex or .pptx writes them>'

    def svg(self, step: int) -> str:
        """The picture at a step, as SVG text. Raises `InputError` for a step that there is not."""
        count = len(self)
        if type(step) is not int or not -count <= step < count:
            raise InputError(f"there is no step {brief(step)}", hint=f"the steps are 0 to {count - 1}")
        said = f"Step {step % count + 1} of {count}. {self.titles[step]}"
        return to_svg(self._film.frame(step % count), self._title, said)

    def save(self, path: str | os.PathLike[str], *, seconds: float = 1.5) -> Path:
        """Write the steps; the suffix says how.

        path : a directory ("steps/") for a sequence of SVG files, step-01.svg and so on; or a file: .svg (animated by CSS), .gif
            (by the extra `slides`: Pillow), .mp4 (where ffmpeg is installed), .tex (a frame of Beamer with overlays, in TikZ: its
            nodes have names, its look is a set of styles, its font is the document's), .pptx (by the extra `slides`)
        seconds : how long a step is shown in an animation; the last one is shown for three times as long

        Each file is written whole or not at all. Returns the path. Raises `RenderError` for what cannot be written here,
        `InputError` for a time that is none, and `FileError` when the file cannot be written.
        """
        number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
        if not number or not 0.02 <= seconds <= _LONGEST:
            raise InputError(
                f"a step is shown for {brief(seconds)} seconds",
                hint=f"write a number from 0.02 to {_LONGEST:g}",
            )
        text = as_text(path)
        if not text:
            raise RenderError("the path is empty", hint='name a file or a directory: "steps.gif" or "steps/"')
        target = Path(text)
        if text.endswith(("/", os.sep)) or target.is_dir() or not target.suffix:
            return self._sequence(target)
        form = target.suffix.lower()
        if form not in _FORMS:
            known = ", ".join(_FORMS)
            raise RenderError(
                f"graphc does not write steps as {target.suffix!r}",
                hint=f'use one of {known}, or a directory: "steps/"',
            )
        write_whole(target, _FORMS[form](self, float(seconds)))
        return target

    def _sequence(self, directory: Path) -> Path:
        digits = max(2, len(str(len(self))))
        texts = [self.svg(number) for number in range(len(self))]
        try:
            directory.mkdir(exist_ok=True)
        except OSError as error:
            raise FileError(
                f"cannot make the directory {brief(str(directory), 200)}: {error.strerror}",
                hint="name a directory inside of one that there is",
            ) from error
        for number, text in enumerate(texts, 1):
            write_whole(directory / f"step-{number:0{digits}}.svg", text.encode())
        return directory

    # --- formats ----------------------------------------------------------------------------------------------

    def _animation(self, seconds: float) -> bytes:
        return animated_svg(self._film, seconds, self._title).encode()

    def _beamer(self, seconds: float) -> bytes:
        return beamer(self._film, self._style).encode()

    def _pictures(self) -> list[bytes]:
        """The frames as PNG, all of one size."""
        left, low, right, high = self._film.scene.box
        dpi = min(float(self._style.dpi), _WIDEST * _INCH / (right - left), _WIDEST * _INCH / (high - low))
        settings = {"dpi": f"{dpi:.3f}"}
        return [
            render(to_xdot(self._film.frame(number)), "png", parts=1, settings=settings, program=AS_PLACED)
            for number in range(len(self))
        ]

    def _gif(self, seconds: float) -> bytes:
        image = _package("PIL.Image", "a GIF", "Pillow")
        frames = [image.open(io.BytesIO(data)).convert("RGB") for data in self._pictures()]
        colours = [frame.quantize(255, dither=image.Dither.NONE) for frame in frames]
        times = [round(1000 * seconds)] * (len(frames) - 1) + [round(3000 * seconds)]
        content = io.BytesIO()
        colours[0].save(
            content,
            "GIF",
            save_all=True,
            append_images=colours[1:],
            duration=times,
            loop=0,
            disposal=1,
            optimize=False,
        )
        return content.getvalue()

    def _mp4(self, seconds: float) -> bytes:
        ffmpeg = shutil.which("ffmpeg")
        if ffmpeg is None:
            raise RenderError(
                "a film needs ffmpeg, which is not installed here",
                hint="install it (apt install ffmpeg, brew install ffmpeg), or save .gif or an animated .svg",
            )
        with tempfile.TemporaryDirectory() as place:
            pictures = self._pictures()
            for number, data in enumerate([*pictures, *[pictures[-1]] * 2]):
                Path(place, f"{number:04}.png").write_bytes(data)
            even = "pad=ceil(iw/2)*2:ceil(ih/2)*2:color=white,format=yuv420p"  # what players take
            command = [
                ffmpeg,
                "-loglevel",
                "error",
                "-framerate",
                f"{1 / seconds:g}",
                "-i",
                f"{place}/%04d.png",
            ]
            command += ["-vf", even, "-r", "25", "-movflags", "+faststart", f"{place}/film.mp4"]
            try:
                run = subprocess.run(
                    command, capture_output=True, timeout=_FILM_LIMIT, stdin=subprocess.DEVNULL
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                raise RenderError(f"ffmpeg made no film: {error}") from error
            if run.returncode:
                raise RenderError(f"ffmpeg made no film: {brief(run.stderr.decode(errors='replace'), 300)}")
            return Path(place, "film.mp4").read_bytes()

    def _slides(self, seconds: float) -> bytes:
        pptx = _package("pptx", "slides", "python-pptx")
        width, height = self._style.page if self._style.page[0] > self._style.page[1] else (13.33, 7.5)
        deck = pptx.Presentation()
        inches = pptx.util.Inches
        deck.slide_width, deck.slide_height = inches(width), inches(height)
        left, low, right, high = self._film.scene.box
        margin = 0.04 * width
        scale = min((width - 2 * margin) / (right - left), (height - 2 * margin) / (high - low), 1.6 / _INCH)
        wide, tall = scale * (right - left), scale * (high - low)
        for number, data in enumerate(self._pictures()):
            slide = deck.slides.add_slide(deck.slide_layouts[6])  # the empty one
            fill = slide.background.fill
            fill.solid()
            fill.fore_color.rgb = pptx.dml.color.RGBColor.from_string(self._film.scene.background.lstrip("#"))
            at = inches((width - wide) / 2), inches((height - tall) / 2)
            shape = slide.shapes.add_picture(io.BytesIO(data), *at, inches(wide), inches(tall))
            said = f"Step {number + 1} of {len(self)}. {self.titles[number]}"
            shape.name = said
            shape._element.nvPicPr.cNvPr.set("descr", said)  # for screen readers
            slide.notes_slide.notes_text_frame.text = said
        content = io.BytesIO()
        deck.save(content)
        return content.getvalue()

    def _repr_html_(self) -> str | None:
        text = animated_svg(self._film, 1.5, self._title)
        return text.partition("\n")[2] if len(text) <= _SHOWN else None


_FORMS: dict[str, Callable[[Steps, float], bytes]] = {
    ".svg": Steps._animation,
    ".gif": Steps._gif,
    ".mp4": Steps._mp4,
    ".tex": Steps._beamer,
    ".pptx": Steps._slides,
}
"""Suffix → (steps, seconds) → the content of the file."""


def _package(name: str, what: str, package: str) -> Any:
    """A package of the extra `slides`; raises `RenderError` where it is not installed."""
    try:
        if name == "pptx":
            import pptx
            import pptx.dml.color
            import pptx.util

            return pptx
        import PIL.Image

        return PIL.Image
    except ImportError as error:
        raise RenderError(
            f"{what} is written by {package}, which is not installed"
            if what[:2] == "a "
            else f"{what} are written by {package}, which is not installed",
            hint="pip install 'graphc[slides]'",
        ) from error


__all__ = ["Steps"]
