"""MILPs as graphs, and the network on them: order and units must not matter, coefficients must."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array, vstack
from torch_geometric.data import Batch

import cosolve
from cosolve.core.errors import InvalidFileError
from cosolve.core.problem import judge
from cosolve.instances.generators import generate
from cosolve.instances.milp import MILPInstance, Values
from cosolve.models.ctc.config import ModelConfig
from cosolve.models.ctc.graph import COLUMN_FEATURES, COLUMN_QUICK, ROW_QUICK, facts, graph_of
from cosolve.models.ctc.network import Network
from cosolve.models.ctc.node_sets import node_set_problem
from cosolve.models.ctc.quick import agreement, kept_quick_solutions, quick_solutions
from cosolve.models.ctc.relaxation import rounded, solve_relaxation
from cosolve.models.ctc.rows import may_be_imposed, tight

INF = np.inf

VARIANTS = [{}, {"types": False}, {"gates": False}, {"relaxation": False}, {"types": False, "gates": False}]


def auction(seed=1):
    return generate("milp", "auction", seed=seed, items=12, bids=40)


def network(**settings):
    torch.manual_seed(0)
    return Network(ModelConfig(width=16, heads=2, **settings)).eval()


def with_relaxation(instance):
    return graph_of(instance, relaxation=solve_relaxation(instance))


def predict(net, *instances):
    with torch.no_grad():
        return net(Batch.from_data_list([with_relaxation(instance) for instance in instances]))


def permuted(instance, rng):
    """The same MILP with rows and columns in another order."""
    rows, columns = rng.permutation(len(instance.row_lower)), rng.permutation(instance.size)
    matrix = instance.matrix[rows][:, columns]
    matrix.sort_indices()
    other = replace(
        instance,
        cost=instance.cost[columns],
        col_lower=instance.col_lower[columns],
        col_upper=instance.col_upper[columns],
        is_integer=instance.is_integer[columns],
        row_lower=instance.row_lower[rows],
        row_upper=instance.row_upper[rows],
        data=matrix.data,
        indices=matrix.indices,
        indptr=matrix.indptr,
        row_names=tuple(instance.row_names[i] for i in rows),
        col_names=tuple(instance.col_names[i] for i in columns),
    )
    return other, rows, columns


@pytest.mark.parametrize("settings", VARIANTS, ids=str)
def test_order_of_rows_and_columns_does_not_matter(settings):
    """A MILP is a set of rows; what is learned of one order must hold in all."""
    instance = auction()
    # No relaxation: its optimum need not be unique.
    net = network(**{**settings, "relaxation": False})
    other, rows, columns = permuted(instance, np.random.default_rng(3))
    row_logits, column_logits = predict(net, instance)
    other_rows, other_columns = predict(net, other)
    torch.testing.assert_close(other_rows[:-1], row_logits[:-1][rows], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(other_columns, column_logits[columns], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("settings", VARIANTS, ids=str)
def test_an_instance_does_not_see_the_rest_of_its_batch(settings):
    """Attention, gates and types pool over one graph: the released code mixed the graphs of a batch."""
    one, two = auction(1), generate("milp", "vertex-cover", seed=2, nodes=30)
    net = network(**settings)
    alone, together = predict(net, one), predict(net, two, one)
    for single, both in zip(alone, together, strict=True):
        torch.testing.assert_close(both[-len(single) :], single, atol=1e-5, rtol=1e-5)


def test_units_do_not_matter():
    """Rows in grams and costs in cents are the same problem."""
    instance = generate("milp", "set-cover", seed=3, rows=20, columns=30, density=0.2)
    scale = np.repeat(np.arange(1, 21) * 3.0, np.diff(instance.indptr))
    sides = instance.row_lower * scale[instance.indptr[:-1]]
    other = replace(instance, cost=instance.cost * 100, data=instance.data * scale, row_lower=sides)
    first, second = graph_of(instance), graph_of(other)
    torch.testing.assert_close(first["column"].x, second["column"].x)
    torch.testing.assert_close(first["row"].x[:, :7], second["row"].x[:, :7])


def test_coefficients_reach_the_messages():
    """The released network lost them in a normalisation over one number."""
    instance = auction()
    graph = with_relaxation(instance)
    other = graph.clone()
    other["column", "in", "row"].edge_attr = graph["column", "in", "row"].edge_attr * 0.5
    net = network()
    with torch.no_grad():
        first, second = (net(Batch.from_data_list([g]))[0] for g in (graph, other))
    assert (first - second).abs().max() > 1e-3


def test_without_the_relaxation_its_features_are_not_seen():
    """An ablation that still sees the duals ablates nothing."""
    instance = auction()
    net = network(relaxation=False)
    with_it, without = with_relaxation(instance), graph_of(instance)
    assert with_it["column"].x[:, COLUMN_FEATURES:].any()
    assert not without["column"].x[:, COLUMN_FEATURES:].any()
    with torch.no_grad():
        for a, b in zip(net(Batch.from_data_list([with_it])), net(Batch.from_data_list([without])), strict=True):
            torch.testing.assert_close(a, b)


@pytest.mark.parametrize("maximise", [False, True])
def test_duals_and_reduced_costs_satisfy_the_optimality_conditions(maximise):
    """Signs differ between solvers, senses and sides; these are what the features rely on."""
    instance = generate("milp", "item-placement", seed=1) if not maximise else auction()
    found = solve_relaxation(instance)
    sign = -1.0 if instance.maximize else 1.0
    np.testing.assert_allclose(sign * instance.cost - instance.matrix.T @ found.duals, found.reduced_costs, atol=1e-7)
    inside = (found.activities > instance.row_lower + 1e-6) & (found.activities < instance.row_upper - 1e-6)
    assert np.abs(found.duals[inside]).max() < 1e-7
    assert (found.duals[found.activities < instance.row_upper - 1e-6] >= -1e-7).all()
    free = (found.values > instance.col_lower + 1e-6) & (found.values < instance.col_upper - 1e-6)
    assert np.abs(found.reduced_costs[free]).max() < 1e-7


def test_an_infeasible_relaxation_is_no_relaxation():
    """The network then does without it; that the MILP is infeasible too is for the solver to say."""
    instance = replace(auction(), row_upper=np.full(len(auction().row_upper), -1.0))
    assert solve_relaxation(instance) is None
    assert not with_relaxation(instance)["row"].x[:, -3:].any()


def test_a_relaxation_is_rounded_to_the_sides_that_no_row_minds():
    """Of a load balancing, workers used in part are used; items that must be placed have no such side."""
    instance = generate(
        "milp", "load-balancing", seed=1, workers=60, workloads=6, allowed=30.0, heavy_min=2.0, heavy_max=4.0
    )
    relaxation = solve_relaxation(instance)
    values = rounded(instance, relaxation.values)
    assert judge(instance, Values(values=values)).feasible
    assert values @ instance.cost < instance.is_integer.sum()
    assert (values[instance.is_integer] >= relaxation.values[instance.is_integer] - 1e-6).all()
    packing = auction()
    values = rounded(packing, solve_relaxation(packing).values)
    assert judge(packing, Values(values=values)).feasible
    assert rounded(packing, np.full(packing.size, 1e-9)).tolist() == [0] * packing.size
    placement = generate("milp", "item-placement", seed=1)
    assert rounded(placement, solve_relaxation(placement).values) is None


def test_the_objective_is_the_last_row_and_types_are_families():
    """Auctions have one type of columns, two of rows, and the objective."""
    instance = auction()
    graph = graph_of(instance)
    assert graph["row"].num_nodes == len(instance.row_lower) + 1
    assert graph["type"].num_nodes == 4
    assert graph["row", "is", "type"].edge_index[1, -1] == 3
    edges = graph["column", "in", "row"].edge_index
    assert (edges[1] == len(instance.row_lower)).sum() == np.count_nonzero(instance.cost)
    families = np.array(instance.row_families)
    numbers = graph["row", "is", "type"].edge_index[1, :-1].numpy()
    assert len(set(zip(families.tolist(), numbers.tolist(), strict=True))) == 2


def test_rows_of_a_family_are_found_by_name_and_by_structure():
    """A file without names still has its structural types."""
    instance = auction()
    is_bidder = np.array(instance.row_families) == "bidder"
    assert (may_be_imposed(instance, "bidder") == is_bidder).all()
    nameless = replace(instance, row_names=())
    assert not may_be_imposed(nameless, "bidder").any()
    assert may_be_imposed(nameless, "bidder,set_packing").all()
    assert may_be_imposed(instance, "").all()


@pytest.mark.parametrize("name", ["R{}", "c{}", "_C{}"])
def test_rows_that_other_tools_named_are_found_by_structure(name):
    """Gurobi, SCIP and PuLP name rows by number: no row of their files was ever imposed."""
    instance = generate("milp", "vertex-cover", seed=1, nodes=30)
    other = replace(instance, row_names=tuple(name.format(row) for row in range(len(instance.row_lower))))
    assert may_be_imposed(other, "edge,set_covering").all()
    assert not may_be_imposed(other, "edge").any()
    # Names tell more than structure where they are known.
    mixed = replace(other, row_names=("edge_0", *other.row_names[1:]))
    assert may_be_imposed(mixed, "edge,set_covering").sum() == 1


def test_equal_costs_have_no_spread():
    """The mean of 0.1, 0.1, ... is another number, and what was learned on equal costs refused these."""
    instance = generate("milp", "vertex-cover", seed=1, nodes=30)
    assert facts(replace(instance, cost=np.full(30, 0.1)))["cost_spread"] == 0.0
    assert facts(replace(instance, cost=np.linspace(1, 1.001, 30)))["cost_spread"] > 0.0


def test_the_spread_of_huge_costs_is_that_of_small_ones():
    """Squares of 1e200 are infinite, and so was the spread."""
    instance = generate("milp", "vertex-cover", seed=1, nodes=30)
    spread = facts(replace(instance, cost=np.linspace(1, 2, 30)))["cost_spread"]
    with np.errstate(all="raise"):
        assert facts(replace(instance, cost=np.linspace(1e200, 2e200, 30)))["cost_spread"] == pytest.approx(spread)


def test_node_set_problems_are_recognised():
    """The graph problem behind it has the same optimum; what is none is refused."""
    for family in ("independent-set", "vertex-cover"):
        instance = generate("milp", family, seed=4, nodes=30)
        problem = node_set_problem(instance)
        found = cosolve.solve(problem.unweighted(), time_limit=20)
        x = problem.values(found.solution.nodes)
        sign = -1 if instance.maximize else 1
        rows = LinearConstraint(instance.matrix, instance.row_lower, instance.row_upper)
        best = milp(sign * instance.cost, integrality=np.ones(30), bounds=Bounds(0, 1), constraints=rows)
        assert judge(instance, Values(values=x)).feasible
        assert instance.cost @ x == pytest.approx(sign * best.fun)
    with pytest.raises(ValueError, match="one cost"):
        node_set_problem(auction()).unweighted()
    with pytest.raises(ValueError, match=r"rows must be"):
        node_set_problem(
            replace(generate("milp", "set-cover", seed=1, rows=20, columns=30, density=0.2), cost=np.ones(30))
        )


def test_rows_that_forbid_nothing_are_no_obstacle_to_a_node_set():
    """Other generators write a row x <= 1 for each node without neighbours; x <= 0 is another matter."""
    instance = generate("milp", "independent-set", seed=4, nodes=30)
    matrix = vstack([instance.matrix, csr_array(([1.0], ([0], [7])), shape=(1, 30))])
    for side, is_fine in ((1.0, True), (0.0, False)):
        other = MILPInstance.from_scipy(
            matrix,
            cost=instance.cost,
            row_upper=np.append(instance.row_upper, side),
            col_upper=1.0,
            is_integer=True,
            maximize=True,
        )
        if is_fine:
            assert node_set_problem(other).unweighted() == node_set_problem(instance).unweighted()
        else:
            with pytest.raises(ValueError, match="rows must be"):
                node_set_problem(other)


def weighted_cover():
    """Least weight of nodes that touch each edge of a graph."""
    instance = generate("milp", "vertex-cover", seed=4, nodes=40)
    return replace(instance, cost=np.random.default_rng(4).uniform(1, 9, 40))


def rewarded():
    """A minimisation of an auction's negative prices, some of them positive."""
    instance = auction()
    cost = -instance.cost
    cost[:5] *= -1
    return replace(instance, cost=cost, maximize=False)


