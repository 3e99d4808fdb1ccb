"""All backends in one process: import order must not matter, and importing cosolve must load none of them."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

#: Statements that load each backend's native code.
BACKENDS = {
    "ortools cp_model": ("ortools", "from ortools.sat.python import cp_model"),
    "ortools routing": ("ortools", "from ortools.constraint_solver import pywrapcp"),
    "pyscipopt": ("pyscipopt", "import pyscipopt"),
    "highspy": ("highspy", "import highspy"),
    "pulp": ("pulp", "import pulp"),
    "pyvrp": ("pyvrp", "import pyvrp"),
    "networkx": ("networkx", "import networkx"),
    "numba": ("numba", "import numba"),
    "scipy": ("scipy", "import scipy.optimize"),
    "sklearn": ("sklearn", "import sklearn.tree"),
    "torch": ("torch", "import torch"),
    "hygese": ("hygese", "import hygese"),
    "chszlablib": ("chszlablib", "import chszlablib"),
    "elkai": ("elkai", "import elkai"),
}

#: A CP-SAT model, then one MILP by both MILP backends.
SOLVE = """
from ortools.sat.python import cp_model
m = cp_model.CpModel()
x = m.new_int_var(0, 5, "")
m.maximize(x)
s = cp_model.CpSolver()
s.parameters.num_workers = 8
assert s.status_name(s.solve(m)) == "OPTIMAL" and s.objective_value == 5
import cosolve
for solver in ("highs", "scip", "highs"):
    r = cosolve.solve(cosolve.generate("milp", "steiner-triple", n=9), solver, time_limit=30)
    assert r.status == "optimal" and r.objective == 5, r
print("solved")
"""


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.parametrize("order", ["as listed", "reversed", pytest.param("shuffled", marks=pytest.mark.slow)])
def test_all_backends_import_and_solve_in_one_process(order):
    """
    Two shared libraries under one name in one process break whichever comes second.

    That happened to highspy 1.15 and ortools 9.15; hence the pin.
    """
    names = [name for name, (package, _) in BACKENDS.items() if importlib.util.find_spec(package)]
    if order == "reversed":
        names.reverse()
    elif order == "shuffled":
        names = names[1::2] + names[::2]
    code = "\n".join(BACKENDS[name][1] for name in names) + SOLVE
    assert "solved" in run(code)


def test_importing_cosolve_loads_no_backend():
    """``import cosolve`` has to stay light: torch alone takes a second, OR-Tools brings pandas."""
    heavy = ["torch", "ortools", "pyscipopt", "highspy", "pandas", "pyvrp", "pulp", "sklearn", "networkx", "hygese"]
    heavy += ["chszlablib", "elkai", "matplotlib", "ray"]
    code = f"import sys, cosolve; print([m for m in {heavy!r} if m in sys.modules])"
    assert run(code).strip() == "[]"


def test_listing_solvers_with_availability_loads_no_backend():
    """``cosolve solvers`` must be quick: availability is read from package metadata."""
    code = (
        "import sys\n"
        "from cosolve.core.solver import solvers\n"
        "for name in ('cpsat', 'highs', 'scip', 'pulp'):\n"
        "    a = solvers.get(name)().available()\n"
        "    assert a.ok and a.version, (name, a)\n"
        "print([m for m in ('ortools', 'pyscipopt', 'highspy', 'pulp') if m in sys.modules])\n"
    )
    assert run(code).strip() == "[]"


def test_missing_package_is_told_with_what_to_install(monkeypatch):
    from importlib import metadata

    from cosolve.solvers.packages import availability

    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    answer = availability("highspy")
    assert not answer.ok
    assert "pip install highspy" in answer.reason
    assert "pip install 'cosolve[peers]'" in availability("elkai", "peers").reason


@pytest.mark.parametrize(("name", "problem"), [("cpsat", "mis"), ("pyvrp", "cvrp"), ("highs", "mis"), ("scip", "mis")])
def test_backends_are_loaded_before_the_clock_starts(name, problem):
    """The first second of a process went into OR-Tools' own imports, and counted as solving."""
    run(f"""
import sys
from cosolve.core.solver import solvers
from cosolve.solvers.compiled import small_instances
solver = solvers.get("{name}")()
assert solver.modules and not any(module in sys.modules for module in solver.modules)
solver.warm_up(small_instances("{problem}")[0])
assert all(module in sys.modules for module in solver.modules)
""")
