"""Managed stores as a Stable-Baselines3 VecEnv: one fleet whose slots play store after store."""

from collections.abc import Iterable, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvStepReturn

from merchantgym.envs.engines.streams import keyed_generator
from merchantgym.envs.fleet import Fleet
from merchantgym.envs.observation import bounds
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import PlanArrays
from merchantgym.envs.reward import PROFIT_TERMS, RewardWeights, Term
from merchantgym.envs.rollout import subset
from merchantgym.envs.store import HOURS_PER_DAY
from merchantgym.envs.task import action_size

from .curriculum import Curriculum

_ORDER = 0x0DE2  # what a keyed generator is asked for: the order in which stores are played
_CHANCE = 0xC4A9  # or the chance of an episode
_STAGE = 0x57A6  # or which store a curriculum plays
_PROFIT = [int(term) for term in PROFIT_TERMS]

Snapshot = dict[str, NDArray[Any]]


class FleetVecEnv(VecEnv):
    """`slots` stores side by side; a slot whose plan is over starts its next store at once.

    What a slot plays is a function of (seed, number of its episode, slot) and of nothing else: every round through the
    stores has an order of its own, and every episode its own chance. Consecutive slots in groups of `twins` always
    play the same store with the same chance at the same hour, so that what differs between them is what was decided.

    With `stagger`, the first plans are at different hours when `reset` returns, so that ends do not come all at once:
    they have been executed as written so far, in steps of `stagger` hours. 0 starts all plans at their first hour.

    The `info` of a plan's last hour holds `terminal_observation`, `store` (its number in the set) and `episode`: r (sum
    of rewards seen here), l (hours seen here), and of the whole plan profit and shortfall of attributed GMV to its ROI
    floor [CNY]. Other `info`s are empty.
    """

    render_mode: str | None = None

    def __init__(
        self,
        stores: OpenStores,
        plans: PlanArrays,
        slots: int,
        *,
        seed: int,
        reward: RewardWeights | None = None,
        threads: int = 1,
        twins: int = 1,
        stagger: int = 1,
        curriculum: Curriculum | None = None,
        plays: int = 1,
    ) -> None:
        """Prepare the slots; `reset` starts them.

        Args:
            stores: what is played.
            plans: one a store, in the order of `stores`.
            slots: stores at once, a multiple of `twins`.
            seed: root of all chance here.
            reward: weights of the reward's terms, profit by default.
            threads: at most so many share the slots, which changes no result.
            twins: slots in a row that share store, chance and clock.
            stagger: [hours] grid of the hours at which the first plans stand, 0: all at their start.
            curriculum: draws stores by the share of the plays that are over; None: each once before any comes again.
            plays: of stores in the whole training, twins counted once; only a curriculum asks.
        Raises: ValueError: names the argument that is not allowed.
        """
        if plans.bid.shape[0] != len(stores):
            raise ValueError(f"plans(={plans.bid.shape[0]}) must be as many as stores(={len(stores)})")
        if twins < 1 or slots < 1 or slots % twins:
            raise ValueError(f"slots(={slots}) must be >= 1 and a multiple of twins(={twins})")
        if stagger < 0:
            raise ValueError(f"stagger(={stagger}) must be >= 0 [hours]")
        self.fleet = Fleet(stores.start, slots, reward=reward, threads=threads)
        self.twins = twins
        if curriculum is not None and sum(curriculum.sizes) != len(stores):
            raise ValueError(f"curriculum.sizes(={curriculum.sizes}) must sum to the number of stores(={len(stores)})")
        self._count = len(stores)
        self._curriculum = curriculum
        self._plays = plays
        self._plans = plans
        self._stagger = stagger
        self._seed = seed
        self._orders: dict[int, NDArray[np.int64]] = {}
        self._begun = np.zeros(slots, dtype=np.int64)  # episodes begun
        self._store = np.zeros(slots, dtype=np.int64)
        self._chance = np.zeros(slots, dtype=np.int64)
        self._earned = np.zeros(slots)
        self._hours = np.zeros(slots, dtype=np.int64)
        self._actions: NDArray[Any] = np.zeros((slots, action_size(self.fleet.listings)))
        low, high = bounds(self.fleet.listings)
        super().__init__(
            slots,
            spaces.Box(low, high, dtype=np.float32),
            spaces.Box(-1.0, 1.0, (action_size(self.fleet.listings),), dtype=np.float32),
        )

    @property
    def plans(self) -> PlanArrays:
        """The plan in force in each slot."""
        return subset(self._plans, self._store)

    def plans_of(self, slots: NDArray[np.intp]) -> PlanArrays:
        """The plans in force in some slots."""
        return subset(self._plans, self._store[slots])

    def reset(self) -> NDArray[np.float32]:
        """Start the next episode in every slot. Returns observations (slots, O)."""
        self._begin(np.arange(self.num_envs))
        if self._stagger:
            self._spread()
        return self.fleet.observation.copy()

    def step_async(self, actions: NDArray[Any]) -> None:
        """Take the actions (slots, A) of the coming hour."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Run the hour. Raises: ValueError: actions of a wrong shape or with a number that is not finite."""
        self.run_hour(self._actions)
        rewards = self.fleet.reward.astype(np.float32)
        dones, infos = self.turn_over()
        return self.fleet.observation.copy(), rewards, dones, infos

    def run_hour(self, actions: NDArray[Any]) -> None:
        """The first half of a step: the hour itself. What it brought stands in the fleet's buffers."""
        self.fleet.step(actions)
        self._earned += self.fleet.reward
        self._hours += 1

    def turn_over(self) -> tuple[NDArray[np.bool_], list[dict[str, Any]]]:
        """The second half: take leave of plans that are over and start the next. Returns dones and infos."""
        dones = self.fleet.done.copy()
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        ended = np.flatnonzero(dones)
        for slot in ended:
            infos[slot] = self._farewell(int(slot))
        if ended.size:
            self._begin(ended)
        return dones, infos

    def _farewell(self, slot: int) -> dict[str, Any]:
        """`info` of a plan's last hour."""
        profit = float(self.fleet.score[slot, _PROFIT].sum())
        shortfall = max(-float(self.fleet.score[slot, Term.ROI_SHORTFALL]), 0.0)
        return {
            "terminal_observation": self.fleet.observation[slot].copy(),
            "TimeLimit.truncated": False,
            "store": int(self._store[slot]),
            "episode": {
                "r": float(self._earned[slot]),
                "l": int(self._hours[slot]),
                "profit": profit,
                "shortfall": shortfall,
            },
        }

    def _begin(self, slots: NDArray[np.intp]) -> None:
        """Next store in these slots."""
        for slot in slots:
            episode, group = int(self._begun[slot]), int(slot) // self.twins
            self._store[slot] = self._store_of(episode, group)
            self._chance[slot] = keyed_generator(self._seed, _CHANCE, episode, group).integers(2**32)
        self._begun[slots] += 1
        self._earned[slots] = 0.0
        self._hours[slots] = 0
        stores = self._store[slots]
        self.fleet.reset(subset(self._plans, stores), stores, self._chance[slots], rows=slots)

    def _store_of(self, episode: int, group: int) -> int:
        """Number of the store that a group plays in its episode: each once before any comes again, or as drawn."""
        play = episode * (self.num_envs // self.twins) + group
        if self._curriculum is not None:
            return self._curriculum.draw(play / self._plays, keyed_generator(self._seed, _STAGE, play))
        turn, place = divmod(play, self._count)
        if turn not in self._orders:
            self._orders = {kept: order for kept, order in self._orders.items() if kept >= turn - 2}
            self._orders[turn] = keyed_generator(self._seed, _ORDER, turn).permutation(self._count)
        return int(self._orders[turn][place])

    def _spread(self) -> None:
        """Run the plans as written, each to an hour of its own."""
        groups = self.num_envs // self.twins
        hours = self.plans.days * HOURS_PER_DAY
        share = np.arange(self.num_envs) // self.twins / groups
        wanted = (share * hours).astype(np.int64) // self._stagger * self._stagger
        idle = np.zeros_like(self.fleet.task.action)
        for left in range(int(wanted.max()), 0, -1):
            fresh = np.flatnonzero(wanted == left)
            if fresh.size:
                self._restart(fresh)
            self.fleet.step(idle)
        fresh = np.flatnonzero(wanted == 0)
        if fresh.size:
            self._restart(fresh)

    def _restart(self, slots: NDArray[np.intp]) -> None:
        """The same store and chance again, from the plan's first hour."""
        stores = self._store[slots]
        self.fleet.reset(subset(self._plans, stores), stores, self._chance[slots], rows=slots)

    def snapshot(self) -> Snapshot:
        """All that is needed to go on from here, as arrays; see `restore`."""
        fleet = self.fleet
        own = ("begun", "store", "chance", "earned", "hours")
        state = {f"own.{name}": getattr(self, f"_{name}").copy() for name in own}
        state |= {f"state.{name}": value.copy() for name, value in vars(fleet.state).items()}
        state |= {f"task.{name}": value.copy() for name, value in vars(fleet.task).items()}
        return state | {"score": fleet.score.copy(), "observation": fleet.observation.copy()}

    def restore(self, snapshot: Snapshot) -> None:
        """Go on from a snapshot of an environment made with the same arguments: what follows is the same."""
        for name in ("begun", "store", "chance", "earned", "hours"):
            getattr(self, f"_{name}")[:] = snapshot[f"own.{name}"]
        self._restart(np.arange(self.num_envs))
        for part in ("state", "task"):
            for name, value in vars(getattr(self.fleet, part)).items():
                value[:] = snapshot[f"{part}.{name}"]
        self.fleet.score[:] = snapshot["score"]
        self.fleet.observation[:] = snapshot["observation"]

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """A new root of chance from the next `reset` on; None keeps the one there is."""
        if seed is not None:
            self._seed = seed
            self._orders.clear()
            self._begun[:] = 0
        return [self._seed] * self.num_envs

    def close(self) -> None:
        """Nothing is held open."""

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """The environment's attribute, once for each slot asked: slots have no attributes of their own."""
        value = getattr(self, attr_name)
        return [value for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Set an attribute for all slots.

        Raises: ValueError: only some slots were named.
        """
        if len(set(self._get_indices(indices))) != self.num_envs:
            raise ValueError(f"indices(={indices!r}) must name all {self.num_envs} slots: they share their attributes")
        setattr(self, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method of this environment once; its result stands for each slot asked."""
        result = getattr(self, method_name)(*method_args, **method_kwargs)
        return [result for _ in self._get_indices(indices)]

    def env_is_wrapped(
        self, wrapper_class: type[gymnasium.Wrapper[Any, Any, Any, Any]], indices: VecEnvIndices = None
    ) -> list[bool]:
        """False: slots are no gymnasium environments."""
        return [False for _ in self._get_indices(indices)]

    def _get_indices(self, indices: VecEnvIndices) -> Iterable[int]:
        return super()._get_indices(indices)