def fined():
    """An auction with bids that cost far more than others bring."""
    instance = auction()
    return replace(instance, cost=np.where(np.arange(40) % 3, instance.cost, -1e4))


def far_apart():
    """One bid is worth 1e12 times as much as the rest."""
    instance = auction()
    return replace(instance, cost=np.append(instance.cost[:-1], 1e12 * instance.cost[-1]))


def tiny():
    """Prices near the least numbers there are."""
    return replace(auction(), cost=1e-305 * auction().cost)


def set_cover():
    """Iterated greedy is for these."""
    return generate("milp", "set-cover", seed=1, rows=40, columns=60, density=0.2)


@pytest.mark.parametrize(
    "instance",
    [auction(), weighted_cover(), rewarded(), fined(), set_cover()],
    ids=["auction", "cover", "rewarded", "fined", "set cover"],
)
def test_quick_solutions_are_feasible_and_good(instance):
    """They are offered as solutions before anything else is known."""
    told = []
    found = quick_solutions(instance, on_better=told.append)
    rows = LinearConstraint(instance.matrix, instance.row_lower, instance.row_upper)
    sign = -1 if instance.maximize else 1
    best = milp(sign * instance.cost, integrality=np.ones(instance.size), bounds=Bounds(0, 1), constraints=rows)
    assert found.shape == (8, instance.size)
    assert all(judge(instance, Values(values=values)).feasible for values in [*found, *told])
    objectives = sign * np.array([instance.cost @ values for values in told])
    assert (np.diff(objectives) < 0).all()
    assert objectives[-1] == pytest.approx(best.fun) == (sign * found @ instance.cost).min()


