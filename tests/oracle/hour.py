"""The law of one hour a second time, in plain numpy: the oracle of the compiled engine, and the yardstick of its speed.

It shares nothing with `envs.engines` but the names of the columns. Where the engine walks through one store after
another, this takes all B stores at once; where the engine thins latent clicks by keyed uniforms, this draws the clicks
that happen, cell by cell, from numpy's own generator, gives each a moment, and lets those of stores short of money pay
in order of time.
"""

import numpy as np
from numpy.random import Generator

from merchantgym.envs.engines.layout import (
    N_CHANNELS,
    ChannelState,
    ListingState,
    Offer,
    Report,
    StateArrays,
    StoreArrays,
    StoreField,
    StoreState,
)

from .orders import Orders, close_books, midnight, place_orders, receive_goods, reorder, ripe_orders, wait_to_order
from .rates import Floats, Rates, Rows, hour_rates


def oracle_hour(rng: Generator, arrays: StoreArrays, state: StateArrays, offer: Floats) -> None:
    """One hour of all B stores, in place.

    Args:
        rng: numpy's generator.
        offer: (B, K, Offer) what each listing bids [CNY per click] and costs [fen] in this hour.
    """
    hour = state.store[:, StoreState.HOUR].astype(int)
    start = arrays.store[:, StoreField.START_HOUR].astype(int)
    week = (start + hour) % 168
    day = (start % 24 + hour) // 24
    state.hour[:] = 0.0
    receive_goods(hour, state)
    midnight(rng, np.flatnonzero(week % 24 == 0), day, arrays, state)
    _move_market(rng, arrays, state)
    ripe = ripe_orders(rng, arrays, state, np.arange(len(hour)), closing=False)
    place_orders(rng, day, arrays, state, ripe)
    rates = hour_rates(hour, week, arrays, state, offer)
    lasted = _serve(rng, day, rates, arrays, state, offer)
    _count_impressions(rng, rates, lasted, state)
    state.store[:, StoreState.SERVED_SHARE] = lasted[:, 0]
    _remember(arrays, state)
    reorder(hour, arrays, state)
    close_books(rng, np.flatnonzero(hour + 1 >= arrays.store[:, StoreField.HOURS]), day, arrays, state)
    state.store[:, StoreState.HOUR] += 1.0
    state.total[:] += state.hour


def _move_market(rng: Generator, arrays: StoreArrays, state: StateArrays) -> None:
    """One step of the demand's and of the rivals' random walk."""
    shop = arrays.store
    noise = rng.standard_normal((len(shop), 1 + N_CHANNELS))
    demand, rivals = state.store[:, StoreState.DEMAND], state.channel[:, :, ChannelState.RIVAL_NOISE]
    demand[:] = demand * shop[:, StoreField.DEMAND_PERSISTENCE] + shop[:, StoreField.DEMAND_SD] * noise[:, 0]
    rivals[:] = (
        rivals * shop[:, StoreField.RIVAL_PERSISTENCE, None] + shop[:, StoreField.RIVAL_NOISE_SD, None] * noise[:, 1:]
    )


def _serve(rng: Generator, day: Rows, rates: Rates, arrays: StoreArrays, state: StateArrays, offer: Floats) -> Floats:
    """Draw the hour's clicks and take them in. Returns the share of the hour each purse lasted, (B, 1 + C + K)."""
    seen = rates.exposure + (1.0 - rates.exposure) * rates.organic
    counts = rng.poisson(rates.requests * rates.click * seen)
    cell = np.repeat(np.arange(counts.size), counts.ravel())
    store, channel, segment, listing = np.unravel_index(cell, counts.shape)
    moment = rng.random(cell.size)
    ad = rng.random(cell.size) < rates.exposure.ravel()[cell] / seen.ravel()[cell]
    price = np.floor(rates.price.ravel()[cell] * 100.0 + 1e-9)
    paid = np.zeros(cell.size)
    paid[ad], lasted = _pay(store[ad], channel[ad], listing[ad], moment[ad], price[ad], state)
    # Where the money is gone, the buyer who would have clicked the ad may find the organic result.
    missed = ad & (paid == 0.0)
    found = ~missed | (rng.random(cell.size) < rates.organic.ravel()[cell])
    ad &= ~missed
    column = np.where(ad, Report.AD_CLICKS_SEARCH, Report.ORGANIC_CLICKS_SEARCH) + channel
    np.add.at(state.hour, (store[found], listing[found], column[found]), 1.0)
    np.add.at(state.hour, (store[ad], listing[ad], Report.SPEND_SEARCH + channel[ad]), paid[ad])

    orders = found & (rng.random(cell.size) < rates.conversion.ravel()[cell])
    order = np.flatnonzero(orders)
    order = order[np.argsort(moment[order])]
    same_hour = arrays.store[store[order], StoreField.SHARE_SAME_HOUR]
    within_day = same_hour + arrays.store[store[order], StoreField.SHARE_WITHIN_DAY]
    delay = rng.random(order.size)
    now, later = order[delay < same_hour], order[delay >= same_hour]
    slow = (delay >= within_day)[delay >= same_hour]
    shown = offer[store, listing, Offer.PRICE]
    wait_to_order(state, store[later], listing[later], segment[later], slow, ad[later], shown[later])
    at_once = Orders(store[now], listing[now], segment[now], np.zeros(now.size, dtype=np.intp), ad[now], shown[now])
    place_orders(rng, day, arrays, state, at_once)
    return lasted


