"""Solvers "ctc", "ps", "rows", "random-rows" and "oracle-rows": smaller models first, the original at the end."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import math
import threading
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from cosolve.core.instance import Instance, Solution
from cosolve.core.monitor import Monitor, PatientMonitor, StageMonitor
from cosolve.core.result import Status
from cosolve.core.solver import Availability, Feature, Outcome, Solver, join_messages, solvers
from cosolve.core.stop import Stop
from cosolve.instances.files import read_solution
from cosolve.instances.generators.auction import auction
from cosolve.instances.generators.milp import steiner_triple_cover
from cosolve.models.ctc.rows import row_types
from cosolve.solvers.compiled import WARM_UP_TIME
from cosolve.solvers.formulations import Formulation, formulate
from cosolve.solvers.local_search.milp import improve
from cosolve.solvers.mip import FormulationSolver, prepare, start_values
from cosolve.solvers.neural import check_network
from cosolve.solvers.packages import availability
from cosolve.solvers.reduction.ladder import Backend, Ladder, climb_down
from cosolve.solvers.reduction.prediction import Limits, Prediction, by_chance, by_oracle, select

_BACKENDS = ("scip", "highs")

#: Share of the rows and exceptions where no checkpoint says.
_ROWS, _ROW_BUDGET = 0.05, 0

#: Parts of the time for a local search for first solutions, for the relaxation and quick solutions, and for all of the
#: prediction, at most.
_FIRST, _RELAXATION, _PREDICTION = 0.002, 0.2, 0.5

#: Nonzeros of the largest model that a network is asked about, as it takes some 2 kB for each, or a first solution is
#: sought for.
_MOST_ENTRIES = 2_000_000


def _check_share(name: str, value: float | None) -> None:
    if value is not None and not 0 <= value <= 1:
        raise ValueError(f"{name} must be in [0, 1], got {value}.")


def _check_budget(name: str, value: float | None) -> None:
    if value is not None and not value >= 0:
        raise ValueError(f"{name} must be >= 0, got {value}.")


@dataclass(frozen=True)
class ReductionOptions:
    """
    Options of all solvers by reduction.

    Parameters
    ----------
    backend
        "scip" or "highs", which solves the reduced models and the original.
    rows, row_budget
        Share of the rows made equalities, at most, and how many of them may be excepted; ``None`` for the checkpoint's
        own, or 5 % and none.
    rungs
        Reduced models with a solution before the original, at most; each imposes less than the one before.
    share
        Part of the time left that each of them may take, in (0, 1).
    portfolio
        With two threads, whether the original is solved beside the reduced models from the start instead of after them.
    first_solutions
        Whether a local search begins, and what else is found on the way to a prediction counts; without them "ps" is
        predict-and-search as published.
    """

    backend: str = "scip"
    rows: float | None = None
    row_budget: int | None = None
    rungs: int = 4
    share: float = 0.5
    portfolio: bool = False
    first_solutions: bool = True

    def __post_init__(self) -> None:
        if self.backend not in _BACKENDS:
            raise ValueError(f"backend must be one of {', '.join(_BACKENDS)}, got {self.backend!r}.")
        _check_share("rows", self.rows)
        _check_budget("row_budget", self.row_budget)
        if self.rungs < 0:
            raise ValueError(f"rungs must be >= 0, got {self.rungs}.")
        if not 0 < self.share < 1:
            raise ValueError(f"share must be in (0, 1), got {self.share}.")


@dataclass(frozen=True)
class LearnedOptions(ReductionOptions):
    """
    Options of "ctc", "ps" and "rows": those of all, and

    Parameters
    ----------
    columns, column_budget
        Share of the binaries held at their predicted values, at most, and how many may differ; ``None`` for the
        checkpoint's own.
    row_doubts, column_doubts
        Expected number of errors, by the network's probabilities, among the rows and among the columns, beyond their
        budgets; ``None`` for the checkpoint's own.
    checkpoint
        Folder of a checkpoint or name of a bundled one; empty for the bundled one that covers the instance best.
    device
        "cpu", "cuda" or "cuda:N".
    """

    columns: float | None = None
    column_budget: int | None = None
    row_doubts: float | None = None
    column_doubts: float | None = None
    checkpoint: str = ""
    device: str = "cpu"

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_share("columns", self.columns)
        _check_budget("column_budget", self.column_budget)
        _check_budget("row_doubts", self.row_doubts)
        _check_budget("column_doubts", self.column_doubts)


@dataclass(frozen=True)
class ReferenceOptions(ReductionOptions):
    """
    Options of "random-rows" and "oracle-rows": those of all, and

    Parameters
    ----------
    reference
        Solution file that says which rows are tight; without it the solver first solves the original for a share of
        the time ("oracle-rows"), or takes any rows ("random-rows").
    """

    reference: str = ""


class ReductionSolver(Solver):
    """
    Base: predict, solve reduced models, finish on the original from the best solution.

    A reduced model passes up verified solutions only. Bounds, OPTIMAL and INFEASIBLE are those of the original model,
    which gets all the time that is left.
    """

    problems = frozenset({"milp", "mis", "mds", "cflp", "cpmp", "stp"})
    features = Feature.EXACT | Feature.BOUND | Feature.TRAJECTORY | Feature.WARM_START | Feature.SEED | Feature.THREADS
    options_type: ClassVar[type[Any]] = ReductionOptions

    def available(self) -> Availability:
        """Whether both backends are installed."""
        for package in ("highspy", "pyscipopt"):
            found = availability(package)
            if not found.ok:
                return found
        return found

    def warm_up(self, instance: Instance) -> None:
        """Compile what formulations, the typing of rows and first solutions need."""
        solvers.get("scip")().warm_up(instance)
        _warm_up_kernels()

    @abstractmethod
    def predict(
        self, formulation: Formulation, monitor: Monitor, backend: Backend, seed: int, options: Any
    ) -> tuple[Prediction, Limits, Outcome]:
        """
        What is believed, how much of it to impose, and an outcome that holds stats and a message about it.

        Its status is FEASIBLE, or what is proven of the original: then nothing else is solved.
        """

    def solve(
        self,
        instance: Any,
        monitor: Monitor,
        *,
        seed: int,
        threads: int,
        initial: Solution | None,
        options: Any,
    ) -> Outcome:
        """See :meth:`Solver.solve`."""
        prepared = prepare(instance, monitor)
        if isinstance(prepared, Outcome):
            return prepared
        formulation, monitor, build_time = prepared
        adapter = solvers.get(options.backend)()
        assert isinstance(adapter, FormulationSolver)
        own = adapter.options_type()
        is_portfolio = options.portfolio and threads > 1

        def backend(model: Formulation, stage: Monitor, start: np.ndarray | None) -> Outcome:
            many = threads if Feature.THREADS in adapter.features and not is_portfolio else 1
            outcome = adapter.solve_provably(model, stage, seed=seed, threads=many, start=start, options=own)
            stage.close()
            return outcome

        def reduced(stage: Monitor) -> tuple[Ladder, Outcome]:
            if options.first_solutions:
                _report_first(formulation, stage, seed)
            began = stage.elapsed()
            prediction, limits, about = self.predict(formulation, stage, backend, seed, options)
            stats = {**about.stats, "prediction_time": round(stage.elapsed() - began, 3)}
            reduction = select(formulation, prediction, limits)
            ladder = climb_down(formulation, reduction, stage, backend, share=options.share, most=options.rungs)
            return ladder, replace(about, stats=stats)

        if is_portfolio:
            ladder, about, outcome = _side_by_side(formulation, monitor, initial, backend, reduced)
        else:
            ladder, about = reduced(monitor)
            best = monitor.best
            start = start_values(formulation, None if best is None else best.solution)
            is_over = monitor.should_stop() or about.status is not Status.FEASIBLE
            outcome = Outcome() if is_over else backend(formulation, StageMonitor(monitor), start)
        if about.status is not Status.FEASIBLE:
            outcome = replace(outcome, status=about.status)
        stats = {
            **about.stats,
            "rungs": ladder.rungs,
            "fallbacks": ladder.fallbacks,
            "original": dict(outcome.stats),
        }
        message = join_messages(about.message, _about_threads(options, threads), outcome.message)
        return replace(outcome, build_time=build_time + outcome.build_time, stats=stats, message=message)


def _handing_over(formulation: Formulation, monitor: Monitor) -> Callable[[np.ndarray], object] | None:
    """Takes column values; ``None`` where those that satisfy the model alone may violate rows not yet separated."""
    return None if formulation.separate is not None else lambda values: monitor.report(formulation.decode(values))


def _report_first(formulation: Formulation, monitor: Monitor, seed: int) -> None:
    """Hand over what quick searches find, so that there is a solution while a network is asked."""
    if formulation.separate is not None or len(formulation.model.data) > _MOST_ENTRIES or monitor.should_stop():
        return
    stage = PatientMonitor(monitor, monitor.allowance(_FIRST), patience=1.0)
    improve(formulation, None, stage, seed)
    stage.close()


class _Until(StageMonitor):
    """A part that also ends when the other part says so."""

    def __init__(self, parent: Monitor, is_over: threading.Event) -> None:
        super().__init__(parent)
        self._is_over = is_over

    def should_stop(self) -> bool:
        """Whether the other part said so, or a limit is reached."""
        return self._is_over.is_set() or super().should_stop()


def _side_by_side(
    formulation: Formulation,
    monitor: Monitor,
    initial: Solution | None,
    backend: Backend,
    reduced: Callable[[Monitor], tuple[Ladder, Outcome]],
) -> tuple[Ladder, Outcome, Outcome]:
    """
    Reduced models here, the original on a second thread.

    What is proven of the original holds, there or on the way to a prediction, so that alone may end the run.
    """
    answers: list[Outcome] = []
    errors: list[Exception] = []
    is_decided, is_over = threading.Event(), threading.Event()

    def plain() -> None:
        try:
            answer = backend(formulation, _Until(monitor, is_over), start_values(formulation, initial))
            answers.append(answer)
        except Exception as error:  # raised below, on the thread that the driver watches
            errors.append(error)
            is_decided.set()
        else:
            # Out of memory, say, is no reason to end the other part.
            if answer.status is not Status.FEASIBLE:
                is_decided.set()

    side = threading.Thread(target=plain, name="cosolve-original", daemon=True)
    side.start()
    try:
        ladder, about = reduced(_Until(monitor, is_decided))
        if about.status is not Status.FEASIBLE:
            is_over.set()
    except BaseException:
        is_over.set()
        raise
    finally:
        side.join()
    if errors:
        raise errors[0]
    return ladder, about, answers[0]


class Ctc(ReductionSolver):
    """
    Rows predicted tight as equalities and binaries held near predictions, with exceptions, then the original [1]_ [2]_.

    References
    ----------
    .. [1] Li, J. et al. (2026). Constraint matters: multi-modal representation for reducing mixed-integer linear
           programming. *ICLR*.
    .. [2] Han, Q. et al. (2023). A GNN-guided predict-and-search framework for mixed-integer linear programming.
           *ICLR*.
    """

    name = "ctc"
    title = "learned constraint reduction with repair (MILP)"
    features = ReductionSolver.features | Feature.GPU
    options_type = LearnedOptions

    def available(self) -> Availability:
        """Whether the backends, PyTorch and PyTorch Geometric are installed."""
        for package in ("torch", "torch_geometric", "safetensors"):
            if importlib.util.find_spec(package) is None:
                return Availability(False, reason=f"{package} is not installed: pip install 'cosolve[neural]'")
        found = super().available()
        return replace(found, version=importlib.metadata.version("torch")) if found.ok else found

    def check(self, options: LearnedOptions) -> None:
        """See :func:`check_network`."""
        check_network(options)

    def warm_up(self, instance: Instance) -> None:
        """Import PyTorch and predict once: the first tensors of a process cost as much as many instances."""
        super().warm_up(instance)
        _warm_up_network()

    def predict(
        self, formulation: Formulation, monitor: Monitor, backend: Backend, seed: int, options: LearnedOptions
    ) -> tuple[Prediction, Limits, Outcome]:
        """Ask the network."""
        from cosolve.models import checkpoints
        from cosolve.models.ctc import predictor
        from cosolve.models.ctc.config import CtcConfig
        from cosolve.models.ctc.graph import facts
        from cosolve.models.devices import cpu_threads
        from cosolve.models.watch import TimeUpError

        if len(formulation.model.data) > _MOST_ENTRIES:
            message = f"more than {_MOST_ENTRIES:,} nonzeros: the network was not asked."
            return _nothing(formulation), _limits(options), Outcome(message=message)
        checkpoint, outside = checkpoints.choose("ctc", options.checkpoint, facts(formulation.model))
        if outside and not options.checkpoint:
            message = f"no bundled network covers this: {'; '.join(outside)} for {checkpoint.name}; nothing is imposed."
            return _nothing(formulation), _limits(options), Outcome(message=message)
        stage = StageMonitor(monitor, monitor.allowance(_PREDICTION))
        try:
            with cpu_threads(1):
                rows, columns = predictor.predict(
                    formulation.model,
                    checkpoint,
                    device=options.device,
                    time_limit=monitor.allowance(_RELAXATION),
                    should_stop=stage.should_stop,
                    on_better=_handing_over(formulation, monitor) if options.first_solutions else None,
                )
        except TimeUpError:
            message = "the network would have taken more than its share of the time: nothing is imposed."
            about = Outcome() if monitor.should_stop() else Outcome(message=message)  # a run that ends says why itself
            return _nothing(formulation), _limits(options), about
        limits = asdict(checkpoint.config(CtcConfig).reduction)
        limits |= {name: getattr(options, name) for name in limits if getattr(options, name) is not None}
        message = f"outside of what {checkpoint.name} was trained on: {'; '.join(outside)}." if outside else ""
        return (
            Prediction(rows, columns),
            Limits(**limits),
            Outcome(stats={"checkpoint": checkpoint.name}, message=message),
        )


class Ps(Ctc):
    """Predict and search: binaries only."""

    name = "ps"
    title = "predict and search: learned trust region of the binaries, with repair (MILP)"

    def predict(self, *arguments: Any) -> tuple[Prediction, Limits, Outcome]:
        """Without rows."""
        prediction, limits, about = super().predict(*arguments)
        return prediction, replace(limits, rows=0.0), about


class Rows(Ctc):
    """Rows only."""

    name = "rows"
    title = "learned tight rows as equalities, with repair (MILP)"

    def predict(self, *arguments: Any) -> tuple[Prediction, Limits, Outcome]:
        """Without columns."""
        prediction, limits, about = super().predict(*arguments)
        return prediction, replace(limits, columns=0.0), about


class _ReferenceSolver(ReductionSolver):
    """Base of those that may be given a solution."""

    options_type = ReferenceOptions

    def check(self, options: ReferenceOptions) -> None:
        """The reference is there; what it holds is for its reader to say."""
        if options.reference:
            Path(options.reference).open("rb").close()


class RandomRows(_ReferenceSolver):
    """Rows by chance: what a prediction must be better than."""

    name = "random-rows"
    title = "random rows as equalities, with repair (MILP; for comparison)"

    def predict(
        self, formulation: Formulation, monitor: Monitor, backend: Backend, seed: int, options: ReferenceOptions
    ) -> tuple[Prediction, Limits, Outcome]:
        """Draw rows, of those tight in the reference if there is one."""
        reference = _reference(monitor.instance, options)
        return by_chance(formulation, np.random.default_rng(seed), reference), _limits(options), Outcome()


class OracleRows(_ReferenceSolver):
    """Rows tight in a known solution: what a prediction can't be better than."""

    name = "oracle-rows"
    title = "rows tight in a known solution as equalities, with repair (MILP; for comparison)"

    def predict(
        self, formulation: Formulation, monitor: Monitor, backend: Backend, seed: int, options: ReferenceOptions
    ) -> tuple[Prediction, Limits, Outcome]:
        """Take the tight rows of the reference, or of what the backend finds in a share of the time."""
        reference = _reference(monitor.instance, options)
        if reference is None:
            start = None if monitor.best is None else start_values(formulation, monitor.best.solution)
            found = backend(formulation, StageMonitor(monitor, monitor.allowance(options.share)), start)
            if found.status in (Status.INFEASIBLE, Status.UNBOUNDED):
                return _nothing(formulation), _limits(options), replace(found, stats={})
            reference = None if monitor.best is None else monitor.best.solution
        if reference is None:
            return _nothing(formulation), _limits(options), Outcome(message="no solution to take tight rows from.")
        return by_oracle(formulation, reference), _limits(options), Outcome()


