"""The marketplace and its Gymnasium faces. Importing it registers `merchantgym/ManagedStore-v0`."""

import gymnasium as gym

if "merchantgym/ManagedStore-v0" not in gym.registry:
    gym.register(
        id="merchantgym/ManagedStore-v0",
        entry_point="merchantgym.envs.store_env:ManagedStoreEnv",
        vector_entry_point="merchantgym.envs.vector_env:ManagedStoreVectorEnv",
        order_enforce=False,  # the environment says so itself
    )
