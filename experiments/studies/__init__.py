"""Studies of learned policies: what learning gains, where it carries over, and which part of a learner earns it."""
