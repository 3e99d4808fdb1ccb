"""MILP families: published sizes and distributions, and that the rows mean what they should."""

from __future__ import annotations

from collections import Counter
from itertools import combinations, product

import numpy as np
import pytest
from scipy.optimize import linprog

import cosolve
from cosolve.instances.generators import generators
from cosolve.instances.generators.graph_milps import clique_partition
from cosolve.instances.graphs import Graph
from tests.solvers.milps import brute_force

SMALL = {
    "set-cover": {"rows": 20, "columns": 30, "density": 0.2},
    "auction": {"items": 8, "bids": 20},
    "independent-set": {"nodes": 14, "affinity": 3},
    "vertex-cover": {"nodes": 14, "degree": 3},
    "facility": {"facilities": 3, "customers": 5},
    "item-placement": {"bins": 2, "resources": 2, "small_items": 5, "big_items": 2},
    "load-balancing": {"workers": 40, "workloads": 2, "allowed": 25.0},
}


def family(name, seed=0, **parameters):
    return cosolve.generate("milp", name, seed=seed, **{**SMALL[name], **parameters})


def dense(instance, row_family=""):
    chosen = [k for k, name in enumerate(instance.row_families) if name.startswith(row_family)]
    return instance.matrix.toarray()[chosen]


@pytest.mark.parametrize(
    ("name", "parameters", "columns", "rows"),
    [
        ("set-cover", {"rows": 500, "columns": 1000, "density": 0.05}, 1000, {"cover": 500}),
        ("vertex-cover", {"nodes": 4000, "degree": 5}, 4000, {"edge": 19_975}),
        (
            "facility",
            {"facilities": 100, "customers": 100},
            10_100,
            {"demand": 100, "capacity": 100, "total_capacity": 1, "affinity": 10_000},
        ),
        (
            "item-placement",
            {"bins": 10, "resources": 3, "small_items": 100, "big_items": 5},
            1083,
            {"copies_ct": 105, "supply_ct": 30, "deficit_ct": 30, "max_deficit_ct": 30},
        ),
    ],
)
def test_published_sizes_are_met_exactly(name, parameters, columns, rows):
    """Gasse et al. 2019 (set cover, facility), ML4CO 2021 (195 rows), BA(4000, 5): another is another benchmark."""
    instance = family(name, **parameters)
    assert instance.size == columns
    assert Counter(instance.row_families) == rows


def test_auction_of_2000_items_has_the_published_number_of_rows():
    """The instance shipped with Constraint Matters: 2000 item rows and 742 of bidders, mean lengths 8.0 and 4.3."""
    instance = family("auction", items=2000, bids=4000)
    rows = Counter(instance.row_families)
    lengths = np.diff(instance.indptr)
    is_item = np.array(instance.row_families) == "item"
    assert instance.size == 4000
    assert 1980 <= rows["item"] <= 2000
    assert pytest.approx(rows["bidder"], rel=0.05) == 742
    assert lengths[is_item].mean() == pytest.approx(8.0, rel=0.1)
    assert lengths[~is_item].mean() == pytest.approx(4.3, rel=0.1)
    assert instance.sense == "max"


