"""A store's run as a film: the dashboard of `render`, filled hour by hour from left to right.

Only two pictures of the panels are drawn, one with the whole run and one without; up to any hour a frame is the first
and from there on the second. So the axes stand still, the last frame is the picture that `render` draws, and a frame
costs milliseconds instead of a large part of a second.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import matplotlib as mpl
import numpy as np
from matplotlib.animation import FFMpegWriter
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from .render import DPI, SIZE, STYLE, dashboard, draw_heading, one_store
from .store import HOURS_PER_DAY
from .trace import Trace

Picture = NDArray[np.uint8]

SUFFIXES = (".gif", ".mp4")
FRAMES_PER_SECOND = 12
_HEADING = 0.89  # of the picture's height: what lies above is the heading
_LAST_FRAME = 2.0  # [s] for which the last frame stands
_GIF_SCALE = 0.75
_GIF_COLOURS = 128


def check_film(path: Path) -> None:
    """Refuse a film that could not be written.

    Raises: ValueError: an unknown suffix, an mp4 without ffmpeg, or a folder that is a file; names `save`.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"save(={str(path)!r}) must end in one of: {', '.join(SUFFIXES)}")
    if path.suffix.lower() == ".mp4" and shutil.which(mpl.rcParams["animation.ffmpeg_path"]) is None:
        raise ValueError(f"save(={str(path)!r}) needs ffmpeg, which is not installed; a .gif needs nothing")
    if path.is_dir() or any(folder.exists() and not folder.is_dir() for folder in path.absolute().parents):
        raise ValueError(f"save(={str(path)!r}) must be a file in a folder")


def save_film(
    trace: Trace,
    store: int,
    path: Path,
    *,
    title: str,
    hours_per_frame: int = 3,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write a run as an animated gif or an mp4, whole or not at all.

    Args:
        trace: the recorded run.
        store: column of the trace.
        path: file to be written, its suffix says as what: .gif (900 x 562 pixels) or .mp4 (1200 x 750, needs ffmpeg).
        title: heading, for example the store's name.
        hours_per_frame: hours of the run from one frame to the next, >= 1.
        progress: called with (frames done, frames in all).
    Raises: ValueError: names what is not allowed. OSError: the file cannot be written.
    """
    check_film(path)
    ends = frame_hours(len(trace.spend), hours_per_frame)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.stem}.part{path.suffix.lower()}")

    def told() -> Iterator[Picture]:
        for done, frame in enumerate(film_frames(trace, store, ends, title=title), start=1):
            yield frame
            if progress is not None:
                progress(done, len(ends))

    try:
        (_write_gif if part.suffix == ".gif" else _write_mp4)(told(), len(ends), part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def frame_hours(hours: int, step: int) -> list[int]:
    """Hours at which frames stand: every `step` of them, and the last.

    Raises: ValueError: a step below 1, or no hour.
    """
    if step < 1:
        raise ValueError(f"hours_per_frame(={step}) must be >= 1")
    if hours < 1:
        raise ValueError("trace: no hour was recorded yet; step first")
    return [*range(step, hours, step), hours]


def film_frames(trace: Trace, store: int, ends: Sequence[int], *, title: str) -> Iterator[Picture]:
    """Pictures (750, 1200, 3) of the run as it stood after each of `ends` hours, 1 to the hours of the trace."""
    run = one_store(trace, store)
    hours = len(run.spend)
    with dashboard(trace, store, title) as figure:
        full = _pixels(figure)
        _hide_data(figure)
        blank = _pixels(figure)
        panels = [(_box(ax, full), ax) for ax in figure.axes]
        whole_days = [ax.get_title(loc="left") == "Orders" for ax in figure.axes]
        last = figure.axes[0].get_xlim()[1]
    heading = round(full.shape[0] * (1.0 - _HEADING))
    for end in ends:
        frame = full.copy() if end == hours else blank.copy()
        for ((top, bottom, left, right), _), by_day in zip(panels, whole_days, strict=True):
            days = end / HOURS_PER_DAY
            shown = np.floor(days) if by_day and end < hours else days  # the bar of a day stands once the day is over
            edge = min(right, left + round((right - left) * shown / last))
            frame[top:bottom, left:edge] = full[top:bottom, left:edge]
        frame[:heading] = _heading(run, end, title)[:heading]
        yield frame


def _heading(run: Trace, end: int, title: str) -> Picture:
    """The title and the figures as they stood after `end` hours, over nothing."""
    so_far = {name: values[:end] for name, values in vars(run).items() if name != "budget"}
    with mpl.rc_context(cast(Any, STYLE)):
        figure = Figure(figsize=SIZE, dpi=DPI)
        draw_heading(figure, Trace(budget=run.budget, **so_far), title)
        return _pixels(figure)


def _pixels(figure: Figure) -> Picture:
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba(), dtype=np.uint8)[:, :, :3].copy()


def _hide_data(figure: Figure) -> None:
    """Leave axes, titles, legends and the rules that span a panel; hide what runs along the days."""
    for ax in figure.axes:
        for artist in (*ax.lines, *ax.patches, *ax.collections, *ax.images):
            along_days, _ = artist.get_transform().contains_branch_seperately(ax.transData)
            artist.set_visible(artist.get_visible() and not along_days)


def _box(ax: Axes, picture: Picture) -> tuple[int, int, int, int]:
    """Pixels (top, bottom, left, right) of a panel's inside, the widths of its lines included above and below."""
    box = ax.get_window_extent()
    height = picture.shape[0]
    return height - round(box.y1) - 2, height - round(box.y0) + 2, round(box.x0), round(box.x1) + 1


def _write_gif(frames: Iterator[Picture], count: int, path: Path) -> None:
    """All frames in the colours of one palette, so that what does not change takes no room."""
    size = (round(SIZE[0] * DPI * _GIF_SCALE), round(SIZE[1] * DPI * _GIF_SCALE))
    images = [Image.fromarray(frame).resize(size, Image.Resampling.BOX) for frame in frames]
    palette = images[-1].quantize(_GIF_COLOURS)  # the last frame has every colour
    first, *rest = (image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images)
    durations = [1000 // FRAMES_PER_SECOND] * (count - 1) + [round(1000 * _LAST_FRAME)]
    first.save(path, save_all=True, append_images=rest, duration=durations, loop=0)


def _write_mp4(frames: Iterator[Picture], count: int, path: Path) -> None:
    """Frames through matplotlib's writer: a figure that shows nothing but the frame."""
    figure = Figure(figsize=SIZE, dpi=DPI)
    FigureCanvasAgg(figure)
    writer = FFMpegWriter(fps=FRAMES_PER_SECOND, extra_args=["-pix_fmt", "yuv420p", "-movflags", "+faststart"])
    shown = None
    with writer.saving(figure, str(path), DPI):
        for number, frame in enumerate(frames, start=1):
            if shown is None:
                shown = figure.figimage(frame)
            shown.set_data(frame)
            for _ in range(round(_LAST_FRAME * FRAMES_PER_SECOND) if number == count else 1):
                writer.grab_frame()