def _pay(
    store: Rows, channel: Rows, listing: Rows, moment: Floats, price: Floats, state: StateArrays
) -> tuple[Floats, Floats]:
    """Charge ad clicks [fen], 0 where the money was gone, and say how much of the hour each purse lasted."""
    B, K = state.listing.shape[:2]
    total = state.store[:, StoreState.BUDGET_TOTAL] - state.store[:, StoreState.SPENT]
    today = state.store[:, StoreState.BUDGET_DAILY] - state.store[:, StoreState.SPENT_TODAY]
    left = np.empty((B, 1 + N_CHANNELS + K))
    left[:, 0] = np.minimum(total, today)
    left[:, 1 : 1 + N_CHANNELS] = state.channel[:, :, ChannelState.CAP] - state.channel[:, :, ChannelState.SPENT]
    left[:, 1 + N_CHANNELS :] = state.listing[:, :, ListingState.CAP] - state.listing[:, :, ListingState.SPENT]
    lasted = np.where(left < 1.0, 0.0, 1.0)
    wanted = np.zeros_like(left)
    purses = (np.zeros_like(store), 1 + channel, 1 + N_CHANNELS + listing)
    for purse in purses:
        np.add.at(wanted, (store, purse), price)
    short = ((left < 1.0) | (wanted >= left)).any(axis=1)
    paid = np.where(short[store], 0.0, price)
    # Only stores short of money need their clicks in order of time: the first of every store, the second, ...
    queue = np.flatnonzero(short[store])
    queue = queue[np.lexsort((moment[queue], store[queue]))]
    count = np.bincount(store[queue], minlength=B)
    turn = np.arange(queue.size) - np.repeat(np.cumsum(count) - count, count)
    for i in np.split(queue[np.argsort(turn, kind="stable")], np.cumsum(np.bincount(turn))[:-1]):
        places = [(store[i], purse[i]) for purse in purses]
        least = np.minimum.reduce([left[place] for place in places])
        paid[i] = np.where(least >= 1.0, np.minimum(price[i], least), 0.0)
        for place in places:
            ended = (left[place] >= 1.0) & (left[place] - paid[i] < 1.0)
            left[place] -= paid[i]
            lasted[place] = np.where(ended, moment[i], lasted[place])
    np.add.at(state.store, (store, StoreState.SPENT), paid)
    np.add.at(state.store, (store, StoreState.SPENT_TODAY), paid)
    np.add.at(state.channel, (store, channel, ChannelState.SPENT), paid)
    np.add.at(state.listing, (store, listing, ListingState.SPENT), paid)
    return paid, lasted


def _count_impressions(rng: Generator, rates: Rates, lasted: Floats, state: StateArrays) -> None:
    """What buyers saw and did not click; and the share of suitable requests that saw our ads, by channel."""
    share = np.minimum(lasted[:, :1, None], lasted[:, 1 : 1 + N_CHANNELS, None])
    share = np.minimum(share, lasted[:, None, 1 + N_CHANNELS :])  # (B, C, K)
    unclicked = rates.requests * (1.0 - rates.click)
    shown = rates.exposure * share[:, :, None, :]
    ads = rng.poisson((unclicked * shown).sum(axis=2))
    organic = rng.poisson((unclicked * rates.organic * (1.0 - shown)).sum(axis=2))
    for c in range(N_CHANNELS):
        clicked_ads = state.hour[:, :, Report.AD_CLICKS_SEARCH + c]
        clicked_organic = state.hour[:, :, Report.ORGANIC_CLICKS_SEARCH + c]
        state.hour[:, :, Report.AD_IMPRESSIONS_SEARCH + c] = ads[:, c] + clicked_ads
        state.hour[:, :, Report.ORGANIC_IMPRESSIONS_SEARCH + c] = organic[:, c] + clicked_organic
    requests = rates.requests.sum(axis=(2, 3))
    won = (rates.requests * shown).sum(axis=(2, 3))
    state.channel[:, :, ChannelState.WIN_SHARE] = np.where(requests > 0.0, won / np.maximum(requests, 1e-300), 0.0)


def _remember(arrays: StoreArrays, state: StateArrays) -> None:
    """The platform's memory of the hour, and the rivals' answer."""
    shop, report = arrays.store, state.hour
    orders = report[:, :, Report.ORDERS_SAME_HOUR : Report.ORDERS_SLOW + 1].sum(axis=2)
    clicks = report[:, :, Report.AD_CLICKS_SEARCH : Report.ORGANIC_CLICKS_FEED + 1].sum(axis=2)
    memory, decay = state.listing[:, :, ListingState.MEMORY], shop[:, StoreField.RANK_DECAY, None]
    memory[:] = decay * memory + (1.0 - decay) * (orders + shop[:, StoreField.RANK_CLICK_WEIGHT, None] * clicks)
    surprise = state.channel[:, :, ChannelState.WIN_SHARE] - shop[:, StoreField.REACTION_REFERENCE, None]
    reaction = state.channel[:, :, ChannelState.REACTION]
    goal = shop[:, StoreField.REACTION_STRENGTH, None] * surprise
    reaction += shop[:, StoreField.REACTION_RATE, None] * (goal - reaction)
