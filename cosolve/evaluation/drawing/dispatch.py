"""From a problem to the module that draws its solutions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cosolve.core.errors import UnsupportedProblemError
from cosolve.core.instance import Instance, Solution
from cosolve.core.problem import judge, problems
from cosolve.core.registry import Registry
from cosolve.evaluation.drawing.svg import Canvas

#: ``painter(instance, solution, canvas, limit)``
Painter = Callable[[Any, Any, Canvas, int], None]

#: Problem key to painter; packages of third parties add theirs through the entry-point group.
painters: Registry[Painter] = Registry("drawing", "cosolve.drawings", UnsupportedProblemError)

for _key, _target in (
    ("tsp", "tour:draw_tour"),
    ("atsp", "tour:draw_tour"),
    ("cvrp", "routes:draw_routes"),
    ("acvrp", "routes:draw_routes"),
    ("vrptw", "routes:draw_routes"),
    ("acvrptw", "routes:draw_routes"),
    ("mis", "node_set:draw_independent_set"),
    ("mds", "node_set:draw_dominating_set"),
    ("cflp", "supply:draw_supply"),
    ("cpmp", "clustering:draw_clustering"),
    ("fjsp", "schedule:draw_schedule"),
    ("stp", "steiner_tree:draw_steiner_tree"),
    ("milp", "values:draw_values"),
    ("optw", "timed_route:draw_timed_route"),
    ("optwvp", "timed_route:draw_timed_route"),
    ("regtree", "regression_tree:draw_regression_tree"),
):
    painters.register(_key, f"cosolve.evaluation.drawing.{_target}")

_SMALLEST, _LARGEST = 160, 10_000


def draw(
    instance: Instance,
    solution: Solution | None,
    *,
    width: int = 640,
    height: int = 480,
    max_elements: int = 20_000,
) -> str:
    """
    Draw a solution as a standalone SVG element: no scripts, no outside resources, no identifiers.

    Letters and lines take the colour of the page around (``currentColor``); every shape has a class under
    ``.cosolve-drawing``, by which a style sheet can change it. The text of an element's ``<title>`` appears in
    browsers under the pointer. Numbers of nodes, machines, jobs and so on count from 0, as in solution files. Equal
    input gives equal output.

    The solution need not be feasible, as long as the judge can compute its objective: routes that are too long are
    drawn, routes to a customer that does not exist are not.

    Parameters
    ----------
    instance
        The instance.
    solution
        A solution of the same problem, or ``None`` to draw the instance alone.
    width, height
        Size in pixels, each in 160..10000.
    max_elements
        Most cities, edges, bars and so on that are drawn. Of larger solutions a part is drawn, and the drawing
        says which.

    Returns
    -------
    str
        One ``<svg>`` element.

    Raises
    ------
    UnsupportedProblemError
        If solutions of that problem cannot be drawn.
    TypeError
        If the solution belongs to another problem.
    ValueError
        If a size is out of range, or the solution is none that has an objective.
    """
    for name, value, low, high in (
        ("width", width, _SMALLEST, _LARGEST),
        ("height", height, _SMALLEST, _LARGEST),
        ("max_elements", max_elements, 1, None),
    ):
        if value < low or (high is not None and value > high):
            raise ValueError(
                f"{name} must be in {low}..{high}, got {value}." if high else f"{name} must be >= {low}, got {value}."
            )
    problem = problems.get(instance.problem)
    if solution is not None:
        verdict = judge(instance, solution)
        if verdict.objective is None:
            raise ValueError(f"this solution has no objective and cannot be drawn: {verdict.violations[0]}.")
    painter = painters.get(instance.problem)
    what = "instance" if solution is None else "solution"
    canvas = Canvas(width, height, f"{problem.title}: {what} of {instance.name or 'an unnamed instance'}")
    painter(instance, solution, canvas, max_elements)
    return canvas.render(problem.key)
