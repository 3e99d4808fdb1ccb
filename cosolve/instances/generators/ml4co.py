"""Item placement and load balancing of the ML4CO competition (NeurIPS 2021), by its published parameters."""

from __future__ import annotations

import math

import numpy as np

from cosolve.instances.generators import Generator
from cosolve.instances.generators._blocks import Block, assemble, named
from cosolve.instances.milp import MILPInstance

#: Draws of a load balancing instance before its parameters are blamed.
_MAX_DRAWS = 100


def item_placement(
    *, seed: int = 0, bins: int = 10, resources: int = 3, small_items: int = 100, big_items: int = 5
) -> MILPInstance:
    """
    Spread items over bins so that every resource is used as evenly as can be. [1]_

    Demands are uniform in [0, 0.1] for small items and in [0.9, 1] for big ones, capacities twice the mean load of a
    bin. Rows: an item lies in one bin ("copies_ct"), a bin holds it ("supply_ct"), the shortfall of a bin's load
    below the mean, as a share of it ("deficit_ct"), and the largest one per resource ("max_deficit_ct").
    Columns: "place_item_bin" is binary, "deficit_bin_resource", "max_deficit_resource".

    Parameters
    ----------
    bins, resources
        Both >= 1.
    small_items, big_items
        Both >= 0, together >= 1.

    References
    ----------
    .. [1] Gasse, M., et al. (2022). The machine learning for combinatorial optimization competition (ML4CO): results
           and insights. *Proceedings of Machine Learning Research* 176: 220-231.
    """
    items = small_items + big_items
    if bins < 1 or resources < 1 or min(small_items, big_items) < 0 or items < 1:
        raise ValueError(
            "bins and resources must be >= 1, small_items and big_items >= 0 and together >= 1, "
            f"got {bins}, {resources}, {small_items} and {big_items}."
        )
    _check_size(items * bins * resources)
    rng = np.random.default_rng(seed)
    demand = rng.random((items, resources)) * 0.1
    demand[small_items:] += 0.9
    total = np.cumsum(demand, axis=0)[-1]
    place = np.arange(items * bins).reshape(items, bins)
    deficit = place.size + np.arange(bins * resources)
    max_deficit = place.size + deficit.size + np.arange(resources)
    bin_of, resource_of = np.divmod(np.arange(bins * resources), resources)
    # Loads of (bin, resource): every item in that bin with its demand of that resource.
    load_rows = np.repeat(np.arange(bins * resources), items)
    load_columns = place[:, bin_of].T.ravel()
    loads = demand[:, resource_of].T.ravel()
    shares = loads * np.repeat((bins / total)[resource_of], items)
    both = np.arange(bins * resources)
    blocks = [
        Block(named("copies_ct", range(items)), np.repeat(np.arange(items), bins), place.ravel(), lower=1.0, upper=1.0),
        Block(
            named("supply_ct", bin_of, resource_of),
            load_rows,
            load_columns,
            loads,
            upper=(2.0 * total / bins)[resource_of],
        ),
        Block(
            named("deficit_ct", bin_of, resource_of),
            np.concatenate((load_rows, both)),
            np.concatenate((load_columns, deficit)),
            np.concatenate((shares, np.ones(len(both)))),
            lower=1.0,
        ),
        Block(
            named("max_deficit_ct", bin_of, resource_of),
            np.tile(both, 2),
            np.concatenate((deficit, max_deficit[resource_of])),
            np.repeat((1.0, -1.0), len(both)),
            upper=0.0,
        ),
    ]
    sizes = (place.size, deficit.size, max_deficit.size)
    return assemble(
        blocks,
        named("place", *np.divmod(place.ravel(), bins))
        + named("deficit", bin_of, resource_of)
        + named("max_deficit", range(resources)),
        cost=np.repeat((0.0, 1.0, 10.0 * bins * resources), sizes),
        col_upper=np.repeat((1.0, np.inf, np.inf), sizes),
        is_integer=np.repeat((True, False, False), sizes),
        name=f"item-placement-{bins}-{items}-{seed}",
        meta={"seed": seed},
    )


