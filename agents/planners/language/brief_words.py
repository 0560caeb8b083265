"""The words of a brief, in English and in Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """All that a brief says besides figures and the merchant's own words; braces are filled in."""

    colon: str  # between the name of a line and what it says
    comma: str
    title: str
    about_shop: str
    about_calendar: str
    about_listings: str
    about_rules: str
    shop: Mapping[str, str]  # name of a line -> what it is called
    stages: Mapping[str, str]
    drivers: Mapping[str, str]
    joint: str  # between several drivers
    hosting: Mapping[str, str]  # by who sets the price
    renewing: str
    one_purse: str
    none: str
    start: str
    weekdays: tuple[str, ...]
    promotion_days: str
    columns: str  # below the table
    rules: tuple[str, ...]
    promotions: str
    prices_stay: str
    floor: str


_ENGLISH = Words(
    colon=": ",
    comma=", ",
    title="Shop {store}",
    about_shop="The shop",
    about_calendar="Calendar",
    about_listings="Listings, with the report of the last {days} days",
    about_rules="Rules",
    shop={
        "stage": "stage",
        "driver": "strength",
        "hosting": "contract",
        "budget": "marketing budget",
        "roi_floor": "least return on ad spend (attributed sales / ad spend)",
        "impressions": "impressions in the report",
        "clicks": "clicks in the report",
        "orders": "orders in the report",
        "gmv": "sales in the report [CNY]",
        "ad_spend": "ad spend in the report [CNY]",
    },
    stages={
        "new": "new: few sales, few reviews, a small wallet",
        "advanced": "advanced: most listings have sold",
        "mature": "mature: many reviews, steady sales",
    },
    drivers={
        "supply_chain": "supply chain: ample stock, high margins, fast deliveries, plain pages",
        "operation": "operation: good titles and pictures, short stock",
        "brand": "brand: satisfied buyers, short stock, slow deliveries",
    },
    joint="; ",
    hosting={
        "delegated": "{name}: whoever executes the plan may move prices",
        "merchant": "{name}: the merchant sets the prices and keeps them",
        "platform": "{name}: the platform buys at a supply price and sells on its own account",
    },
    renewing="granted anew in equal parts each day, what is left over is lost",
    one_purse="one purse for the whole plan",
    none="none",
    start="the plan starts on {day} at {hour:02d}:00 and may run {days} days",
    weekdays=("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    promotion_days="platform promotion days of the plan",
    columns=(
        "cost, price, market_price in CNY per unit; suggested_bid in CNY per click; minimum_order, stock, units in "
        "units; gmv, ad_spend in CNY; ? = unknown. Quote a figure as L03.stock or shop.budget."
    ),
    rules=(
        "About half of all orders come one to ten days after their click, so the report's orders are too few by that.",
        "An order beyond stock is refused and the listing leaves the shop until goods are there.",
        "Sales lift a listing's place in the free results; new listings have a lift that fades.",
        "A price under cost is not allowed.",
        "Each click costs at most the bid, and spend never exceeds the budget.",
    ),
    promotions="At most {most} promotions, of at most 50 % off, for all advertised listings at once.",
    prices_stay="Prices stay as they are, and there are no promotions.",
    floor="Attributed sales must be at least {floor} times the ad spend at the plan's end.",
)

_CHINESE = Words(
    colon="：",
    comma="，",
    title="店铺 {store}",
    about_shop="店铺概况",
    about_calendar="日程",
    about_listings="商品及近 {days} 天数据",
    about_rules="规则",
    shop={
        "stage": "阶段",
        "driver": "优势",
        "hosting": "合作方式",
        "budget": "营销预算",
        "roi_floor": "最低投产比（归因成交额 / 广告花费）",
        "impressions": "曝光量",
        "clicks": "点击量",
        "orders": "订单数",
        "gmv": "成交额 [元]",
        "ad_spend": "广告花费 [元]",
    },
    stages={
        "new": "新商：成交少、评价少、资金有限",
        "advanced": "成长商：多数商品已有成交",
        "mature": "成熟商：评价多、成交稳定",
    },
    drivers={
        "supply_chain": "供应链型：库存充足、毛利高、补货快，页面普通",
        "operation": "运营型：标题和图片好，库存偏紧",
        "brand": "品牌型：买家满意度高，库存偏紧，补货慢",
    },
    joint="；",
    hosting={
        "delegated": "{name}：执行方可以调价",
        "merchant": "{name}：商家自行定价，价格不变",
        "platform": "{name}：平台按供货价买断并自营销售",
    },
    renewing="按天平均发放，当天未用完作废",
    one_purse="整个计划共用一笔",
    none="无",
    start="计划从{day} {hour:02d}:00 开始，最多 {days} 天",
    weekdays=("星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日"),
    promotion_days="计划内的平台大促日（第几天）",
    columns=(
        "cost 成本、price 售价、market_price 市场价：元/件；margin 毛利率；minimum_order 起批量、stock 库存、"
        "units 件数：件；rating 评分，reviews 评价数，age_days 上架天数，image_score 图片分，title_score 标题分；"
        "suggested_bid 建议出价：元/点击，quality_score 质量分；impressions 曝光，clicks 点击，ad_clicks 广告点击，"
        "orders 订单；gmv 成交额、ad_spend 广告花费：元；"
        "? 表示未知。引用数据请写 L03.stock 或 shop.budget。"
    ),
    rules=(
        "约一半订单在点击后一到十天才产生，因此报表中的订单偏少。",
        "超出库存的订单会被拒绝，商品下架至补货。",
        "成交会提升自然排名；新品有逐渐减弱的扶持。",
        "不得低于成本定价。",
        "每次点击最多按出价扣费，花费不会超过预算。",
    ),
    promotions="最多 {most} 次促销，折扣不超过 50%，对全部推广商品同时生效。",
    prices_stay="价格保持不变，不做促销。",
    floor="计划结束时归因成交额不得低于广告花费的 {floor} 倍。",
)

WORDS: Mapping[str, Words] = {"en": _ENGLISH, "zh": _CHINESE}
