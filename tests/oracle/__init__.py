"""A second implementation of the market's law, see `hour`."""

from .hour import oracle_hour
from .rates import Rates, hour_rates

__all__ = ["Rates", "hour_rates", "oracle_hour"]
