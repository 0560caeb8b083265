"""Studies of learned policies: what learning gains or could gain, where it carries over, which part earns it."""
