"""The plan that an advertising console proposes when the merchant changes nothing: every environment's default plan."""

from .back_office import BackOffice
from .market.parameters import CHANNELS, SEGMENTS
from .plan import ListingPlan, Plan


def platform_plan(office: BackOffice) -> Plan:
    """The suggested bid on every listing at its current price, the whole budget spread evenly, no caps.

    A price that the merchant set under cost stays.
    """
    daily = office.budget / office.days
    offers = zip(office.listing_id, office.suggested_bid.tolist(), office.price.tolist(), strict=True)
    return Plan(
        store=office.store,
        planner="default",
        goal="profit",
        target=0.0,
        start_hour=office.start_hour,
        days=office.days,
        audience=dict.fromkeys(SEGMENTS, 1.0),
        listings=tuple(
            ListingPlan(listing_id=listing, role="growth", budget_share=1.0, bid=bid, price=price)
            for listing, bid, price in offers
        ),
        channel_split=dict.fromkeys(CHANNELS, 1.0),
        budget_total=office.budget,
        budget_daily=daily,
        roi_floor=office.roi_floor,
        allow_below_cost=bool((office.price < office.cost).any()),
        rationale=(
            f"All {len(office.listing_id)} listings at the suggested bid and the current price; the "
            f"budget of {office.budget:.2f} CNY is spread over {office.days} days, {daily:.2f} CNY a day."
        ),
    )