def test_independent_set_of_6000_nodes_has_the_published_rows():
    """The shipped instance: 23,909 rows of two and 25 of three; its 1,693 rows of one are left out here."""
    instance = family("independent-set", nodes=6000, affinity=4)
    lengths = Counter(np.diff(instance.indptr).tolist())
    assert lengths[1] == 0
    assert lengths[2] == pytest.approx(23_909, rel=0.002)
    assert 5 <= lengths[3] <= 60
    assert sum(size * (size - 1) // 2 * count for size, count in lengths.items()) == 4 * (6000 - 4)


def test_load_balancing_has_the_size_of_the_competition():
    """load_balancing_9900 has 61,000 columns, 1,000 of them binary, and 64,286 rows."""
    instance = family("load-balancing", workers=1000, workloads=60, allowed=55.0)
    rows = Counter(instance.row_families)
    assert instance.size == 61_000
    assert instance.is_integer.sum() == 1000
    assert (rows["worker_used_ct"], rows["worker_capacity_ct"]) == (60_000, 1000)
    assert rows["workload_ct"] == pytest.approx(3300, rel=0.06)
    assert (instance.col_upper[1000:] > 0).sum() == rows["workload_ct"]


def test_set_cover_follows_balas_and_ho():
    """Density as asked, costs over the whole range, no row without a column, no column with fewer than two rows."""
    instance = family("set-cover", rows=500, columns=1000, density=0.05)
    matrix = dense(instance)
    assert matrix.sum() == 25_000
    assert matrix.sum(axis=1).min() >= 1
    assert matrix.sum(axis=0).min() >= 2
    assert set(np.unique(matrix)) == {0, 1}
    assert (instance.cost.min(), instance.cost.max()) == (1, 100)
    assert instance.cost.mean() == pytest.approx(50.5, rel=0.1)


@pytest.mark.parametrize("density", [0.1, 0.5, 1.0])
def test_set_cover_keeps_its_density_up_to_all_ones(density):
    """Columns that are full must pass their entries on."""
    assert dense(family("set-cover", rows=20, columns=15, density=density)).sum() == int(20 * 15 * density)


def test_item_placement_measures_deficits_against_the_mean_load():
    """All in one bin: its deficit is 0, the other's 1, whatever the demands."""
    instance = family("item-placement")
    rows = dense(instance, "deficit_ct")
    place = [instance.col_names.index(f"place_{item}_0") for item in range(7)]
    assert rows[:2, place].sum(axis=1) == pytest.approx(2)  # bins / total times the whole demand
    assert rows[2:, place].sum() == 0
    assert instance.cost[instance.col_names.index("max_deficit_1")] == 10 * 2 * 2
    supply = np.array(instance.row_families) == "supply_ct"
    assert instance.row_upper[supply][:2] == pytest.approx(dense(instance, "supply_ct")[:2, place].sum(axis=1))


def test_solved_load_balancing_survives_any_failure():
    """The point of workload_ct: what is reserved on all workers but any one still carries the load."""
    objectives = set()
    for all_pairs in (True, False):
        instance = family("load-balancing", seed=2, all_pairs=all_pairs)
        result = cosolve.solve(instance, "highs", time_limit=30)
        assert result.status == cosolve.Status.OPTIMAL
        reserved = {}
        for name, value in zip(instance.col_names, result.solution.values, strict=True):
            if name.startswith("reserved"):
                load, worker = map(int, name.split("_")[-2:])
                reserved.setdefault(load, np.zeros(40))[worker] = value
        loads = dict(zip(instance.row_names, instance.row_lower, strict=True))
        for load, amounts in reserved.items():
            needed = {value for name, value in loads.items() if name.startswith(f"workload_ct_{load}_")}
            assert len(needed) == 1
            assert amounts.sum() - amounts.max() >= needed.pop() - 1e-6
        used = {name for name, value in zip(instance.col_names, result.solution.values, strict=True) if value > 1e-6}
        for load, amounts in reserved.items():
            assert all(f"worker_used_{w}" in used for w in np.flatnonzero(amounts > 1e-6)), load
        objectives.add(result.objective)
    assert len(objectives) == 1  # both forms are the same problem


def test_set_and_cover_complement_each_other():
    """Gallai: the nodes outside a largest independent set are a smallest vertex cover. Clique rows must not matter."""
    for seed in range(5):
        independent = brute_force(family("independent-set", seed=seed))
        assert independent + brute_force(family("vertex-cover", seed=seed)) == 14


def test_clique_partition_is_one():
    """Each node in one clique, all pairs within joined."""
    rng = np.random.default_rng(5)
    edges = np.array([pair for pair in combinations(range(30), 2) if rng.random() < 0.4])
    cliques = clique_partition(Graph.from_edges(30, edges[:, 0], edges[:, 1]))
    assert sorted(node for clique in cliques for node in clique) == list(range(30))
    joined = set(map(tuple, edges.tolist()))
    assert all(pair in joined for clique in cliques for pair in combinations(clique, 2))
    assert max(map(len, cliques)) >= 3


def test_auction_sells_each_item_once_and_serves_a_bidder_once():
    """Rows of items hold exactly the bids on them: an oracle that packs bundles by sets must agree."""
    instance = family("auction")
    items, bidders = dense(instance, "item"), dense(instance, "bidder")
    assert len(bidders) >= 1
    assert (bidders.sum(axis=1) > 2).all()
    groups = {bid: row for row, line in enumerate(bidders) for bid in np.flatnonzero(line)}
    best = 0.0
    stack = [(0, frozenset(), frozenset(), 0.0)]
    while stack:
        bid, sold, served, money = stack.pop()
        best = max(best, money)
        if bid == instance.size:
            continue
        stack.append((bid + 1, sold, served, money))
        bundle = frozenset(np.flatnonzero(items[:, bid]))
        group = groups.get(bid)
        if not bundle & sold and group not in served:
            served_now = served if group is None else served | {group}
            stack.append((bid + 1, sold | bundle, served_now, money + instance.cost[bid]))
    result = cosolve.solve(instance, "highs", time_limit=30)
    assert result.objective == pytest.approx(best)


def test_facility_is_the_published_problem():
    """Every choice of open facilities with the cheapest flow from them: an oracle without affinity rows."""
    for seed in range(3):
        data = cosolve.generate("cflp", "cornuejols", seed=seed, facilities=3, customers=5)
        best = np.inf
        for is_open in product([0.0, 1.0], repeat=3):
            supply = np.kron(np.eye(3), np.ones(5))
            demand = np.kron(np.ones(3), np.eye(5))
            unit_cost = (data.cost / data.demand).ravel()
            flow = linprog(unit_cost, supply, data.capacity * is_open, demand, data.demand)
            if flow.status == 0:
                best = min(best, flow.fun + data.fixed_cost @ is_open)
        result = cosolve.solve(family("facility", seed=seed), "highs", time_limit=30)
        assert result.status == cosolve.Status.OPTIMAL
        assert result.objective == pytest.approx(best, rel=1e-6)


@pytest.mark.parametrize("name", sorted(SMALL))
def test_same_seed_same_instance_another_seed_another(name):
    """Suites name instances by their seeds; names and families come along."""
    first, again, other = (family(name, seed=seed) for seed in (3, 3, 4))
    assert first == again
    assert first != other
    assert len(set(first.row_names)) == len(first.row_lower)
    assert len(set(first.col_names)) == first.size
    assert "" not in first.row_families + first.col_families


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("set-cover", {"density": 0.01}, "density must be in"),
        ("set-cover", {"rows": 1}, "rows and columns must be >= 2"),
        ("auction", {"items": 0}, "items must be in 1..20000"),
        ("auction", {"add_item_prob": 1.0}, "add_item_prob must be in"),
        ("auction", {"min_value": 200.0}, "min_value must be in"),
        ("independent-set", {"nodes": 3}, "nodes must be in 4.."),
        ("vertex-cover", {"degree": 0}, "degree must be >= 1"),
        ("facility", {"ratio": 0.5}, "ratio must be a finite number >= 1"),
        ("item-placement", {"bins": 0}, "bins and resources must be >= 1"),
        ("item-placement", {"bins": 10**6, "small_items": 10**6}, "at most 20000000"),
        ("load-balancing", {"allowed": 41.0}, "allowed must be in"),
        ("load-balancing", {"heavy_min": 11.0}, "heavy_min and heavy_max"),
        ("load-balancing", {"workers": 1}, "workers must be >= 2"),
    ],
)
def test_impossible_parameters_are_refused(name, parameters, message):
    """Before anything is drawn."""
    with pytest.raises(ValueError, match=message):
        family(name, **parameters)


