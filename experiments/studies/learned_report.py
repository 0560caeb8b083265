"""The page of what learning gains: a headline in words, a table, learning curves, and how to read them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from merchantgym.envs.scenario import Scenario

from ..markdown import bracket, money, p_value, percent, table, with_note
from ..ranking import ALPHA
from ..table import OPEN_LOOP, ArmResult
from .curves import LearningCurve
from .gains import Gain
from .learned_plots import SIGNS

_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


@dataclass(frozen=True, eq=False)
class LearnedStudy:
    """What was learned, and what it earns on held-out stores."""

    scenario: Scenario
    planner: str
    training_stores: int
    validation_stores: int
    results: Sequence[ArmResult]  # of every executor
    best: str  # the best controller
    learned: Sequence[Gain]  # over it, the largest first
    others: Sequence[Gain]  # controllers and the plan as written, likewise
    curves: Mapping[str, LearningCurve]
    baselines: Mapping[str, float]  # controllers on the validation stores [CNY]
    bases: Mapping[str, str]  # learned executor -> the controller that it starts from
    cores: int

    @property
    def stores(self) -> int:
        """Held-out stores."""
        return int(self.results[0].profit.shape[1])


def headline(study: LearnedStudy) -> str:
    """What was found, in a few sentences."""
    won = [one for one in study.learned if one.mark == "win"]
    first = study.learned[0]
    numbers = f"{percent(first.share)} %, {money(first.gain)} CNY per store"
    if won:
        others = _also(won[1:], study.best)
        text = f"**`{first.executor}` earns more than `{study.best}`, the best controller: {numbers}.**{others}"
    elif first.mark == "tie":
        text = (
            f"**No learned policy is shown to earn more than `{study.best}`, the best controller.** "
            f"`{first.executor}` comes nearest: {numbers}, which chance may explain."
        )
    else:
        text = (
            f"**No learned policy earns what `{study.best}`, the best controller, earns.** "
            f"`{first.executor}` comes nearest: {numbers}."
        )
    ahead = [each for each in first.by_seed if each > 0.0]
    if first.seeds > 1:
        number = _count(len(ahead)).capitalize() if ahead else "None"
        text += f" {number} of its {_count(first.seeds)} trainings came out ahead"
        text += f" (from {min(first.by_seed):+,.0f} to {max(first.by_seed):+,.0f} CNY)."
    return text


def markdown(study: LearnedStudy, pictures: Mapping[str, str], command: str, note: str = "") -> str:
    """The page.

    Args:
        study: its results.
        pictures: "gains" and "curves" -> names of the files beside the page.
        command: that made it.
        note: what people wrote about it.
    """
    parts = [
        f"# Learned policies against the best controller\n\n{headline(study)}\n",
        _introduction(study, command),
        f"![Profit of every executor over the best controller, with 95 % intervals]({pictures['gains']})\n",
        "## On held-out stores\n",
        table(*_lines(study)),
        f"{SIGNS['win']} more than `{study.best}`, {SIGNS['loss']} less, {SIGNS['tie']} neither beyond chance.\n",
        "## In the course of training\n",
        f"![Profit on validation stores against experience and CPU time]({pictures['curves']})\n",
        table(*_costs(study)),
        f"## Why\n\n{with_note(note)}",
        _reading(study),
    ]
    return "\n".join(parts)


def _introduction(study: LearnedStudy, command: str) -> str:
    seeds = " or ".join(_times(count) for count in sorted({one.seeds for one in study.learned}))
    return (
        f"Written by `{command}`, from nothing: training, choice of the checkpoint and scoring, on {study.cores} "
        f"{'core' if study.cores == 1 else 'cores'}.\n\n"
        f"Scenario `{study.scenario.name}`, hosting `{study.scenario.hosting.name}`, plans of `{study.planner}`, "
        f"{study.scenario.days} days long. Every learner is trained {seeds}, from random numbers "
        f"of its own, on {study.training_stores:,} training stores; the best of its validations on "
        f"{study.validation_stores:,} validation stores is kept. All are then scored on the same {study.stores:,} "
        "test stores, under the same random numbers, which had no say in anything before.\n"
    )


def _lines(study: LearnedStudy) -> tuple[list[str], list[list[str]]]:
    """The table of executors: learned ones, the best controller, all others."""
    heads = ["executor", "trainings", "profit [CNY]", f"over {study.best} [%]", f"over {study.best} [CNY]"]
    heads += ["p (Holm)", "trainings from … to [CNY]", f"ahead of {study.best}<br>[% of stores]"]
    heads += ["ROI", "ROI floors<br>missed [%]"]
    arms = {one.executor: one for one in study.results}
    lines = [[*_gain_cells(one, arms[one.executor]), *_outcome(arms[one.executor])] for one in study.learned]
    lines.append(
        [study.best, "", f"{arms[study.best].mean_profit:,.0f}", "0", "0", *[""] * 3, *_outcome(arms[study.best])]
    )
    lines += [[*_gain_cells(one, arms[one.executor]), *_outcome(arms[one.executor])] for one in study.others]
    return heads, lines


def _gain_cells(one: Gain, arm: ArmResult) -> list[str]:
    learned = arm.kind == "learned"
    name = f"**{one.executor}** {SIGNS[one.mark]}" if learned else one.executor
    spread = f"{min(one.by_seed):+,.0f} … {max(one.by_seed):+,.0f}" if one.seeds > 1 else ""
    cells = [name, str(one.seeds) if learned else "", f"{arm.mean_profit:,.0f}", percent(one.share), money(one.gain)]
    return [*cells, p_value(one.p), spread, bracket(one.improvement, 100.0, ".0f")]


def _outcome(arm: ArmResult) -> list[str]:
    spend = float(arm.spend.mean())
    roi = f"{float(arm.attributed_gmv.mean()) / spend:.2f}" if spend > 0.0 else ""
    return [roi, f"{100.0 * float(arm.violations.mean()):.0f}"]


def _costs(study: LearnedStudy) -> tuple[list[str], list[list[str]]]:
    """What a training costs and what it brings on the validation stores."""
    heads = ["executor", "starts from", "store-hours", "CPU minutes", "at the start [CNY]", "best, median [CNY]"]
    lines = []
    for name, one in study.curves.items():
        minutes = f"{one.cost[-1]:.1f}" if one.cost[-1] == one.cost[-1] else ""
        best = sorted(one.profit.max(axis=1))[len(one.profit) // 2]
        start = f"{float(one.profit[:, 0].mean()):,.0f}"
        lines.append([name, study.bases[name], f"{one.steps[-1]:,.0f}", minutes, start, f"{best:,.0f}"])
    return heads, lines


def _reading(study: LearnedStudy) -> str:
    return "\n".join(
        [
            "## How to read this",
            "",
            f"- **The best controller** is the one that earns most on these very test stores: that flatters it, so a "
            f"gain over `{study.best}` errs on the low side. `{OPEN_LOOP}` is the plan as written.",
            "- **Brackets** are 95 % intervals by a two-way bootstrap (Owen 2007): test stores are drawn anew, and, "
            "apart from them, so are trainings, each with all its stores. Trainings count as drawn by chance: the "
            "interval speaks of the next training too, not only of those that were run. So few trainings say "
            "little about how trainings spread; where they differ much more than stores do, an interval of nominal "
            "95 % covers 85 % with five trainings and 91 % with ten. The range of trainings stands beside it for that "
            "reason.",
            "- **p** is two-sided, by flipping signs of stores, adjusted by Holm's method over the learned executors "
            "(and, apart from them, over the others). It takes the trainings as they are.",
            f"- **{SIGNS['win']} and {SIGNS['loss']}** need both: an adjusted p under {ALPHA:.0%} and an interval that "
            "leaves out 0.",
            "- **Curves** show the policy as it stood at each validation; the band holds the middle half and 95 % of "
            "the trainings. What is scored above is the best validation of each, the untrained start included, so a "
            "training can end no worse on the validation stores than it began.",
            "- **CPU minutes** are those of one training, all its threads together, without validations.",
            "",
        ]
    )


def _also(others: Sequence[Gain], best: str) -> str:
    if not others:
        return ""
    words = " and ".join(f"`{one.executor}` ({percent(one.share)} %)" for one in others)
    return f" So {'does' if len(others) == 1 else 'do'} {words}."


def _times(number: int) -> str:
    return "once" if number == 1 else f"{_count(number)} times"


def _count(number: int) -> str:
    return _WORDS[number] if number < len(_WORDS) else str(number)
