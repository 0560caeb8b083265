"""`merchantgym/ManagedStore-v0`: one store, one plan, one decision an hour."""

from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from .engines.event_trace import EventTrace
from .event_fleet import check_engine, open_fleet
from .plan import Plan, check_plan, pack_plans
from .population import Split
from .reward import PROFIT_TERMS, RewardWeights, Term
from .scenario import Scenario
from .stage import WritePlan, action_space, build_stage, observation_space
from .trace import Recorder

_SEEDS = 2**31 - 1
_TERMS = tuple(term.name.lower() for term in Term)
_PROFIT = tuple(int(term) for term in PROFIT_TERMS)


class ManagedStoreEnv(gym.Env[NDArray[np.float32], NDArray[np.float64]]):
    """Execute a plan for one store, hour by hour.

    Action: corrections of the plan, see `action`; zeros are the plan as written. Observation: the back office, see
    `observation`. Reward: profit of the hour over 10 CNY unless other weights are given; `info` has the named terms in
    CNY. An episode is one plan; it terminates with its last hour, in which the books are closed, see
    `engines.orders.close_run`.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012
        "render_modes": ["rgb_array"],
        "render_fps": 4,
    }

    def __init__(
        self,
        scenario: str | Scenario = "headline",
        *,
        split: Split = "train",
        stores: int = 64,
        population_seed: int = 0,
        planner: WritePlan | None = None,
        reward: RewardWeights | None = None,
        engine: str = "hour",
        event_trace: EventTrace | None = None,
        render_mode: str | None = None,
    ) -> None:
        """Open the stores.

        Args:
            scenario: name of a file in `conf/scenario`, or a scenario of your own.
            split: train, validation or test.
            stores: how many stores of the split are played; `reset` picks one of them.
            population_seed: seed of the population.
            planner: writes each store's plan from its back office; the platform's default plan otherwise.
            reward: weights of the reward's terms.
            engine: "hour", compiled, or "event", the same law in SimPy, visit by visit.
            event_trace: takes down every event of the present episode; with engine="event".
            render_mode: "rgb_array" or None.
        Raises: ValueError: names the argument, its value and what is allowed.
        """
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise ValueError(f"render_mode(={render_mode!r}) must be one of: {self.metadata['render_modes']} or None")
        check_engine(engine, event_trace)
        self.render_mode = render_mode
        self._event_trace = event_trace
        self._stage = build_stage(scenario, split, stores, population_seed, planner, engine, threads=1)
        self._fleet = open_fleet(engine, self._stage.opened.start, 1, reward=reward, trace=event_trace)
        self._recorder = Recorder(self._fleet) if render_mode else None
        self._store = -1
        self.observation_space = observation_space(self._fleet.listings)
        self.action_space = action_space(self._fleet.listings)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Start a plan.

        Options: `store`: number of the store, drawn otherwise. `plan`: a `Plan` for it. `run_seed`: seed of what
        happens, drawn otherwise.
        Raises: ValueError: an unknown option or store; PlanError: a plan that cannot be carried out.
        """
        super().reset(seed=seed)
        chosen = dict(options or {})
        count = len(self._stage.opened)
        drawn = int(self.np_random.integers(count)), int(self.np_random.integers(_SEEDS))
        store = _whole("store", chosen.pop("store", drawn[0]), count)
        run_seed = _whole("run_seed", chosen.pop("run_seed", drawn[1]), 2**32)
        plan = chosen.pop("plan", None)
        if chosen:
            raise ValueError(f"options has no entry {next(iter(chosen))!r}; allowed: store, plan, run_seed")
        if plan is not None and not isinstance(plan, Plan):
            raise ValueError(f"options.plan(={plan!r}) must be a Plan; parse_plan makes one from a mapping or JSON")
        rows = np.array([store])
        plans = self._stage.plan_rows(rows)
        office = self._stage.opened.offices[store]
        if plan is not None:
            check_plan(plan, office)
            plans = pack_plans([plan], [office.listing_id])
        self._store = store
        if self._event_trace is not None:
            self._event_trace.clear()
        observation = self._fleet.reset(plans, rows, np.array([run_seed]))
        if self._recorder is not None:
            self._recorder.clear()
        return observation[0].copy(), {"store": office.store, "run_seed": run_seed}

    def step(self, action: NDArray[np.float64]) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """One hour. Raises: ValueError: an action of a wrong shape or with a number that is not finite."""
        fleet = self._fleet
        if self._store < 0 or fleet.done[0]:
            raise gym.error.ResetNeeded("step() was called before reset(), or after the plan's last hour")
        observation = fleet.step(np.asarray(action, dtype=np.float64)[None])
        if self._recorder is not None:
            self._recorder.record()
        terms = fleet.terms[0].tolist()
        info: dict[str, Any] = dict(zip(_TERMS, terms, strict=True))
        info["profit"] = sum([terms[i] for i in _PROFIT])
        return observation[0].copy(), float(fleet.reward[0]), bool(fleet.done[0]), False, info

    def render(self) -> NDArray[np.uint8] | None:
        """A picture of the run so far, shape (height, width, 3); None without a render mode."""
        if self._recorder is None:
            return None
        from .render import draw_run  # matplotlib is slow to import, and most runs draw nothing

        office = self._stage.opened.offices[max(self._store, 0)]
        return draw_run(self._recorder.trace() if self._recorder.rows else None, 0, title=office.store)


def _whole(name: str, value: Any, end: int) -> int:
    """An option that must be a whole number in [0, end). Raises: ValueError: names it."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not 0 <= value < end:
        raise ValueError(f"options.{name}(={value!r}) must be a whole number in [0, {end})")
    return int(value)