def test_quick_solutions_of_a_large_auction_are_near_its_best():
    """Where losses were measured by the weight of the whole solution, runs drifted and ended 2 % from it."""
    instance = generate("milp", "auction", seed=90_000, items=200, bids=1000)
    objectives = quick_solutions(instance) @ instance.cost
    optimum = 16_046.961796  # proven by SCIP
    assert 0.992 * optimum < objectives.max() <= optimum + 1e-6
    assert objectives.mean() > 0.984 * optimum


@pytest.mark.parametrize(("instance", "same"), [(far_apart(), slice(-1)), (tiny(), slice(None))], ids=["far", "tiny"])
def test_quick_solutions_do_not_lose_what_is_small(instance, same):
    """Weights become whole numbers: next to a price of 1e12 all others were worth nothing, and 1e-305 too much."""
    values = quick_solutions(instance)
    assert all(judge(instance, Values(values=row)).feasible for row in values)
    rows = LinearConstraint(instance.matrix, instance.row_lower, instance.row_upper)
    cost = auction().cost[same]
    lower = np.zeros(40)
    if len(cost) < 40:
        assert values[:, -1].all()
        lower[-1] = 1.0
    best = milp(-auction().cost, integrality=np.ones(40), bounds=Bounds(lower, 1), constraints=rows)
    assert (values @ auction().cost).max() == pytest.approx(-best.fun)


