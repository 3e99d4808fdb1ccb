"""Drawings of supply from facilities to customers as bands."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import reverse_cuthill_mckee

from cosolve.evaluation.drawing.palette import COLOURS
from cosolve.evaluation.drawing.svg import Box, Canvas, counted
from cosolve.instances.cflp import CFLPInstance, Supply

_GAUGE = 40.0
_CUSTOMER = 10.0
_CLOSED = 8.0


def draw_supply(instance: CFLPInstance, solution: Supply | None, canvas: Canvas, limit: int) -> None:
    """
    Open facilities above, customers below, and bands between them as wide as the amounts delivered.

    Facilities and customers are as wide as what they deliver and get; how high a facility is filled says how much of
    its capacity is used. Closed facilities are frames at the top. Without a solution facilities are as wide as
    their capacities and customers as their demands.

    Parameters
    ----------
    instance, solution
        What is drawn.
    canvas
        Where.
    limit
        Most deliveries that are drawn, the largest; and most facilities and customers.
    """
    m, n = instance.num_facilities, instance.num_customers
    if solution is None:
        nobody = np.empty(0)
        solution = Supply(is_open=np.ones(m), facility=nobody, customer=nobody, amount=nobody)
        entries = [
            ("frame", "currentColor", counted(m, "facility", "facilities")),
            ("square", "currentColor", counted(n, "customer")),
        ]
        load, served = instance.capacity, instance.demand
        level = np.zeros(m)
        amount = solution.amount
    else:
        # Less than nothing, which is infeasible, has no width.
        amount = np.maximum(solution.amount, 0.0)
        num_open = int(solution.is_open.sum())
        entries = [
            ("square", COLOURS[0], f"{counted(num_open, 'open facility', 'open facilities')}, filled by use"),
            ("frame", "currentColor", f"{m - num_open:,} closed"),
            ("square", "currentColor", counted(n, "customer")),
        ]
        load = np.bincount(solution.facility, amount, m)
        served = np.bincount(solution.customer, amount, n)
        level = np.minimum(load / np.where(instance.capacity > 0, instance.capacity, np.inf), 1.0)

    # One delivery per pair, so that bands need no merging.
    table = csr_matrix((amount, (solution.facility, solution.customer)), shape=(m, n))
    table.sum_duplicates()
    table.eliminate_zeros()
    facilities = np.flatnonzero(solution.is_open | (np.diff(table.indptr) > 0))
    if len(facilities):
        # Facilities that share customers stand together, so that few bands cross.
        facilities = facilities[reverse_cuthill_mckee((table @ table.T)[facilities][:, facilities], True)]
    rank = np.zeros(m)
    rank[facilities] = np.arange(len(facilities))
    weight = np.asarray(table.sum(axis=0)).ravel()
    mean_rank = rank @ table / np.where(weight > 0, weight, 1.0)
    customers = np.argsort(mean_rank, kind="stable")

    if table.nnz > limit:
        entries.append(("", "", f"the {limit:,} largest of {table.nnz:,} deliveries drawn"))
    canvas.legend(entries)
    box = canvas.box
    closed = np.setdiff1d(np.arange(m), facilities)[:limit]
    _draw_closed(closed, canvas)
    top = box.top + (_CLOSED + 22 if len(closed) else 14)
    facilities, customers = facilities[:limit], customers[:limit]
    fac_left, fac_width = _lane(load[facilities], box.left, box.width)
    cus_left, cus_width = _lane(served[customers], box.left, box.width)

    _draw_bands(table, facilities, customers, (fac_left, fac_width), (cus_left, cus_width), canvas, top, limit)
    with canvas.group(css="customers", fill="currentColor", fill_opacity=0.8):
        for k, customer in enumerate(customers.tolist()):
            title = f"customer {customer}: gets {served[customer]:,.6g} of {instance.demand[customer]:,.6g}"
            band = Box(cus_left[k], box.bottom - _CUSTOMER, cus_left[k] + cus_width[k], box.bottom)
            canvas.rect(band, title=title, css="customer")
    with canvas.group(css="facilities"):
        for k, facility in enumerate(facilities.tolist()):
            title = f"facility {facility}: {load[facility]:,.6g} of {instance.capacity[facility]:,.6g} used"
            left, right = fac_left[k], fac_left[k] + fac_width[k]
            colour = COLOURS[k % len(COLOURS)]
            gauge = Box(left, top, right, top + _GAUGE)
            canvas.rect(gauge, title=title, css="open", fill=colour, fill_opacity=0.15, stroke="currentColor")
            full = _GAUGE * level[facility]
            canvas.rect(Box(left, gauge.bottom - full, right, gauge.bottom), title=title, css="load", fill=colour)
            if fac_width[k] > 7 * len(str(facility)) + 2:
                canvas.text((left + right) / 2, top - 4, str(facility), text_anchor="middle", font_size=11.0)


def _lane(weights: np.ndarray, left: float, width: float) -> tuple[np.ndarray, np.ndarray]:
    """Left ends and widths of shapes side by side, as wide as their weights but never invisible."""
    count = len(weights)
    gap = min(4.0, 0.3 * width / max(count, 1))
    share = weights / (weights.max(initial=0.0) or 1.0)
    share = share / (share.sum() or 1.0)
    least = min(1.0, 0.3 * width / max(count, 1))
    widths = least + (width - gap * max(count - 1, 0) - least * count) * share
    return left + np.cumsum(widths + gap) - widths - gap, widths


def _draw_closed(closed: np.ndarray, canvas: Canvas) -> None:
    step = min(_CLOSED + 3, canvas.box.width / max(len(closed), 1))
    top = canvas.box.top
    with canvas.group(css="closed-facilities", fill="none", stroke="currentColor", stroke_opacity=0.5):
        for k, facility in enumerate(closed.tolist()):
            left = canvas.box.left + k * step
            frame = Box(left, top, left + 0.72 * step, top + _CLOSED)
            canvas.rect(frame, title=f"facility {facility}: closed", css="closed")


def _draw_bands(
    table: csr_matrix,
    facilities: np.ndarray,
    customers: np.ndarray,
    above: tuple[np.ndarray, np.ndarray],
    below: tuple[np.ndarray, np.ndarray],
    canvas: Canvas,
    top: float,
    limit: int,
) -> None:
    """Bands leave a facility in the order of its customers and reach a customer in the order of its facilities."""
    flows = table[facilities][:, customers].tocoo()
    row, column, amount = flows.row, flows.col, flows.data
    y0, y1 = top + _GAUGE, canvas.box.bottom - _CUSTOMER
    x0, w0 = _stack(row, column, amount, *above)
    x1, w1 = _stack(column, row, amount, *below)
    kept = np.sort(np.argsort(-amount, kind="stable")[:limit])
    kept = kept[np.argsort(row[kept], kind="stable")]
    middle = (y0 + y1) / 2
    words = [
        f"M{a:.1f} {y0:.1f}C{a:.1f} {middle:.1f} {b:.1f} {middle:.1f} {b:.1f} {y1:.1f}h{v:.2f}"
        f"C{b + v:.1f} {middle:.1f} {a + u:.1f} {middle:.1f} {a + u:.1f} {y0:.1f}z"
        for a, u, b, v in np.column_stack((x0, w0, x1, w1))[kept].tolist()
    ]
    cuts = np.searchsorted(row[kept], np.arange(len(facilities) + 1)).tolist()
    with canvas.group(css="deliveries", fill_opacity=0.45):
        for k, facility in enumerate(facilities.tolist()):
            if cuts[k + 1] > cuts[k]:
                title = f"facility {facility}: {counted(cuts[k + 1] - cuts[k], 'delivery', 'deliveries')}"
                data = "".join(words[cuts[k] : cuts[k + 1]])
                canvas.element("path", title=title, css="delivery", d=data, fill=COLOURS[k % len(COLOURS)])


def _stack(
    group: np.ndarray, order: np.ndarray, amount: np.ndarray, left: np.ndarray, width: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Left ends and widths of bands that share the width of their group by amount, in the given order."""
    total = np.bincount(group, amount, len(left))
    widths = np.where(total[group] > 0, amount / np.where(total[group] > 0, total[group], 1.0), 0.0) * width[group]
    rows = np.lexsort((order, group))
    before = np.cumsum(widths[rows]) - widths[rows]
    first = np.searchsorted(group[rows], np.arange(len(left)))
    begin = np.append(before, 0.0)[first]
    out = np.empty(len(group))
    out[rows] = left[group[rows]] + before - begin[group[rows]]
    return out, widths