def load_balancing(
    *,
    seed: int = 0,
    workers: int = 1000,
    workloads: int = 60,
    allowed: float = 55.0,
    heavy_min: float = 5.0,
    heavy_max: float = 10.0,
    all_pairs: bool = True,
) -> MILPInstance:
    """
    Fewest workers that can carry all workloads whichever single worker fails. [1]_

    Half the workers are large (capacity uniform in [0.3, 0.5]), half small ([0.1, 0.3]). Five in six workloads are
    light (load in [1, 5]) and ten times as likely to be allowed on a large worker as on a small one; the others are
    heavy, the other way round. Rows: a worker with reserved capacity is in use ("worker_used_ct"), a worker's
    reservations fit ("worker_capacity_ct"), and without any one allowed worker a workload is still carried
    ("workload_ct"). Columns: "worker_used_w" is binary, "reserved_capacity_l_w".

    Draws that no set of workers can carry are drawn again: the parameters are tight, about half of those at the
    competition's sizes. Its files have a column and a row for each pair of workload and worker, most of them
    fixed at zero because the pair is not allowed.

    Parameters
    ----------
    workers, workloads
        Numbers of both, >= 2 and >= 1.
    allowed
        Expected number of allowed workers of a workload, in (0, ``workers``].
    heavy_min, heavy_max
        Range of the loads of heavy workloads, 0 < heavy_min <= heavy_max.
    all_pairs
        As the competition's files; off, pairs that are not allowed are left out: the same problem.

    References
    ----------
    .. [1] Gasse, M., et al. (2022). The machine learning for combinatorial optimization competition (ML4CO): results
           and insights. *Proceedings of Machine Learning Research* 176: 220-231.
    """
    if workers < 2 or workloads < 1:
        raise ValueError(f"workers must be >= 2 and workloads >= 1, got {workers} and {workloads}.")
    if not 0 < allowed <= workers:
        raise ValueError(f"allowed must be in (0, workers], got {allowed}.")
    if not 0 < heavy_min <= heavy_max < math.inf:
        raise ValueError(f"heavy_min and heavy_max must satisfy 0 < min <= max, got {heavy_min} and {heavy_max}.")
    _check_size(workers * workloads)
    rng = np.random.default_rng(seed)
    is_large = np.arange(workers) < (workers + 1) // 2
    is_heavy = np.arange(workloads) >= workloads - workloads // 6
    # Likely pairs are those of a light workload and a large worker, or heavy and small.
    likely = min(1.0, 2.0 * allowed / workers / 1.1)
    unlikely = min(1.0, 2.0 * allowed / workers - likely)
    chance = np.where(is_heavy[:, None] != is_large, likely, unlikely)
    for _ in range(_MAX_DRAWS):
        capacity = np.where(is_large, 0.3, 0.1) + 0.2 * rng.random(workers)
        spread = np.where(is_heavy, heavy_max - heavy_min, 4.0)
        load = np.where(is_heavy, heavy_min, 1.0) + spread * rng.random(workloads)
        is_allowed = rng.random((workloads, workers)) < chance
        if _can_carry(capacity, load, is_allowed):
            break
    else:
        raise ValueError(f"too little capacity: {_MAX_DRAWS} draws have no solution; take more workers or less load.")

    of_load, of_worker = np.nonzero(is_allowed | all_pairs)  # the pairs that get a column, workload by workload
    pairs = np.arange(len(of_load))
    reserved = workers + pairs
    is_real = is_allowed[of_load, of_worker]
    # workload_ct of a real pair (s, f): the reservations of s on all its allowed workers but f.
    real = pairs[is_real]
    counts = np.bincount(of_load[real], minlength=workloads)
    starts = np.concatenate(([0], np.cumsum(counts)))[of_load[real]]
    count = counts[of_load[real]]
    row = np.repeat(np.arange(len(real)), count)
    within = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    other = np.repeat(starts, count) + within
    is_kept = other != row
    blocks = [
        Block(
            named("worker_used_ct", of_load, of_worker),
            np.tile(pairs, 2),
            np.concatenate((of_worker, reserved)),
            np.concatenate((np.maximum(capacity[of_worker], load[of_load]), np.full(len(pairs), -1.0))),
            lower=0.0,
        ),
        Block(named("worker_capacity_ct", range(workers)), of_worker, reserved, upper=capacity),
        Block(
            named("workload_ct", of_load[real], of_worker[real]),
            row[is_kept],
            reserved[real[other[is_kept]]],
            lower=load[of_load[real]],
        ),
    ]
    return assemble(
        blocks,
        named("worker_used", range(workers)) + named("reserved_capacity", of_load, of_worker),
        cost=np.repeat((1.0, 0.0), (workers, len(pairs))),
        col_upper=np.concatenate((np.ones(workers), np.where(is_real, capacity[of_worker], 0.0))),
        is_integer=np.repeat((True, False), (workers, len(pairs))),
        name=f"load-balancing-{workers}-{workloads}-{seed}",
        meta={"seed": seed, "allowed": allowed, "all_pairs": all_pairs},
    )


