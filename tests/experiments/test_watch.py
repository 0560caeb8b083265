"""`merchantgym watch`: right numbers at every size, a line a day in a pipe, films, refusals in one line, Ctrl-C."""

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from merchantgym.controllers import make_controller
from merchantgym.envs.engines.layout import ListingState, Report, StoreField, StoreState
from merchantgym.envs.fleet import Fleet
from merchantgym.envs.platform_plan import platform_plan
from merchantgym.envs.population import Population
from merchantgym.envs.rollout import Episodes, rollout
from merchantgym.envs.scenario import load_scenario
from merchantgym.experiments import cli, watch
from merchantgym.experiments.setting import TEST_RUN
from merchantgym.experiments.snapshot import Observer, Snapshot
from merchantgym.experiments.true_market import MarketReader
from merchantgym.experiments.watch import read_choice, screen
from merchantgym.experiments.watch_view import bar, bars, count, day_line, signed, summary, view, yuan

from ..oracle.rates import hour_rates

DAYS = 3
SHORT = [f"scenario.days={DAYS}", "planner=default", "executor=open_loop", "speed=0"]
RUN = tuple[list[Snapshot], Episodes]


@pytest.fixture(scope="module")
def watched() -> RUN:
    """Every hour of a store's three days, and the result of the rollout."""
    population = Population(load_scenario("headline").model_copy(update={"days": DAYS}))
    opened = population.open("validation", 1, first=3)
    shots: list[Snapshot] = []
    market = MarketReader(opened.start.state)
    observer = Observer(opened.offices[0], "headline", "default", "value_pid", shots.append, market)
    plans = [platform_plan(opened.offices[0])]
    return shots, rollout(make_controller("value_pid"), opened, plans, 1, trace=True, on_hour=observer)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory for the console command."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["merchantgym"])
    for name in ("OMP_NUM_THREADS", "HYDRA_FULL_ERROR"):
        monkeypatch.setenv(name, "1")
    monkeypatch.delenv("MERCHANTGYM_TRACEBACK", raising=False)
    return tmp_path


def drawn(renderable: Any, width: int, height: int) -> str:
    """What a terminal of that size would show, without colours."""
    console = Console(width=width, height=height, file=io.StringIO(), record=True, force_terminal=True)
    console.print(renderable, height=height)
    return console.export_text()


def test_snapshots_add_up_to_the_episode(watched: RUN) -> None:
    shots, episodes = watched
    last = shots[-1]
    assert [shot.hour for shot in shots] == list(range(1, 24 * DAYS + 1))
    assert last.run.profit == pytest.approx(episodes.profit[0])
    assert last.run.spend == pytest.approx(episodes.spend[0])
    assert last.run.gmv == pytest.approx(episodes.gmv[0])
    assert last.run.attributed_gmv == pytest.approx(episodes.attributed_gmv[0])
    assert last.run.orders == episodes.orders[0]
    assert last.run.units == episodes.totals[0, :, Report.UNITS].sum()
    assert last.target == 1.0


def test_days_are_the_hours_of_a_day(watched: RUN) -> None:
    shots, episodes = watched
    trace = episodes.trace
    assert trace is not None
    last = shots[-1]
    assert len(last.days) == DAYS
    for day, sums in enumerate(last.days):
        hours = slice(24 * day, 24 * day + 24)
        assert sums.profit == pytest.approx(trace.profit[hours].sum())
        assert sums.spend == pytest.approx(trace.spend[hours].sum())
        assert sums.orders == trace.orders[hours].sum()
        assert (sums.ad_clicks, sums.organic_clicks) == tuple(trace.clicks[hours, 0].sum(axis=0))
        assert sums.impressions == trace.impressions[hours].sum()
    assert shots[23].day, shots[24].day == (1, 2)


def test_money_never_leaves_a_listing_or_the_budget(watched: RUN) -> None:
    for shot in watched[0]:
        assert sum(row.spend for row in shot.listings) == pytest.approx(shot.run.spend)
        assert shot.run.spend <= shot.budget + 1e-9


@pytest.mark.parametrize(("width", "height"), [(100, 32), (80, 24), (200, 60), (96, 30), (80, 20)])
@pytest.mark.parametrize("hour", [1, 30, 72])
def test_a_screen_fits_and_has_the_right_numbers(watched: RUN, width: int, height: int, hour: int) -> None:
    shot = replace(watched[0][hour - 1], promotion=True, truth=None)
    text = drawn(view(shot, width, height), width, height)
    lines = text.splitlines()
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert "Layout(" not in text
    for expected in (
        *("validation-00003", f"day {shot.day} ", "PROMOTION DAY", "headline: default + value_pid"),
        *(count(shot.run.ad_impressions), count(shot.run.ad_clicks), count(shot.run.orders)),
        *(yuan(shot.run.spend), yuan(shot.run.gmv), signed(shot.run.profit).plain),
        *(f"{shot.spent_share:4.0%} of", f"traffic passed {shot.target:4.0%}", f"x{shot.channels[0].multiplier:.2f}"),
    ):
        assert expected in text, expected
    shown = [row for row in shot.listings if f"{row.listing_id} {row.role}" in text]
    assert len(shown) >= 2
    for row in shown:
        assert f"{row.bids[0]:.2f}" in text
        assert f"{row.price:.2f}" in text
    if height >= 32:
        assert len(shown) == len(shot.listings)