@pytest.mark.parametrize("name", generators.names())
def test_parameters_of_other_types_are_refused_by_their_names(name):
    """Half a row made another parameter impossible, half a machine ended in the compiler, a text in a comparison."""
    parameters = generators.get(name).parameters
    required = {key: 9 for key, (_, default, _) in parameters.items() if default is None}
    for key, (kind, _, _) in parameters.items():
        wrong, meaning = {int: ((2.5, "7", True), "an integer"), float: (("7", True), "a number")}.get(kind, ((), ""))
        for value in wrong:
            with pytest.raises(ValueError, match=f"{key} must be {meaning}, got {value!r}"):
                cosolve.generate(*name.split("/"), **{**required, key: value})


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("milp/auction", {"budget_factor": -1.0}, "budget_factor must be"),
        ("milp/auction", {"resale_factor": float("nan")}, "resale_factor must be"),
        ("mis/rb", {"tightness": 1e-300}, "draws, at most"),
        ("mis/rb", {"tightness": 1e-9}, "draws, at most"),
        ("cvrp/x", {"route_size": 1.7e308}, "route_size must be"),
        ("cpmp/osman", {"tightness": 1e-320}, "tightness must be"),
        ("tsp/dimacs", {"size": 2**63}, "size must be"),
        ("fjsp/taillard", {"jobs": 2**63}, "jobs must be"),
        ("fjsp/taillard", {"machines": 2**63}, "machines must be"),
    ],
)
def test_extreme_parameters_are_one_clear_line(name, parameters, message):
    """They overflowed, divided by zero, did not end, or turned a part of the model off."""
    with pytest.raises(ValueError, match=message):
        cosolve.generate(*name.split("/"), **parameters)