def _can_carry(capacity: np.ndarray, load: np.ndarray, is_allowed: np.ndarray) -> bool:
    """Whether all workers together carry the loads, each without its largest reservation: a linear program."""
    from scipy.optimize import linprog
    from scipy.sparse import csr_array

    of_load, of_worker = np.nonzero(is_allowed)
    pairs, workloads, workers = np.arange(len(of_load)), *is_allowed.shape
    largest = len(pairs) + np.arange(workloads)  # columns behind those of the pairs
    rows = np.concatenate((of_worker, workers + of_load, workers + np.arange(workloads)))
    rows = np.concatenate((rows, np.tile(workers + workloads + pairs, 2)))
    columns = np.concatenate((pairs, pairs, largest, pairs, largest[of_load]))
    values = np.repeat((1.0, -1.0, 1.0, 1.0, -1.0), (len(pairs), len(pairs), workloads, len(pairs), len(pairs)))
    shape = (workers + workloads + len(pairs), len(pairs) + workloads)
    upper = np.concatenate((capacity, -load, np.zeros(len(pairs))))
    return linprog(np.zeros(shape[1]), A_ub=csr_array((values, (rows, columns)), shape=shape), b_ub=upper).status == 0


def _check_size(count: int) -> None:
    if count > 20_000_000:
        raise ValueError(f"the parameters make {count} pairs; at most 20000000.")


ITEM_PLACEMENT = Generator(
    "milp",
    "item-placement",
    "item placement of ML4CO 2021: spread items evenly over bins",
    item_placement,
    {
        "bins": (int, 10, "number of bins"),
        "resources": (int, 3, "number of resources"),
        "small_items": (int, 100, "items with demands in [0, 0.1]"),
        "big_items": (int, 5, "items with demands in [0.9, 1]"),
    },
)

LOAD_BALANCING = Generator(
    "milp",
    "load-balancing",
    "load balancing of ML4CO 2021: fewest workers that survive any one failure",
    load_balancing,
    {
        "workers": (int, 1000, "number of workers, half of them large"),
        "workloads": (int, 60, "number of workloads, one in six heavy"),
        "allowed": (float, 55.0, "expected number of allowed workers of a workload"),
        "heavy_min": (float, 5.0, "least load of a heavy workload"),
        "heavy_max": (float, 10.0, "largest load of a heavy workload"),
        "all_pairs": (bool, True, "columns and rows also for pairs that are not allowed, as in the competition"),
    },
)
