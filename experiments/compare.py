"""The main job: train what must be trained, score everyone on the same stores, rank, draw, log."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
from omegaconf import DictConfig
from rich.console import Console
from rich.progress import Progress

from merchantgym.envs.opening import OpenStores

from . import plots
from .compare_scenarios import rank_over_scenarios
from .comparison import STUDIES, Comparison, actors_of, advance, read_comparison
from .evaluation import Arm, plot_trace, score, without_trace, write_stores
from .learning import Learned, curve_of, learn
from .setting import SHOP_RUN, TEST_RUN, Setting, open_tracker, progress_bars, read_setting, write_plans
from .studies.ablation import study_ablation
from .studies.ceiling import study_ceiling
from .studies.learned import study_learned
from .table import Row, build_rows, numbers, print_table, write_json
from .tracking import Tracker

_STUDIES: Mapping[str, Callable[[Setting, Comparison], None]] = dict(
    zip(STUDIES, (study_learned, study_ablation, study_ceiling), strict=True)
)


def run(config: DictConfig) -> None:
    """Carry out `merchantgym compare`. Raises: ValueError: names the entry that is not allowed, before any work."""
    setting = read_setting(config)
    comparison = read_comparison(setting)
    if comparison.study is not None:
        _STUDIES[comparison.study](setting, comparison)
    elif comparison.scenarios:
        rank_over_scenarios(setting, comparison)
    else:
        _compare(setting, comparison)


def _compare(setting: Setting, comparison: Comparison) -> None:
    """The comparison in the scenario of the run."""
    console = setting.console()
    with open_tracker(setting) as tracker:
        with progress_bars(setting) as bars:
            learned = learn(setting, comparison.job, bars)
            opened = setting.population.open("test", comparison.stores, threads=setting.threads)
            arms = _score_all(setting, comparison, opened, learned, setting.run_seed(TEST_RUN), "stores", bars)
            shop = comparison.shop
            own = (
                _score_all(setting, comparison, shop, learned, setting.run_seed(SHOP_RUN), "own shop", bars)
                if shop
                else []
            )
        rows = build_rows([arm.result for arm in arms], np.random.default_rng(setting.seed))
        _write(setting, comparison, arms, own, rows, learned)
        _log(tracker, setting, arms, rows, learned)
        _show(console, setting, comparison, rows, own)


def _score_all(
    setting: Setting,
    comparison: Comparison,
    opened: OpenStores,
    learned: Mapping[str, Sequence[Learned]],
    run_seed: int,
    what: str,
    bars: Progress,
) -> list[Arm]:
    """Every planner x executor on the same stores, meeting the same chance."""
    arms = []
    for planner in comparison.planners:
        _, plans = write_plans(planner, opened)
        for executor in comparison.executors:
            actors = actors_of(setting, executor, learned)
            task = bars.add_task(f"{what}: {planner} x {executor}", total=None)
            arms.append(
                score(
                    planner,
                    actors,
                    opened,
                    plans,
                    run_seed,
                    threads=setting.threads,
                    trace=planner == comparison.job.planner,
                    progress=partial(advance, bars, task),
                )
            )
    return arms


def _write(
    setting: Setting,
    comparison: Comparison,
    arms: Sequence[Arm],
    own: Sequence[Arm],
    rows: Sequence[Row],
    learned: Mapping[str, Sequence[Learned]],
) -> None:
    """Rows, per-store results and pictures, under the run's folder."""
    folder = setting.output
    folder.mkdir(parents=True, exist_ok=True)
    write_json(rows, folder / "comparison.json")
    write_stores([without_trace(arm) for arm in arms], folder / "stores.parquet")
    if own:
        write_json(_own_rows(setting, own), folder / "own_shop.json")
    plots.profit_intervals(rows, folder / "profit.png")
    traces = {arm.result.executor: plot_trace(arm.trace) for arm in arms if arm.trace is not None}
    traces.pop("random", None)
    if traces:
        plots.spend_against_target(traces, folder / "spend.png")
        plots.bids_by_hour(traces, folder / "bids.png")
    curves = {name: curve_of(each) for name, each in learned.items()}
    if curves:
        baselines = next(iter(learned.values()))[0].baselines
        plots.learning_curves(curves, baselines, folder / "learning.png")


def _own_rows(setting: Setting, own: Sequence[Arm]) -> list[Row]:
    return build_rows([arm.result for arm in own], np.random.default_rng(setting.seed + 1))


def _log(
    tracker: Tracker,
    setting: Setting,
    arms: Sequence[Arm],
    rows: Sequence[Row],
    learned: Mapping[str, Sequence[Learned]],
) -> None:
    """One parent run, one child a (planner, executor, training seed)."""
    by_arm = {(row.planner, row.executor): row for row in rows}
    for arm in arms:
        result = arm.result
        for seed, episodes in enumerate(arm.runs):
            with tracker.child(result.planner, result.executor, seed) as child:
                child.tags({"kind": result.kind})
                child.metrics(numbers(by_arm[result.planner, result.executor]))
                child.metrics({"seed_profit_mean": float(episodes.profit.mean())})
                if result.executor in learned:
                    one = learned[result.executor][seed]
                    child.curves(one.steps, {"validation_profit": one.profit})
    best = rows[0]
    tracker.parent.metrics({"best_profit_mean": best.profit_mean})
    tracker.parent.tags({"best": f"{best.planner}/{best.executor}"})
    for path in sorted(setting.output.glob("*")):
        if path.suffix in (".json", ".png", ".parquet"):
            tracker.parent.artifact(path, "plots" if path.suffix == ".png" else None)


def _show(console: Console, setting: Setting, comparison: Comparison, rows: Sequence[Row], own: Sequence[Arm]) -> None:
    console.print(
        f"\n[bold]{setting.scenario.name}[/bold], {setting.scenario.hosting.name}: {comparison.stores} held-out "
        f"stores, plans of {setting.scenario.days} days, the same random numbers for everyone"
    )
    print_table(rows, console)
    if own:
        shop = comparison.shop
        assert shop is not None
        console.print(
            f"\n[bold]{shop.stores[0].name}[/bold]: the catalogue's {len(shop.stores[0].listings)} listings "
            f"in {len(shop)} markets of this scenario"
        )
        print_table(_own_rows(setting, own), console)
    console.print(f"\nResults: {setting.output}   Runs: make ui")