def test_what_looks_at_many_pairs_looks_at_the_clock():
    """One node over 100,000 others took a slice of a hundred perturbations four seconds, and of 200,000 fourteen."""
    n = 50_000
    pairs = np.column_stack([np.zeros(n - 1, np.int64), np.arange(1, n)]).ravel()
    star = csr_array((np.ones(2 * n - 2), pairs, np.arange(0, 2 * n - 1, 2)), shape=(n - 1, n))
    cost = np.append(10.0 * n, np.ones(n - 1))
    instance = MILPInstance.from_scipy(star, cost=cost, row_upper=1, col_upper=1, is_integer=True, maximize=True)
    looks, told = iter([False] * 5 + [True] * 100), []
    assert quick_solutions(instance, should_stop=lambda: next(looks), on_better=told.append) is None
    assert told[-1].sum() == told[-1][0] == 1.0


def test_kept_quick_solutions_are_not_made_again(tmp_path, monkeypatch):
    """A slice of a long training has what those before it found, and a line that was cut off is made again."""
    partition = replace(set_cover(), row_upper=np.ones(40))
    instances = [*(auction(seed) for seed in range(2)), set_cover(), partition]
    keep, done = tmp_path / "quick.jsonl", []
    looks = iter([False] * 60 + [True] * 10_000)
    some = kept_quick_solutions(instances, keep, should_stop=lambda: next(looks))
    assert 0 < len(some) < 4
    found = kept_quick_solutions(instances, keep, threads=2, on_progress=lambda *counts: done.append(counts))
    assert done == [(k, 4) for k in range(len(some) + 1, 5)]
    assert [found[one.digest] is None for one in instances] == [False, False, False, True]
    assert all((found[one.digest] == quick_solutions(one)).all() for one in instances[:3])
    text = keep.read_text()
    keep.write_text(text[:-3])
    kept_quick_solutions(instances, keep)
    assert keep.read_text() == text
    monkeypatch.setattr("cosolve.models.ctc.quick.quick_solutions", None)
    again = kept_quick_solutions(instances, keep)
    assert all(np.array_equal(again[key], found[key]) for key in found if found[key] is not None)
    for line in ("{}", "[1]", "nothing", json.dumps({"digest": instances[0].digest, "ones": [[40]]})):
        keep.write_text(text + line + "\n")
        with pytest.raises(InvalidFileError, match=r"quick.jsonl:5.*delete"):
            kept_quick_solutions(instances, keep)


