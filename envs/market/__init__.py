"""Mechanisms of the market: pure formulas that return rates, probabilities and prices, and draw nothing."""
