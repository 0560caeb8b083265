"""Learning from what was recorded: the form of the data, cloning, offline reinforcement learning, off-policy values."""
