"""How figures look, and how they are saved: no global state, and the same bytes for the same figure."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from spex_data.values import write_whole

INK, MUTED, LINE, PAPER = "#1f2429", "#68717b", "#d3d9df", "#ffffff"
HELPS, HURTS = "#0072b2", "#d55e00"
"""Blue and vermilion of Okabe and Ito's palette, which colour-blind readers tell apart."""
FONT = "DejaVu Sans"
RESOLUTION = 160
"""Dots an inch of PNG files."""
_KEY_HEIGHT = 0.2
"""Inches from key to key."""
_COMPRESSION = 3
"""Of PNG files: level 6 takes half as long again, and a tenth less room."""

_STYLE: Any = {
    "font.family": FONT,
    "font.size": 10.0,
    "text.color": INK,
    "text.parse_math": False,
    "axes.edgecolor": LINE,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 11.0,
    "axes.titley": 1.0,  # known, so that nothing is measured to find it
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "svg.fonttype": "none",
    "svg.hashsalt": "spex-data",
}


@contextmanager
def house_style() -> Iterator[None]:
    """The style of every figure here, while it is drawn or saved; what others set is untouched afterwards."""
    fonts = logging.getLogger("matplotlib.font_manager")
    level = fonts.level
    fonts.setLevel(logging.ERROR)
    try:
        with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", "Glyph .* missing from font"
            )  # emoji: boxes in PNG, whole in SVG
            yield
    finally:
        fonts.setLevel(level)


def blank_figure(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure with one pair of axes, in inches; call it inside `house_style`."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def framed_figure(
    width: float, height: float, *, left: float, right: float, bottom: float, top: float
) -> tuple[Figure, Axes]:
    """A figure whose axes have margins that are known, in inches; call it inside `house_style`.

    Nothing has to be drawn to find out how it is laid out, which takes as long as a file of it.
    """
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    sides = left / width, bottom / height, 1 - (left + right) / width, 1 - (bottom + top) / height
    return figure, figure.add_axes(sides)


def widths_of(words: Sequence[str], size: float) -> list[float]:
    """How wide words are in the house's font, in inches.

    Args:
        words: One line each.
        size: In points.
    """
    pen = RendererAgg(1, 1, 72)
    font = FontProperties(family=FONT, size=size)
    return [pen.get_text_width_height_descent(one, font, False)[0] / 72 for one in words]


def place_keys(
    figure: Figure, keys: Sequence[Line2D], *, left: float, top: float, rows: int, wide: float = 0.0
) -> None:
    """Draws each key with its label, column by column, where it is said, in inches from the lower left.

    A legend of matplotlib measures all of its words to find its place, and takes a fifth of a figure's time.

    Args:
        figure: The figure.
        keys: A line each, whose label says what it stands for; its data are set here.
        left: Where the keys of the first column begin.
        top: Height of the first row's middle.
        rows: Keys of a column.
        wide: Width of a column.
    """
    for place, key in enumerate(keys):
        column, row = divmod(place, rows)
        x, y = left + column * wide, top - _KEY_HEIGHT * row
        ends = [x + 0.16] if key.get_linestyle() == "None" else [x, x + 0.32]
        key.set_data(ends, [y] * len(ends))
        key.set_transform(figure.dpi_scale_trans)
        figure.add_artist(key)
        words = str(key.get_label())
        figure.text(x + 0.44, y, words, va="center", size=8.5, transform=figure.dpi_scale_trans)


def save_figure(figure: Figure, directory: str | Path, name: str) -> tuple[Path, Path]:
    """Saves a figure as PNG and as SVG; the same figure gives the same bytes.

    Args:
        figure: Of this package.
        directory: Made if it is not there.
        name: Of the files, without suffix.

    Returns:
        The PNG and the SVG file.

    Raises:
        StoreError: The disk is full or read-only.
    """
    written = Path(directory) / f"{name}.png", Path(directory) / f"{name}.svg"
    write_whole(written[0], figure_bytes(figure, "png"))
    if figure.get_layout_engine() is not None:
        # As it was laid out for the first: to work it out again takes as long as to draw it.
        figure.set_layout_engine("none")
    write_whole(written[1], figure_bytes(figure, "svg"))
    return written


def figure_bytes(figure: Figure, kind: str) -> bytes:
    """A figure as the bytes of a file.

    Args:
        figure: Of this package.
        kind: "png" or "svg"; in SVG text stays text.
    """
    buffer = BytesIO()
    with house_style():
        if kind == "png":
            _pixels(figure).save(
                buffer, "png", compress_level=_COMPRESSION, dpi=(RESOLUTION, RESOLUTION), pnginfo=_maker()
            )
        else:
            figure.savefig(buffer, format=kind, metadata={"Date": None, "Creator": "spex-data"})
    return buffer.getvalue()


def _pixels(figure: Figure) -> Image.Image:
    """The figure drawn, without the transparency that it does not have."""
    canvas, dots = FigureCanvasAgg(figure), figure.dpi
    try:
        figure.set_dpi(RESOLUTION)
        canvas.draw()
    finally:
        figure.set_dpi(dots)
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def _maker() -> PngInfo:
    about = PngInfo()
    about.add_text("Software", "spex-data")
    return about
