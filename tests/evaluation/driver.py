"""An evaluation in a process of its own, for tests that kill it: ``python driver.py OUT``."""

from __future__ import annotations

import sys

from cosolve.evaluation.runner import evaluate
from cosolve.evaluation.suite import Suite
from tests.evaluation.tiny import tiny_cases, tiny_suite


def suite() -> Suite:
    """Twelve runs whose results depend on the seed alone."""
    return tiny_suite("greedy", "Quick", "Slow", cases=tiny_cases(2), seeds=(0, 1), time_limit=30.0)


if __name__ == "__main__":
    try:
        evaluate(suite(), sys.argv[1], workers=2)
    except KeyboardInterrupt:
        sys.exit(130)
