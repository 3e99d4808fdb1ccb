"""How what a process left becomes a record: its solution is judged, and what it claims is compared with that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from cosolve.core.isolation import signal_name
from cosolve.core.monitor import is_close, proves
from cosolve.core.problem import judge
from cosolve.core.result import Limit, Status, TracePoint
from cosolve.core.solver import solvers
from cosolve.evaluation.handover import Handed, read_answer, read_incumbent, read_trace
from cosolve.evaluation.launcher import Account
from cosolve.evaluation.machine import describe
from cosolve.evaluation.records import Failure, Times
from cosolve.evaluation.scores import PROOFS
from cosolve.evaluation.solutions import from_arrays

if TYPE_CHECKING:
    from cosolve.evaluation.site import Ready, Run

#: Most characters of a message that are kept.
_MAX_MESSAGE = 2000

#: Seconds, and share of the limit, by which a run may return after its limit and its proof still count: a solver that
#: stops at the limit itself tells its last bound a little later.
_TARDY, _TARDY_SHARE = 0.1, 0.01


@dataclass(frozen=True)
class Evidence:
    """
    What a process left.

    Parameters
    ----------
    account
        How it ended, by its supervisor.
    answer
        What it said at its end; ``None`` if it did not come to that.
    handed
        Its last solution, not judged yet.
    trajectory
        Its curve.
    fault
        Why what it left can't be used, empty if it can.
    """

    account: Account
    answer: Mapping[str, Any] | None
    handed: Handed | None
    trajectory: tuple[TracePoint, ...]
    fault: str = ""

    @classmethod
    def collect(cls, folder: Path, account: Account) -> Evidence:
        """Read the work folder of a run that is over."""
        answer, handed, fault = None, None, ""
        try:
            answer = _checked(read_answer(folder))
        except ValueError as error:
            fault = str(error)
        try:
            handed = read_incumbent(folder)
        except ValueError as error:
            fault = str(error)
        trajectory = read_trace(folder)
        if handed is not None and (not trajectory or trajectory[-1].objective != handed.objective):
            # Killed between the two: the solution is whole, its point on the curve is not.
            trajectory += (TracePoint(handed.time, handed.objective, handed.bound),)
        return cls(account, answer, handed, trajectory, fault)


def _checked(answer: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """An answer as :class:`Teller` gives it; a solver may write anything into its work folder, so see whether it is."""
    if answer is None:
        return None
    try:
        if "failure" in answer:
            solve = None if answer.get("solve") is None else _seconds(answer["solve"])
            return {"failure": Failure(answer["failure"]), "message": str(answer["message"]), "solve": solve}
        Status(answer["status"])
        if answer["limit"] is not None:
            Limit(answer["limit"])
        kinds: dict[str, Callable[[Any], float]] = {
            "objective": float,
            "claimed": float,
            "bound": float,
            "build": _seconds,
            "solve": _seconds,
        }
        return {
            **answer,
            **{name: None if answer.get(name) is None else kind(answer[name]) for name, kind in kinds.items()},
            **{name: str(answer[name]) for name in ("version", "message")},
            "violations": [str(violation) for violation in answer["violations"]],
            "stats": dict(answer["stats"]),
            "is_running": bool(answer["is_running"]),
        }
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"what it left is no answer: {type(error).__name__}: {error}.") from error


def _seconds(value: Any) -> float:
    """A time as records take it."""
    seconds = float(value)
    if seconds < 0:
        raise ValueError(f"seconds must be >= 0, got {seconds}")
    return seconds


def conclude(ready: Ready, evidence: Evidence, started: datetime) -> Run:
    """
    The record of a run: what was handed over is judged here, whatever the process said of it.

    With the rules of FrontierCO, objectives of the curve, bounds and proofs, which are those of the instance itself,
    would not be comparable with the objective: the record has none of them.
    """
    from cosolve.evaluation.site import Run

    task, account, answer = ready.task, evidence.account, evidence.answer or {}
    failure, message = _what_went_wrong(ready, evidence)
    objective, arrays = None, None
    violations = tuple(answer.get("violations", ()))
    fault = evidence.fault
    if evidence.handed is not None:
        objective, refused, fault = _judge(ready, evidence.handed)
        if objective is not None:
            arrays = evidence.handed.arrays
        violations = refused or violations
    if fault and failure is None:
        failure, message = Failure.ERROR, fault
    if failure is None and objective is None and violations:
        failure = Failure.INVALID
    if failure is None and not _is_last(evidence):
        message = f"what it found after its time limit does not count. {message}"
    is_compat = task.judge != "strict"
    bound, is_refuted = _bound(ready, evidence, None if is_compat else objective)
    if is_refuted and failure is None:
        failure = Failure.ERROR
        message = message or "its bound contradicts the verified objective."
    trajectory = _without_bounds(evidence.trajectory) if is_refuted else evidence.trajectory
    status, limit = _status(ready, evidence, failure, objective)
    record = task.record(
        ready.identity,
        status=status,
        limit=limit,
        failure=failure,
        message=shorten(message or answer.get("message", ""), _MAX_MESSAGE, placeholder=" ..."),
        version=answer.get("version") or _version(task.entrant.solver),
        objective=objective,
        claimed=answer.get("claimed"),
        bound=None if is_compat else bound,
        trajectory=() if is_compat else trajectory,
        times=Times(
            read=ready.identity.read,
            build=answer.get("build"),
            solve=answer.get("solve"),
            best=None if objective is None or evidence.handed is None else evidence.handed.time,
            wall=account.wall,
        ),
        peak_memory=account.peak_memory,
        violations=violations,
        machine=describe(),
        started=started.isoformat(timespec="seconds"),
        stats=answer.get("stats", {}),
    )
    return Run(record, arrays)


def _what_went_wrong(ready: Ready, evidence: Evidence) -> tuple[Failure | None, str]:
    """Failure of the process, if any, and a line about it."""
    account, answer, task = evidence.account, evidence.answer, ready.task
    if account.killed == "memory":
        assert task.memory_limit is not None
        return Failure.MEMORY, f"held more than its cap of {task.memory_limit / 2**20:.0f} MiB and was killed."
    if account.killed == "time":
        limit = f"{task.stop.time_limit:g} s and {task.grace:g} s of grace"
        return Failure.HANG, f"did not stop within its limit of {limit} and was killed."
    if account.killed is not None:
        return Failure.HANG, f"was killed because its {account.killed} took too long."
    if answer is None:
        words = " ".join(account.output.split())
        last_words = f" Last words: ...{words[-300:]}" if words else ""
        if account.status is not None and account.status < 0:
            name = signal_name(-account.status)
            out_of_memory = "bad_alloc" in words or "MemoryError" in words
            return Failure.MEMORY if out_of_memory else Failure.CRASH, f"ended by {name}.{last_words}"
        return Failure.EXIT, f"ended with exit code {account.status} and without an answer.{last_words}"
    if "failure" in answer:
        return Failure(answer["failure"]), answer["message"]
    if answer["status"] == Status.ERROR:
        return Failure.MEMORY if answer["limit"] == Limit.MEMORY else Failure.ERROR, answer["message"]
    if answer["is_running"]:
        return Failure.HANG, answer["message"]
    return None, answer["message"]


def _judge(ready: Ready, handed: Handed) -> tuple[float | None, tuple[str, ...], str]:
    """Objective of what was handed over, what is wrong with it, and why it is no answer at all."""
    try:
        solution = from_arrays(ready.task.case.problem, handed.arrays)
        verdict = judge(ready.instance, solution)
        seen = handed.objective
        if verdict.objective is not None and (seen is None or not is_close(ready.instance, verdict.objective, seen)):
            return None, (), f"the judge sees an objective of {verdict.objective}, its own process saw {seen}."
        if ready.task.judge != "strict":
            verdict = judge(ready.instance, solution, ready.task.judge)
    except (ValueError, TypeError, OverflowError) as error:
        return None, (), f"what it handed over is no solution: {error}"
    return (verdict.objective if verdict.feasible else None), tuple(map(str, verdict.violations)), ""


def _is_last(evidence: Evidence) -> bool:
    """Whether the solution that was handed over in time is the one that the answer speaks of."""
    known = None if evidence.handed is None else evidence.handed.objective
    return evidence.answer is not None and evidence.answer.get("objective") == known


def _is_in_time(ready: Ready, evidence: Evidence) -> bool:
    """Whether the answer came by the time limit, or as soon after it as stopping takes."""
    seconds = None if evidence.answer is None else evidence.answer.get("solve")
    limit = ready.task.stop.time_limit
    return seconds is not None and seconds <= limit + max(_TARDY, _TARDY_SHARE * limit)


def _told_bound(evidence: Evidence) -> float | None:
    """Last bound that was told in time."""
    return evidence.trajectory[-1].bound if evidence.trajectory else None


def _bound(ready: Ready, evidence: Evidence, objective: float | None) -> tuple[float | None, bool]:
    """Best bound that stands, and whether what the solver told is refuted by a verified solution."""
    told, answer = _told_bound(evidence), evidence.answer
    if answer is not None and answer.get("status") == Status.INFEASIBLE:
        return None, False  # there is nothing to be bounded
    if told is not None and answer is not None and "bound" in answer and answer["bound"] is None:
        return None, True  # the driver refuses a bound for no other reason
    if told is not None and objective is not None:
        sign = 1.0 if ready.instance.sense == "min" else -1.0
        if proves(ready.instance, told, objective):
            return objective, False
        if sign * (told - objective) > 0:
            return None, True
    if answer is not None and _is_last(evidence) and _is_in_time(ready, evidence):
        return answer.get("bound"), False
    return told, False


def _without_bounds(trajectory: tuple[TracePoint, ...]) -> tuple[TracePoint, ...]:
    """The improvements of the objective alone."""
    points: list[TracePoint] = []
    for point in trajectory:
        if point.objective is not None and (not points or point.objective != points[-1].objective):
            points.append(replace(point, bound=None))
    return tuple(points)


def _status(
    ready: Ready, evidence: Evidence, failure: Failure | None, objective: float | None
) -> tuple[Status, Limit | None]:
    """What is known after the run, and why it stopped."""
    answer = evidence.answer or {}
    found = Status.NO_SOLUTION if objective is None else Status.FEASIBLE
    if failure in (Failure.HANG, Failure.MEMORY):
        return found, Limit.TIME if failure is Failure.HANG else Limit.MEMORY
    if failure in (Failure.UNAVAILABLE, Failure.UNSUPPORTED):
        return Status.UNKNOWN, None
    limit = None if answer.get("limit") is None else Limit(answer["limit"])
    if failure is not None and failure is not Failure.INVALID:
        return Status.ERROR, limit
    if not _is_last(evidence):
        return found, limit or Limit.TIME  # what it found after its time does not count
    status = Status(answer["status"])
    if status in PROOFS and not _is_proven_in_time(ready, evidence, status):
        return found, limit or Limit.TIME
    if status in PROOFS and ready.task.judge != "strict":
        return found, limit
    return status, limit


def _is_proven_in_time(ready: Ready, evidence: Evidence, status: Status) -> bool:
    """Whether a proof was there by the limit; of an optimum, the curve says so even if the solver returned late."""
    if _is_in_time(ready, evidence):
        return True
    told, handed = _told_bound(evidence), evidence.handed
    if status is not Status.OPTIMAL or told is None or handed is None or handed.objective is None:
        return False
    return proves(ready.instance, told, handed.objective)


def _version(solver: str) -> str:
    """Version of the package behind a solver; empty where it can't say."""
    try:
        return solvers.get(solver)().available().version or ""
    except Exception:
        return ""