@pytest.mark.parametrize(("width", "height"), [(40, 10), (79, 40), (120, 12), (10, 2)])
def test_a_tiny_screen_has_the_money_alone(watched: RUN, width: int, height: int) -> None:
    shot = watched[0][-1]
    text = drawn(view(shot, width, height), width, height)
    assert "Layout(" not in text
    if width >= 40:
        assert f"spent {yuan(shot.run.spend)} of {yuan(shot.budget)} CNY" in text


def test_the_truth_is_shown_on_request_only(watched: RUN) -> None:
    shot = watched[0][40]
    assert "true market" in drawn(view(shot, 100, 32), 100, 32)
    assert "true market" not in drawn(view(replace(shot, truth=None), 100, 32), 100, 32)


def test_a_listing_that_is_sold_out_says_so(watched: RUN) -> None:
    shot = watched[0][40]
    gone = replace(shot, listings=tuple(replace(row, listed=False, stock=0.0) for row in shot.listings))
    assert drawn(view(gone, 100, 32), 100, 32).count("sold out") == len(shot.listings)


def test_bars_grow_with_what_they_show() -> None:
    assert bar(0.5, 10, "red").plain == "█████░░░░░"
    assert bar(0.5, 10, "red", mark=0.7).plain == "█████░░┃░░"
    assert bar(2.0, 4, "red", mark=1.0).plain == "███┃"
    assert bars([0.0, 4.0, 8.0], "red").plain == "▁▁ ▄▄ ██ "
    assert bars([0.0, 8.0], "red", tall=2).plain == "   ██ \n▁▁ ██ "
    assert bars([-8.0, 0.0], "red").plain == "▁▁ ██ "
    assert bars([0.0], "red").plain == "▁▁ "


def test_numbers_keep_three_digits() -> None:
    counts = (0, 931, 9999, 12_345, 999_600, 4_560_000)
    assert [count(x) for x in counts] == ["0", "931", "9,999", "12.3k", "1,000k", "4.56M"]
    assert [yuan(x) for x in (0.5, -3.25, 1234.5)] == ["0.50", "-3.25", "1,234"]


def test_the_summary_is_the_whole_run(watched: RUN) -> None:
    shot = watched[0][-1]
    text = drawn(summary(shot, finished=True), 100, 40)
    for expected in (f"{shot.run.spend:,.2f}", f"{shot.run.profit:+,.2f}", f"{shot.run.clicks:,.0f}", "3 days"):
        assert expected in text
    assert "interrupted after 5 of 72 h" in drawn(summary(replace(shot, hour=5), finished=False), 100, 40)


def test_a_line_a_day_is_plain_ascii(watched: RUN) -> None:
    shot = watched[0][-1]
    line = day_line(shot, shot.today)
    assert line.isascii()
    assert f"spend {shot.today.spend:.2f}" in line
    assert "\n" not in line


def test_a_live_screen_is_drawn_and_given_back(watched: RUN) -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=100, height=32, _environ={"TERM": "xterm-256color"})
    with screen(console, 0.0) as show:
        for shot in watched[0]:
            show(shot)
    text = file.getvalue()
    assert yuan(watched[0][-1].run.spend) in text  # the last hour is always drawn
    assert text.count("\x1b[?1049h") == text.count("\x1b[?1049l") == 1


