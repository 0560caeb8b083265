"""Films: every frame is the run so far, the last is the picture, files are whole, bad names are refused."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from merchantgym.envs import film
from merchantgym.envs.film import check_film, film_frames, frame_hours, save_film
from merchantgym.envs.render import draw_run
from merchantgym.envs.trace import Trace

N, K = 2, 4


def trace(hours: int = 60) -> Trace:
    """A made-up run of two stores."""
    rng = np.random.default_rng(0)
    return Trace(
        hour_of_week=np.repeat(np.arange(hours)[:, None] % 168, N, axis=1),
        spend=rng.uniform(0, 9, (hours, N)),
        gmv=rng.uniform(0, 90, (hours, N)),
        profit=rng.normal(5, 20, (hours, N)),
        orders=rng.poisson(0.6, (hours, N)).astype(float),
        clicks=rng.poisson(20, (hours, N, 2)).astype(float),
        impressions=rng.poisson(600, (hours, N, 2)).astype(float),
        bid_ratio=np.exp(rng.normal(0, 0.5, (hours, N))),
        discount=rng.uniform(-1, 1, (hours, N)),
        win_share=rng.uniform(0, 1, (hours, N, 2)),
        stock=rng.integers(0, 50, (hours, N, K)).astype(float),
        budget=np.array([800.0, 900.0]),
        target=np.repeat((np.arange(hours) + 1)[:, None] / hours, N, axis=1),
    )


def test_frames_stand_at_regular_hours_and_at_the_end() -> None:
    assert frame_hours(10, 3) == [3, 6, 9, 10]
    assert frame_hours(9, 3) == [3, 6, 9]
    assert frame_hours(1, 3) == [1]
    with pytest.raises(ValueError, match=r"hours_per_frame\(=0\) must be >= 1"):
        frame_hours(10, 0)
    with pytest.raises(ValueError, match="no hour was recorded"):
        frame_hours(0, 1)


def test_the_last_frame_is_the_picture_of_the_run() -> None:
    (last,) = film_frames(trace(), 1, [60], title="a store")
    np.testing.assert_array_equal(last, draw_run(trace(), 1, title="a store"))


def test_a_frame_fills_up_from_the_left_and_shows_no_future() -> None:
    run = trace()
    frames = list(film_frames(run, 0, [12, 30, 60], title="a store"))
    inked = [int((frame < 200).any(axis=2)[110:].sum()) for frame in frames]
    assert inked[0] < inked[1] < inked[2]
    later = replace(run, profit=np.where(np.arange(60)[:, None] < 30, run.profit, run.profit * 0.999))
    half, _ = film_frames(later, 0, [30, 60], title="a store")
    np.testing.assert_array_equal(half[:90], frames[1][:90])  # the heading adds up what has happened by then


def test_a_gif_has_every_frame_and_nothing_else_is_left(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    path = tmp_path / "new" / "run.gif"
    save_film(trace(), 0, path, title="a store", hours_per_frame=12, progress=lambda *done: told.append(done))
    with Image.open(path) as image:
        assert (image.format, image.size, getattr(image, "n_frames", 0)) == ("GIF", (900, 562), 5)
    assert told == [(i, 5) for i in range(1, 6)]
    assert list(path.parent.iterdir()) == [path]


def test_an_interrupted_film_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.gif"
    path.write_bytes(b"the old one")

    def stop(frames: Iterator[Any], count: int, part: Path) -> None:
        part.write_bytes(b"half of")
        raise KeyboardInterrupt

    monkeypatch.setattr(film, "_write_gif", stop)
    with pytest.raises(KeyboardInterrupt):
        save_film(trace(), 0, path, title="")
    assert path.read_bytes() == b"the old one"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["run.avi", "run", "run.png"])
def test_other_suffixes_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=rf"save\(='{name}'\) must end in one of: .gif, .mp4"):
        check_film(Path(name))


def test_an_mp4_needs_ffmpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    found: Callable[[str], str | None] = lambda _: None  # noqa: E731
    monkeypatch.setattr(film.shutil, "which", found)
    with pytest.raises(ValueError, match=r"save\(='run.mp4'\) needs ffmpeg, which is not installed; a .gif"):
        check_film(Path("run.mp4"))
    check_film(Path("run.gif"))


def test_a_folder_is_no_film(tmp_path: Path) -> None:
    (tmp_path / "run.gif").mkdir()
    (tmp_path / "file").touch()
    for path in (tmp_path / "run.gif", tmp_path / "file" / "run.gif"):
        with pytest.raises(ValueError, match="must be a file in a folder"):
            check_film(path)


@pytest.mark.skipif(film.shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_an_mp4_is_written(tmp_path: Path) -> None:
    save_film(trace(), 0, tmp_path / "run.mp4", title="a store", hours_per_frame=12)
    assert (tmp_path / "run.mp4").read_bytes()[4:8] == b"ftyp"
    assert len(list(tmp_path.iterdir())) == 1
