"""
Contract checks for solvers, formats and judges, for our own tests and those of third parties.

    from cosolve.testing import check_solver

    def test_my_solver_keeps_the_contract():
        for instance, optimum in tiny_instances("tsp"):
            check_solver("my-solver", instance, optimum)
"""

from cosolve.instances.tiny import tiny_instances
from cosolve.testing.contract import check_format, check_judge, check_solution_format, check_solver

__all__ = ["check_format", "check_judge", "check_solution_format", "check_solver", "tiny_instances"]