def test_speed_is_hours_a_second(watched: RUN, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, slept = [100.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock[0] += seconds

    monkeypatch.setattr(watch.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(watch.time, "sleep", sleep)
    console = Console(file=io.StringIO(), force_terminal=True, width=80, height=24, _environ={"TERM": "xterm-256color"})
    with screen(console, 20.0) as show:
        for shot in watched[0][:41]:
            show(shot)
    assert sum(slept) == pytest.approx(40 / 20.0)


def test_a_pipe_gets_a_line_a_day_and_the_summary(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["watch", *SHORT, "store=3", "split=test", "run=mine"]) == 0
    printed = capsys.readouterr().out
    assert [line.split()[1] for line in printed.splitlines() if line.startswith("day ")] == ["1", "2", "3"]
    assert "\x1b" not in printed
    result = json.loads(Path("outputs/mine/watch.json").read_text())
    assert (result["store"], result["hours"], result["finished"]) == ("test-00003", 72, True)
    assert f"{result['profit']:+,.2f}" in printed
    stores = Population(load_scenario("headline").model_copy(update={"days": DAYS})).open("test", 4)
    plans = [platform_plan(office) for office in stores.offices]
    scored = rollout(make_controller("open_loop"), stores, plans, TEST_RUN)
    assert result["profit"] == pytest.approx(scored.profit[3])  # the row of `evaluate` with the same seed


def test_the_event_engine_can_be_watched(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["watch", *SHORT[1:], "scenario.days=1", "engine=event", "run=mine"]) == 0
    result = json.loads(Path("outputs/mine/watch.json").read_text())
    assert (result["hours"], result["finished"]) == (24, True)
    assert result["ad_clicks"] > 0


def test_a_film_of_the_run_is_saved(folder: Path) -> None:
    film = ["save=films/run.gif", "hours_per_frame=6", "quiet=true"]
    assert cli.main(["watch", *SHORT[1:], "scenario.days=1", *film]) == 0
    with Image.open("films/run.gif") as image:
        assert getattr(image, "n_frames", 0) == 4
    assert [path.name for path in Path("films").iterdir()] == ["run.gif"]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("save=run.avi", "save(='run.avi') must end in one of: .gif, .mp4"),
        ("speed=-1", "speed(=-1) must be a number >= 0 of hours a second"),
        ("executor=ppo", "executor(='ppo') must be one of: open_loop"),
    ],
)
def test_bad_values_are_refused_in_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], override: str, message: str
) -> None:
    assert cli.main(["watch", override]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("speed", "fast", r"speed\(='fast'\) must be a number >= 0"),
        ("speed", float("nan"), r"speed\(=nan\) must be a number >= 0"),
        ("store", -1, r"store\(=-1\) must be a whole number in \[0, 10000000\)"),
        ("store", 1.5, r"store\(=1.5\) must be a whole number"),
        ("split", "tests", "split has an unknown name 'tests'; allowed: train, validation, test"),
        ("planner", "rulee", "planner has an unknown name 'rulee'; allowed: default, "),
        ("engine", "steam", r"engine\(='steam'\) must be one of: hour, event"),
        ("reveal", "maybe", r"reveal\(='maybe'\) must be true or false"),
        ("hours_per_frame", 0, r"hours_per_frame\(=0\) must be a whole number in \[1, "),
        ("save", "run.mp3", r"save\(='run.mp3'\) must end in one of"),
    ],
)
def test_bad_choices_are_named(field: str, value: Any, message: str) -> None:
    good = {"planner": "rule", "split": "test", "store": 0, "speed": 0, "reveal": False, "save": None}
    good |= {"hours_per_frame": 1, "engine": "hour"}
    assert read_choice(good).store == 0
    with pytest.raises(ValueError, match=message):
        read_choice(good | {field: value})


def test_an_interrupt_ends_with_the_summary_so_far(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def pressed(console: Console, speed: float) -> Iterator[Callable[[Snapshot], None]]:
        def show(shot: Snapshot) -> None:
            if shot.hour == 30:
                raise KeyboardInterrupt

        yield show

    monkeypatch.setattr(watch, "screen", pressed)
    assert cli.main(["watch", *SHORT, "run=mine", "save=run.gif"]) == 130
    printed = capsys.readouterr()
    assert "interrupted after 30 of 72 h" in printed.out
    assert printed.err == "merchantgym watch: interrupted\n"
    result = json.loads(Path("outputs/mine/watch.json").read_text())
    assert (result["hours"], result["finished"]) == (30, False)
    assert not Path("run.gif").exists()


def test_the_truth_is_that_of_the_independent_rates() -> None:
    """Requests of stores with a promotion day, an outside event and rivals, against the numpy implementation."""
    opened = Population(load_scenario("headline")).open("validation", 8)
    reader, checked = MarketReader(opened.start.state), []

    def look(fleet: Fleet) -> None:
        market, hour = reader.read(fleet), fleet.state.store[:, StoreState.HOUR].astype(int) - 1
        week = (fleet.arrays.store[:, StoreField.START_HOUR].astype(int) + hour) % 168
        rates = hour_rates(hour, week, fleet.arrays, fleet.state.copy(), fleet.offer)
        listed = fleet.state.listing[:, :, ListingState.LISTED]
        np.testing.assert_allclose(market.requests * listed, rates.requests.sum(axis=(1, 2)), rtol=1e-6)
        checked.append(market.shock.max() + market.promotion.max())

    plans = [platform_plan(office) for office in opened.offices]
    rollout(make_controller("open_loop"), opened, plans, 1, on_hour=look)
    assert max(checked) > 1.0  # both kinds of events were met