def test_rows_that_nothing_meets_make_no_node_set():
    """A row of at least infinity and at most 1 is no packing."""
    instance = auction()
    with pytest.raises(ValueError, match="allows nothing"):
        node_set_problem(replace(instance, row_lower=np.where(np.arange(len(instance.row_lower)) == 2, INF, -INF)))


def test_no_quick_solutions_of_other_problems_or_without_time():
    """What is finished when time is up is used all the same."""
    assert quick_solutions(generate("milp", "item-placement", seed=1)) is None
    assert quick_solutions(set_cover(), should_stop=lambda: True) is None
    assert quick_solutions(replace(auction(), cost=np.full(40, -1.0))) is None
    assert quick_solutions(auction(), should_stop=lambda: True) is None
    for instance, many in ((auction(), 10), (set_cover(), 5_000)):
        looks = iter([False] * many + [True] * 100)
        assert 1 <= len(quick_solutions(instance, should_stop=lambda looks=looks: next(looks))) < 8


def test_agreement_is_by_share_by_weight_and_of_the_best():
    """A solution half a per cent worse than the best counts a third of it."""
    instance = replace(auction(), cost=np.append(np.array([1000.0, 5.0]), np.zeros(38)))
    solutions = np.zeros((3, 40))
    solutions[:2, 0] = 1.0
    solutions[0, 1] = 1.0
    weight = np.exp(-200 * 5 / 1005)
    share, weighted, best = agreement(instance, solutions, solutions > 0.5)[1]
    assert (share, best) == (pytest.approx(1 / 3), 1.0)
    assert weighted == pytest.approx(1 / (1 + weight), rel=1e-6)


def test_quick_solutions_reach_a_network_that_takes_them():
    """One that was trained without them has the same weights as before, and never sees them."""
    instance = auction()
    found = quick_solutions(instance)
    plain, with_them = graph_of(instance), graph_of(instance, quick=found)
    assert (plain["row"].x[:, -ROW_QUICK:] == 0).all()
    assert (with_them["column"].x[:, -1].numpy() == found[(found @ instance.cost).argmax()]).all()
    met = tight(instance, found).mean(axis=0)
    assert with_them["row"].x[:-1, -ROW_QUICK].numpy() == pytest.approx(met)
    for quick, differs in ((True, True), (False, False)):
        net = network(quick=quick)
        with torch.no_grad():
            answers = [net(Batch.from_data_list([graph]))[1] for graph in (plain, with_them)]
        assert torch.equal(*answers) != differs
    assert (
        network(quick=True).embed_columns[0].in_features
        == network(quick=False).embed_columns[0].in_features + COLUMN_QUICK
    )
