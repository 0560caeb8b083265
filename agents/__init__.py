"""Actors that learn, and planners that write plans."""
