"""The page about step responses and recovery, in Markdown."""

from collections.abc import Mapping, Sequence

from .quiet_world import STEPS
from .response_measures import BAND, END, SMOOTH, Recovery, Response

_PAGE = """# Responses

How controllers answer a step, and how they get over a plan whose bids are wrong. This page and its pictures
are written by `merchantgym respond folder=docs`.

## A step in a still market

{stores} training stores of {scenario} in a market without weather: even traffic, demand and rivals that stand
still, no organic flywheel, ample stock, and a budget that the plan as written just spends. At the dashed line
one thing changes for good. Schedules by the hour are off and bounds on the bids are opened to what the action
reaches, so that the law is seen and not its clamps.

![Speed of spending and bids through a step](responses.png)

Judged on the mean log bid over {smooth} hours: settled means that it stays within {band:g} of where it ends; a swing
is a move from beyond that band on one side to beyond it on the other. The shaded end of the plan ({end} h), where
every pacing law tightens, is not judged.

{answers}

## A plan that bids too low or too high

{stores} test stores of {scenario} in full weather: every bid of the plan is multiplied by one factor, from half
to 2.6 times. Profit [CNY per store] against {reference} under the right plan ({best:,.0f}), paired by store,
with 95 % intervals.

![Regret against the error of the plan's bids](recovery.png)

{losses}
"""


def describe(responses: Mapping[str, Mapping[str, Response]], recovery: Recovery, stores: int, scenario: str) -> str:
    """The page.

    Args:
        responses: by controller and step.
        stores: on which both were measured.
        scenario: from which they are.
    """
    return _PAGE.format(
        stores=stores,
        scenario=scenario,
        smooth=SMOOTH,
        band=BAND,
        end=END,
        answers=_answers(responses),
        reference=recovery.reference,
        best=recovery.best,
        losses=_losses(recovery),
    )


def _answers(responses: Mapping[str, Mapping[str, Response]]) -> str:
    rows = [
        [name, STEPS[key].title, f"{answer.answer:+.2f} ln", f"{answer.settling:.0f} h", str(answer.swings)]
        for name, answers in responses.items()
        for key, answer in answers.items()
    ]
    return _table(["controller", "step", "lasting change of bids", "settled after", "swings"], rows, texts=2)


def _losses(recovery: Recovery) -> str:
    """Least loss at its worse end first."""
    errors = [f"{100.0 * (factor - 1.0):+.0f} %" if factor != 1.0 else "right" for factor in recovery.factors]
    worst = {name: max(each[0].mean, each[-1].mean) for name, each in recovery.regret.items()}
    rows = [
        [name, *(f"{-each.mean:+,.0f} [{-each.high:+,.0f}, {-each.low:+,.0f}]" for each in recovery.regret[name])]
        for name in sorted(worst, key=lambda name: worst[name])
    ]
    return _table(["executor", *errors], rows, texts=1)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], texts: int) -> str:
    """A Markdown table whose first columns are texts and whose others are numbers."""
    rule = ["---"] * texts + ["---:"] * (len(heads) - texts)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, rule, *rows))
