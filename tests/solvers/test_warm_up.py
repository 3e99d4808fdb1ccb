"""What a solver's first run on a machine would compile is compiled before the clock starts."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from cosolve.core.solver import solvers
from cosolve.solvers.compiled import CompiledSolver

#: Of each problem: instances that a small uniform one does not stand for, as family and parameters.
CASES = {
    "tsp": [("uniform", {"size": 8}), ("uniform", {"size": 200}), ("dimacs", {"family": "C", "size": 100})],
    "atsp": [("uniform", {"size": 2}), ("uniform", {"size": 8}), ("road", {"n": 30, "points": 100})],
    "cvrp": [("uniform", {"n": 1}), ("uniform", {"n": 15}), ("x", {"n": 100})],
    "acvrp": [("road", {"n": 5, "points": 100}), ("road", {"n": 60, "points": 100})],
    "vrptw": [("uniform", {"n": 2}), ("uniform", {"n": 60})],
    "acvrptw": [("road", {"n": 5, "points": 100}), ("road", {"n": 60, "points": 100})],
    "mis": [("er", {"nodes": 2}), ("er", {"nodes": 200, "probability": 0.5}), ("hamming", {"n": 6, "d": 4})],
    "mds": [("grid", {"rows": 1, "columns": 1}), ("grid", {"rows": 9, "columns": 9}), ("ba", {"nodes": 300})],
    "cflp": [("cornuejols", {"facilities": 1, "customers": 1}), ("cornuejols", {"facilities": 20, "customers": 30})],
    "cpmp": [("osman", {"n": 1, "p": 1}), ("osman", {"n": 60, "p": 5})],
    "fjsp": [("sd2", {"jobs": 1, "machines": 1, "operations": 1}), ("taillard", {"jobs": 6, "machines": 6})],
    "stp": [("hypercube", {"dimensions": 6}), ("random", {"num_nodes": 300, "num_edges": 600, "num_terminals": 40})],
    "optw": [("uniform", {"size": 2}), ("uniform", {"size": 50})],
    "optwvp": [("hard", {"size": 20}), ("decost", {"size": 50})],
    "regtree": [("friedman1", {"n": 2, "p": 5}), ("friedman1", {"n": 300, "p": 5, "max_depth": 3})],
}
FAST = {
    ("local-search", "tsp"), ("local-search", "stp"), ("labelling", "optwvp"), ("greedy", "cflp"), ("scip", "cvrp"),
    ("cpsat", "tsp"),
}  # fmt: skip
BACKENDS = ("cpsat", "highs", "scip")
PAIRS = [
    pytest.param(name, problem, id=f"{name}-{problem}", marks=() if (name, problem) in FAST else pytest.mark.slow)
    for name in solvers.names()
    if issubclass(solvers.get(name), CompiledSolver) or name in BACKENDS
    for problem in sorted(solvers.get(name).problems & CASES.keys())
]

# Kernels that have been compiled or loaded are the overloads of all dispatchers; a warm-up must leave none to be added.
SCRIPT = """
import gc, json, sys
import cosolve
from cosolve.core.solver import solvers
from numba.core.dispatcher import Dispatcher

def overloads():
    found = [d for d in gc.get_objects() if isinstance(d, Dispatcher) and d.py_func.__module__.startswith("cosolve.")]
    return {(d.py_func.__module__, d.py_func.__qualname__, str(signature)) for d in found for signature in d.overloads}
"""

RUN = """
name, problem, cases = sys.argv[1:]
for family, parameters in json.loads(cases):
    instance = cosolve.generate(problem, family, seed=3, **parameters)
    solvers.get(name)().warm_up(instance)
    before = overloads()
    cosolve.solve(instance, name, time_limit=1)
    late = overloads() - before
    assert not late, (family, parameters, late)
"""

REDUCED = """
instance = cosolve.generate("milp", "auction", seed=3, items=100, bids=500)
solvers.get("ctc")().warm_up(instance)
before = overloads()
result = cosolve.solve(instance, "ctc", time_limit=20, gap=0.02)
assert result.stats["checkpoint"] == "ctc-auction"
assert not overloads() - before, overloads() - before
"""

JUDGE = """
class Foreign(cosolve.Solver):
    available = solve = None

problem, cases = sys.argv[1:]
for family, parameters in json.loads(cases):
    instance = cosolve.generate(problem, family, seed=3, **parameters)
    Foreign().warm_up(instance)
    before = overloads()
    cosolve.solve(instance, "cart" if problem == "regtree" else "greedy", time_limit=10)
    late = {k for k in overloads() - before if k[0].startswith("cosolve.instances.") and k[1] != "_dense"}
    assert not late, (family, parameters, late)
"""


@pytest.mark.parametrize(("name", "problem"), PAIRS)
def test_nothing_is_compiled_after_the_warm_up(name, problem):
    """Seconds of compilation on the clock: a first run of half a second had no tour of eight cities to show."""
    command = [sys.executable, "-c", SCRIPT + RUN, name, problem, json.dumps(CASES[problem])]
    run = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, run.stderr


def test_nothing_is_compiled_after_the_warm_up_of_constraint_reduction():
    """Its quick solutions are there to be had in milliseconds."""
    run = subprocess.run([sys.executable, "-c", SCRIPT + REDUCED], capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize(
    "problem", [pytest.param(p, marks=() if p in ("cvrp", "tsp") else pytest.mark.slow) for p in CASES]
)
def test_the_judge_is_compiled_before_the_clock_starts_of_solvers_without_kernels(problem):
    """Their first solution paid for it, up to two seconds."""
    command = [sys.executable, "-c", SCRIPT + JUDGE, problem, json.dumps(CASES[problem][:1])]
    run = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, run.stderr
