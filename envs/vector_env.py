"""Many managed stores as one Gymnasium vector environment; with the hour engine a step is one compiled call."""

from typing import Any

import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from .event_fleet import open_fleet
from .population import Split
from .reward import PROFIT_TERMS, RewardWeights, Term
from .scenario import Scenario
from .stage import WritePlan, action_space, build_stage, observation_space

_SEEDS = 2**31 - 1
_TERMS = tuple((term.name.lower(), int(term)) for term in Term)
_PROFIT = [int(term) for term in PROFIT_TERMS]


class ManagedStoreVectorEnv(VectorEnv[NDArray[np.float32], NDArray[np.float64], NDArray[Any]]):
    """`num_envs` stores side by side, each as in `store_env.ManagedStoreEnv`.

    Slots are independent. With Gymnasium's next-step autoreset, the step after a plan's end ignores the action, starts
    the slot's next store and returns reward 0.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012
        "render_modes": [],
        "autoreset_mode": AutoresetMode.NEXT_STEP,
    }

    def __init__(
        self,
        num_envs: int = 1,
        scenario: str | Scenario = "headline",
        *,
        split: Split = "train",
        stores: int = 64,
        population_seed: int = 0,
        planner: WritePlan | None = None,
        reward: RewardWeights | None = None,
        engine: str = "hour",
        threads: int = 1,
        render_mode: str | None = None,
    ) -> None:
        """See `ManagedStoreEnv`; `threads`: at most so many share the stores, which changes no result."""
        if render_mode is not None:
            raise ValueError(f"render_mode(={render_mode!r}) must be None: render single stores instead")
        self._stage = build_stage(scenario, split, stores, population_seed, planner, engine, threads)
        self._fleet = open_fleet(engine, self._stage.opened.start, num_envs, reward=reward, threads=threads)
        self._over = np.zeros(num_envs, dtype=np.bool_)
        self._ready = False
        self.num_envs = num_envs
        self.render_mode = render_mode
        self.single_observation_space = observation_space(self._fleet.listings)
        self.single_action_space = action_space(self._fleet.listings)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._generators = [np.random.default_rng() for _ in range(num_envs)]

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Start plans in all slots, or in those of `options["reset_mask"]`.

        Slot i draws its stores and chance from its own generator, seeded with seed + i, so that it plays what a single
        environment with that seed plays.
        """
        chosen = dict(options or {})
        mask = np.asarray(chosen.pop("reset_mask", np.ones(self.num_envs)), dtype=np.bool_)
        if chosen:
            raise ValueError(f"options has no entry {next(iter(chosen))!r}; allowed: reset_mask")
        if mask.shape != (self.num_envs,):
            raise ValueError(f"options.reset_mask(shape={mask.shape}) must have shape ({self.num_envs},)")
        seeds: list[int | None] = (
            list(seed) if isinstance(seed, list) else [None if seed is None else seed + i for i in range(self.num_envs)]
        )
        if len(seeds) != self.num_envs:
            raise ValueError(f"seed has {len(seeds)} entries, needs {self.num_envs}")
        for i in np.flatnonzero(mask):
            if seeds[i] is not None:
                self._generators[i] = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seeds[i])))
        info = self._start(np.flatnonzero(mask))
        self._over[mask] = False
        self._ready = True
        return self._fleet.observation.copy(), info

    def _start(self, slots: NDArray[np.intp]) -> dict[str, Any]:
        """Next store in these slots. Returns which, in the form of a vector environment's `info`."""
        count = len(self._stage.opened)
        draws = [(int(self._generators[i].integers(count)), int(self._generators[i].integers(_SEEDS))) for i in slots]
        stores, seeds = np.array(draws, dtype=np.int64).reshape(-1, 2).T
        self._fleet.reset(self._stage.plan_rows(stores), stores, seeds, rows=slots)
        names = np.full(self.num_envs, "", dtype=object)
        names[slots] = [self._stage.opened.stores[store].name for store in stores]
        run_seeds = np.zeros(self.num_envs, dtype=np.int64)
        run_seeds[slots] = seeds
        begun = np.zeros(self.num_envs, dtype=np.bool_)
        begun[slots] = True
        return {"store": names, "_store": begun, "run_seed": run_seeds, "_run_seed": begun}

    def step(
        self, actions: NDArray[np.float64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """One hour in every slot. Raises: ValueError: actions of a wrong shape or with a number that is not finite."""
        if not self._ready:
            raise ResetNeeded("step() was called before reset()")
        fleet = self._fleet
        restarted = np.flatnonzero(self._over)
        if restarted.size:
            actions = np.array(actions, dtype=np.float64)
            actions[restarted] = 0.0  # of slots that start afresh the action is ignored
        fleet.step(actions)
        info: dict[str, Any] = self._start(restarted) if restarted.size else {}
        self._over = fleet.done.copy()
        played = np.ones(self.num_envs, dtype=np.bool_)
        played[restarted] = False
        terms = fleet.terms.copy()
        for name, i in (*_TERMS, ("profit", -1)):
            info[name] = terms[:, _PROFIT].sum(axis=1) if i < 0 else terms[:, i]
            info[f"_{name}"] = played
        nothing = np.zeros(self.num_envs, dtype=np.bool_)
        return fleet.observation.copy(), fleet.reward.copy(), self._over.copy(), nothing, info
