"""The only place that draws random numbers."""
