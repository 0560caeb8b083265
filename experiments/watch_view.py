"""A snapshot as something to look at: pure functions to what `rich` can draw, for terminals of any size."""

from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.layout import Layout
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from merchantgym.envs.store import HOURS_PER_DAY

from .snapshot import Counts, ListingRow, Snapshot

AD, ORGANIC, MONEY, GOOD, BAD, FAINT = "#3E9BD9", "#E69F00", "#D5793A", "#2FB38A", "#D5503A", "bright_black"
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_BARS = "▁▂▃▄▅▆▇█"
_FULL = (96, 30)  # columns and lines from which there is room for everything
_LEAST = (80, 20)  # below it, four lines are all that is shown
_BIDS = "bids, CNY per click; rank and rating as of midnight"
_TALLEST = 3  # lines of a bar in the panel of days


def view(shot: Snapshot, width: int, height: int) -> RenderableType:
    """The whole screen.

    Args:
        shot: what to draw.
        width, height: of the terminal [characters].
    """
    if width < _LEAST[0] or height < _LEAST[1]:
        return few_lines(shot)
    roomy = width >= _FULL[0] and height >= _FULL[1]
    top, middle = 2, 8 if roomy else 7
    room = height - top - middle - 5 - (shot.truth is not None)
    rows = min(len(shot.listings), room - 4)
    tall = min(_TALLEST, 1 + (room - 4 - rows) // 3)
    layout = Layout()
    parts = [
        Layout(heading(shot, width), size=top),
        Layout(name="middle", size=middle),
        Layout(_framed(_BIDS, Group(channels(shot), listings(shot, rows))), size=rows + 4),
        Layout(_framed("days", days(shot, width - 4, tall)), size=2 + 3 * tall),
    ]
    if shot.truth is not None:
        parts.append(Layout(truth(shot), size=1))
    layout.split_column(*parts, Layout(Text(" ")))
    half = width // 2
    layout["middle"].split_row(
        Layout(_framed("funnel", funnel(shot, roomy)), size=width - half),
        Layout(_framed("money, CNY", money(shot, half - 4)), size=half),
    )
    return layout


def heading(shot: Snapshot, width: int) -> RenderableType:
    """Who, where in the plan, and whether today is a promotion day."""
    who = Text.assemble((shot.store, "bold"), (f"  {shot.strength}", FAINT), no_wrap=True, overflow="ellipsis")
    how = Text(f"{shot.scenario}: {shot.planner} + {shot.executor}", justify="right", no_wrap=True, overflow="ellipsis")
    when = Text.assemble((clock(shot), "bold"), (f" of {shot.hours // HOURS_PER_DAY} days  ", FAINT), no_wrap=True)
    when.append_text(bar(shot.hour / shot.hours, max(8, 3 * width // 5 - len(when) - 2), "default"))
    badges = Text(justify="right", no_wrap=True)
    if shot.promotion:
        badges.append(" PROMOTION DAY ", f"bold black on {ORGANIC}")
    if shot.served < 1.0:
        badges.append(" ").append(" OUT OF MONEY ", f"bold white on {BAD}")
    table = Table.grid(expand=True)
    table.add_column(ratio=3)
    table.add_column(ratio=2, justify="right")
    table.add_row(who, how)
    table.add_row(when, badges)
    return table


def clock(shot: Snapshot) -> str:
    """The hour that has just passed, as "day 3 Thu 15-16h"."""
    hour = shot.hour_of_week % HOURS_PER_DAY
    return f"day {shot.day} {WEEKDAYS[shot.hour_of_week // HOURS_PER_DAY]} {hour:02d}-{hour + 1:02d}h"


def funnel(shot: Snapshot, roomy: bool = True) -> RenderableType:
    """Impressions, clicks, orders and units so far, with the rate of each step, and today's."""
    run, today = shot.run, shot.today
    table = Table(box=None, expand=True, padding=(0, 0, 0, 1), pad_edge=False, header_style=FAINT)
    for name, style in (("", ""), ("ad", AD), ("organic", ORGANIC), ("rate", ""), ("today", "")):
        table.add_column(name, style=style, justify="right" if name else "left", no_wrap=True)
    steps = (
        ("impressions", run.ad_impressions, run.organic_impressions, "", today.impressions),
        ("clicks", run.ad_clicks, run.organic_clicks, _percent(run.clicks, run.impressions), today.clicks),
        ("orders", run.ad_orders, run.organic_orders, _percent(run.orders, run.clicks), today.orders),
    )
    for name, ad, organic, rate, now in steps:
        table.add_row(name, count(ad), count(organic), rate, count(now))
    each = f"x{run.units / run.orders:.0f}" if run.orders else ""
    table.add_row("units", "", count(run.units), each, count(today.units))
    if not roomy:
        return table
    views = Text(f"organic views {times(shot.surprise)} of what is usual", FAINT, no_wrap=True)
    return Group(table, views)


def money(shot: Snapshot, width: int) -> Group:
    """Spend against the plan's target, what it returned, and what is left of it."""
    run, today = shot.run, shot.today
    room = max(8, width - 22)
    spent = Text.assemble("spent  ", bar(shot.spent_share, room, MONEY, mark=shot.target))
    spent.append(f" {shot.spent_share:4.0%} of {count(shot.budget)}")
    gap = shot.spent_share - shot.target
    told = "on target" if abs(gap) < 0.005 else f"{abs(gap):.0%} {'ahead' if gap > 0 else 'behind'}"
    target = Text(f"┃ traffic passed {shot.target:4.0%}, {told}", style=FAINT, no_wrap=True, overflow="ellipsis")
    table = Table.grid(expand=True, padding=(0, 1))
    for justify in ("left", "right", "right", "right", "right"):
        table.add_column(justify=justify, no_wrap=True)
    table.add_row("", *(Text(name, style=FAINT) for name in ("spend", "GMV", "profit", "ROI")))
    roi = Text(f"{shot.roi:.1f}" if run.spend else "-")
    if shot.roi_floor:
        roi.append(f" / {shot.roi_floor:.1f}", FAINT)
        roi.stylize(GOOD if shot.roi >= shot.roi_floor else BAD, 0, roi.plain.index(" "))
    for name, sums, ratio in (("so far", run, roi), ("today", today, Text(_roi(today)))):
        table.add_row(name, Text(yuan(sums.spend), style=MONEY), yuan(sums.gmv), signed(sums.profit), ratio)
    return Group(spent, target, table)


def listings(shot: Snapshot, rows: int) -> Table:
    """The listings on which most was spent, as many as there are rows."""
    table = Table(box=None, expand=True, padding=(0, 0, 0, 1), pad_edge=False, header_style=FAINT)
    names = ["listing", *(f"bid {channel.name}" for channel in shot.channels), "price", "stock", "rank", "rating"]
    for name in [*names, "spend", "orders"]:
        table.add_column(name, justify="left" if name == "listing" else "right", no_wrap=True)
    chosen = sorted(shot.listings, key=lambda row: -row.spend)[:rows]
    for row in chosen:
        table.add_row(*_listing_cells(row))
    return table


def channels(shot: Snapshot) -> Text:
    """What the executor does to the plan's bids and prices."""
    text = Text(no_wrap=True, overflow="ellipsis")
    for channel in shot.channels:
        text.append(f"{channel.name} ", FAINT).append(times(channel.multiplier), "bold")
        text.append(f" won {channel.win_share:.0%}")
        if channel.click_price:
            text.append(f" at {channel.click_price:.2f}")
        text.append("  ")
    return text.append("prices ", FAINT).append(times(shot.price_factor), "bold")


def days(shot: Snapshot, width: int, tall: int = 1) -> Table:
    """Spend, orders and profit by the day as bars of some lines, today's figure and the highest."""
    table = Table.grid(padding=(0, 1))
    last = shot.days[-max(1, (width - 34) // 3) :]
    for name, values, style, write in (
        ("spend", [day.spend for day in last], MONEY, yuan),
        ("orders", [day.orders for day in last], AD, count),
        ("profit", [day.profit for day in last], GOOD, yuan),
    ):
        told = Text.assemble((write(values[-1]), "bold"), (f" today, most {write(max(values))}", FAINT))
        table.add_row(Text(name, style=FAINT), bars(values, style, tall), told)
    return table


def truth(shot: Snapshot) -> Text:
    """The true market of the hour, which no merchant sees."""
    if shot.truth is None:
        return Text()
    market = shot.truth
    text = Text(" true market  ", style=f"bold {FAINT}", no_wrap=True, overflow="ellipsis")
    text.append(
        f"{market.requests[0].sum():,.0f} suitable requests/h, demand {times(float(market.demand[0]))}", "not bold"
    )
    text.append(f", rivals {times(float(market.rivals[0]))}", "not bold")
    if market.entered[0]:
        text.append(", a rival entered", BAD)
    if market.shock[0] > 0.01:
        text.append(f", outside event at {market.shock[0]:.0%}", ORGANIC)
    return text


def few_lines(shot: Snapshot) -> Group:
    """What fits anywhere."""
    run = shot.run
    return Group(
        Text(f"{shot.store} {clock(shot)}", style="bold", no_wrap=True),
        Text(f"{count(run.impressions)} seen, {count(run.clicks)} clicks, {count(run.orders)} orders", no_wrap=True),
        Text(f"spent {yuan(run.spend)} of {yuan(shot.budget)} CNY", no_wrap=True),
        Text.assemble("profit ", signed(run.profit), f", GMV {yuan(run.gmv)} CNY", no_wrap=True),
    )


def day_line(shot: Snapshot, day: Counts) -> str:
    """One day in one line of plain ASCII, for pipes and logs."""
    weekday = WEEKDAYS[shot.hour_of_week // HOURS_PER_DAY]
    return (
        f"day {shot.day:>3} {weekday}{' promotion' if shot.promotion else ''}: {day.impressions:,.0f} impressions, "
        f"{day.clicks:,.0f} clicks, {day.orders:,.0f} orders, {day.units:,.0f} units, spend {day.spend:.2f}, "
        f"GMV {day.gmv:.2f}, profit {day.profit:.2f} CNY; so far spent {shot.spent_share:.1%} of the budget "
        f"(target {shot.target:.1%}), profit {shot.run.profit:.2f}"
    )


def summary(shot: Snapshot, finished: bool) -> Group:
    """The run in one table."""
    run = shot.run
    passed = f"{shot.hours // HOURS_PER_DAY} days" if finished else f"interrupted after {shot.hour} of {shot.hours} h"
    title = Text(f"{shot.store}: {shot.planner} + {shot.executor}, {passed}", style="bold", no_wrap=True)
    table = Table(box=box.SIMPLE)
    for name in ("", "ad", "organic", "all"):
        table.add_column(name, justify="right" if name else "left")
    for name, ad, organic in (
        ("impressions", run.ad_impressions, run.organic_impressions),
        ("clicks", run.ad_clicks, run.organic_clicks),
        ("orders", run.ad_orders, run.organic_orders),
    ):
        table.add_row(name, f"{ad:,.0f}", f"{organic:,.0f}", f"{ad + organic:,.0f}")
    table.add_row("units", "", "", f"{run.units:,.0f}", end_section=True)
    share = f"{shot.spent_share:.1%} of {shot.budget:,.2f}"
    table.add_row("ad spend, CNY", share, "", f"{run.spend:,.2f}")
    organic = run.gmv - run.attributed_gmv
    table.add_row("GMV, CNY", f"{run.attributed_gmv:,.2f}", f"{organic:,.2f}", f"{run.gmv:,.2f}")
    table.add_row("profit, CNY", "", "", signed(run.profit, 2))
    floor = f"floor {shot.roi_floor:.1f}" if shot.roi_floor else ""
    table.add_row("ad GMV per spend", floor, "", f"{shot.roi:.2f}" if run.spend else "-")
    return Group(title, table)


def bar(share: float, width: int, style: str, mark: float | None = None) -> Text:
    """A share of 0..1 as a bar, with a stroke at `mark`."""
    filled = round(min(max(share, 0.0), 1.0) * width)
    text = Text("█" * filled, style=style).append("░" * (width - filled), FAINT)
    if mark is None:
        return text
    at = min(width - 1, round(min(max(mark, 0.0), 1.0) * width))
    return Text.assemble(text[:at], ("┃", "bold"), text[at + 1 :])


def bars(values: Sequence[float], style: str, tall: int = 1) -> Text:
    """A bar a value on some lines, from zero or the greatest loss to the greatest; losses in red."""
    low, high = min(0.0, *values), max(0.0, *values)
    steps = len(_BARS) * tall
    text = Text()
    for line in reversed(range(tall)):
        for value in values:
            height = max(1, round((value - low) / (high - low) * steps)) if high > low else 1
            level = min(max(height - line * len(_BARS), 0), len(_BARS))
            glyph = _BARS[level - 1] if level else " "
            text.append(glyph * 2 + " ", BAD if value < 0.0 else style)
        text.append("\n" if line else "")
    return text


def count(value: float) -> str:
    """A number with few digits: 931, 12.3k, 4.56M."""
    for size, unit in ((1e6, "M"), (1e4, "k")):
        if value >= size:
            scaled = value / (1e3 if unit == "k" else size)
            return f"{scaled:.3g}{unit}" if scaled < 999.5 else f"{scaled:,.0f}{unit}"
    return f"{value:,.0f}"


def yuan(value: float) -> str:
    """Money, with fen where it is little."""
    return f"{value:,.2f}" if abs(value) < 1_000.0 else f"{value:,.0f}"


def signed(value: float, decimals: int = 0) -> Text:
    """A profit or a loss in its colour."""
    return Text(f"{value:+,.{decimals}f}", style=GOOD if value >= 0.0 else BAD)


def times(factor: float) -> str:
    """A multiple."""
    return f"x{factor:.2f}"


def _listing_cells(row: ListingRow) -> list[Text | str]:
    paused = row.role == "paused"
    name = Text.assemble(row.listing_id, (f" {row.role}", FAINT))
    bids = ["-" if paused else f"{bid:.2f}" for bid in row.bids]
    stock = Text(count(row.stock)) if row.listed else Text("sold out", style=BAD)
    return [
        name,
        *bids,
        f"{row.price:.2f}",
        stock,
        f"{row.rank:.2f}",
        f"{row.rating:.2f}",
        Text(yuan(row.spend), style=MONEY),
        count(row.orders),
    ]


def _framed(title: str, content: RenderableType) -> Panel:
    return Panel(
        content, title=f"[bold]{title}[/]", title_align="left", border_style=FAINT, padding=(0, 1), box=box.ROUNDED
    )


def _percent(part: float, whole: float) -> str:
    return f"{part / whole:.1%}" if whole else ""


def _roi(sums: Counts) -> str:
    return f"{sums.attributed_gmv / sums.spend:.1f}" if sums.spend > 0.0 else "-"