def _about_threads(options: ReductionOptions, threads: int) -> str:
    """What becomes of threads that were asked for, where that is not what one may think."""
    if options.portfolio and threads == 1:
        return "a portfolio needs two threads: the original came after the reduced models."
    if options.portfolio and threads > 2:
        return f"a portfolio ran on two of {threads} threads."
    if threads > 1 and not options.portfolio and options.backend == "scip":
        return "SCIP ran on one thread: portfolio=true makes use of a second."
    return ""


def _nothing(formulation: Formulation) -> Prediction:
    return Prediction(np.zeros(len(formulation.model.row_lower)), np.full(formulation.model.size, np.nan))


def _reference(instance: Instance, options: ReferenceOptions) -> Solution | None:
    return read_solution(options.reference, instance) if options.reference else None


def _limits(options: ReductionOptions) -> Limits:
    rows, budget = (_ROWS if options.rows is None else options.rows), options.row_budget
    return Limits(rows, _ROW_BUDGET if budget is None else budget, math.inf, 0.0, 0, 0.0)


@lru_cache(maxsize=1)
def _warm_up_kernels() -> None:
    cover = steiner_triple_cover(n=9)
    row_types(cover)
    for instance in (cover, auction(items=5, bids=10)):
        improve(formulate(instance), None, Monitor(instance, Stop(time_limit=WARM_UP_TIME, iterations=100)), 0)


@lru_cache(maxsize=1)
def _warm_up_network() -> None:
    from cosolve.models.checkpoints import bundled
    from cosolve.models.ctc.predictor import predict
    from cosolve.models.ctc.quick import quick_solutions

    quick_solutions(auction(items=5, bids=10))
    for checkpoint in bundled("ctc")[:1]:
        predict(steiner_triple_cover(n=9), checkpoint)
