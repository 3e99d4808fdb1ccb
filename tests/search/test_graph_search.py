"""Kernels for independent and dominating sets against brute force."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.sparse import csr_array

import cosolve
from cosolve.instances.generators import generate
from cosolve.instances.graphs import Graph
from cosolve.search import mds, mds_reduce, mis, mis_penalties, mis_reduce, numvc, weighted_mis
from cosolve.search.mds_bound import Lagrangian
from cosolve.solvers.local_search.mds import make_cover
from cosolve.solvers.local_search.mis import cover_cliques, make_kernel

graphs = st.integers(1, 9).flatmap(
    lambda n: st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=3 * n).map(
        lambda edges: Graph.from_edges(n, *np.array(edges, np.int64).reshape(-1, 2).T)
    )
)


def closed(graph):
    return [{v, *graph.neighbours(v).tolist()} for v in range(graph.num_nodes)]


def independence_number(graph):
    near = closed(graph)
    n = graph.num_nodes
    return max(k for k in range(n + 1) for s in combinations(range(n), k) if all(near[v] & set(s) == {v} for v in s))


def domination_number(graph):
    near = closed(graph)
    n = graph.num_nodes
    return min(
        k for k in range(n + 1) for s in combinations(range(n), k) if len(set().union(*(near[v] for v in s))) == n
    )


def check_independent(graph, nodes):
    assert len(set(nodes)) == len(nodes)
    near = closed(graph)
    assert all(near[v] & set(nodes) == {v} for v in nodes)


@settings(deadline=None, max_examples=150)
@given(graphs)
def test_mis_reductions_keep_an_optimum_and_covers_bound_it(graph):
    """A rule that cuts off all optima, or a bound below the optimum, would make false proofs."""
    optimum = independence_number(graph)
    kernel = make_kernel(graph)
    inner = 0
    if len(kernel.kept):
        inner = independence_number(Graph(kernel.indptr, kernel.indices))
    assert len(kernel.taken) + inner == optimum
    clique, count = cover_cliques(kernel.indptr, kernel.indices, np.random.default_rng(0))
    assert len(kernel.taken) + count >= optimum
    for c in range(count):
        members = kernel.kept[clique == c].tolist()
        assert len(members) > 0
        assert all(b in closed(graph)[a] for a in members for b in members)


class Clock:
    """Time is up after so many looks at the clock."""

    def __init__(self, looks):
        self.left = looks

    def should_stop(self):
        self.left -= 1
        return self.left < 0


@contextmanager
def smallest_slices(reductions):
    """The clock is looked at after each entry of the queue: Hypothesis allows no fixture of a function."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reductions, "_AT_ONCE", 1)
        yield


@settings(deadline=None, max_examples=80)
@given(graphs, st.integers(0, 15))
def test_mis_reductions_that_are_cut_off_keep_an_optimum_too(graph, looks):
    """They were one kernel that nobody could stop, 1.2 s at 16,000 nodes of degree 130."""
    with smallest_slices(mis_reduce):
        kernel = make_kernel(graph, Clock(looks))
        whole = make_kernel(graph, Clock(10**6))
    inner = independence_number(Graph(kernel.indptr, kernel.indices)) if len(kernel.kept) else 0
    assert len(kernel.taken) + inner == independence_number(graph)
    at_once = make_kernel(graph)
    assert np.array_equal(whole.kept, at_once.kept)
    assert np.array_equal(whole.taken, at_once.taken)


@settings(deadline=None, max_examples=80)
@given(graphs, st.integers(0, 15))
def test_edge_cliques_in_slices_are_those_at_once_or_none(graph, looks):
    """1.3 s at 16,000 nodes of degree 130 that nobody could stop; a cover that misses edges is a wrong model."""
    args = (graph.indptr, graph.indices)
    ptr, members = mis_reduce.edge_clique_cover(*args)
    clock = Clock(looks)
    with smallest_slices(mis_reduce):
        sliced = mis_reduce.edge_clique_cover(*args, clock.should_stop)
    assert (sliced is None) == (clock.left < 0)
    if sliced is not None:
        assert np.array_equal(sliced[0], ptr)
        assert np.array_equal(sliced[1], members)


@settings(deadline=None, max_examples=100)
@given(graphs)
def test_edge_cliques_are_cliques_and_hold_every_edge(graph):
    """A missing edge makes the model accept wrong sets, a false clique cuts off good ones."""
    ptr, members = mis_reduce.edge_clique_cover(graph.indptr, graph.indices)
    held = set()
    for row in range(len(ptr) - 1):
        clique = sorted(members[ptr[row] : ptr[row + 1]].tolist())
        assert len(set(clique)) == len(clique)
        held |= set(combinations(clique, 2))
    assert held == {tuple(e) for e in graph.edges().tolist()}


@settings(deadline=None, max_examples=60)
@given(graphs, st.integers(0, 2**40))
def test_independent_set_searches_find_the_optimum_of_tiny_graphs(graph, seed):
    """All searches keep their books right: the set is independent and, this small, largest."""
    optimum = independence_number(graph)
    n = graph.num_nodes
    start = mis_reduce.greedy(graph.indptr, graph.indices, np.arange(n, dtype=np.int32))
    check_independent(graph, start.tolist())
    state = mis.make_state(n, seed)
    mis.load(graph.indptr, graph.indices, state, start)
    mis.run(graph.indptr, graph.indices, state, 300, optimum)
    check_independent(graph, np.flatnonzero(state.best).tolist())
    assert state.best.sum() == state.counts[mis.BEST] == optimum
    if graph.num_edges:
        cover = numvc.make_state(graph.indptr, graph.indices, start, seed)
        numvc.run(graph.indptr, graph.indices, cover, 300, optimum, 1000)
        check_independent(graph, np.flatnonzero(cover.best).tolist())
        assert cover.best.sum() == optimum
    dynamic = mis_penalties.make_state(n, seed)
    mis_penalties.run(graph.indptr, graph.indices, dynamic, 3000, optimum)
    check_independent(graph, np.flatnonzero(dynamic.best).tolist())
    assert dynamic.best.sum() == dynamic.counts[mis_penalties.BEST] == optimum


@settings(deadline=None, max_examples=60)
@given(graphs, st.integers(0, 2**40), st.integers(0, 200))
def test_candidates_are_those_with_no_and_with_one_neighbour_taken(graph, seed, iterations):
    """Whoever is missing in a list is never chosen, and whoever is there wrongly is taken beside a neighbour."""
    state = mis_penalties.make_state(graph.num_nodes, seed)
    mis_penalties.run(graph.indptr, graph.indices, state, iterations, graph.num_nodes + 1)
    free, loose, taken = (set(state.lists[kind, : state.counts[kind]].tolist()) for kind in range(3))
    beside = [taken & set(graph.indices[a:b].tolist()) for a, b in pairwise(graph.indptr.tolist())]
    outside = [v for v in range(graph.num_nodes) if v not in taken]
    assert free == {v for v in outside if not beside[v]}
    assert loose == {v for v in outside if len(beside[v]) == 1}
    assert not any(beside[v] for v in taken)
    assert all(state.owners[v] == sum(beside[v]) for v in outside)
    for kind, members in enumerate((free, loose, taken)):
        assert set(np.flatnonzero(state.places[kind] >= 0).tolist()) == members


def test_penalties_find_what_is_hidden_among_nodes_of_high_degree(data):
    """27 nodes of brock400_1, where weights of edges still have 25 after fifty million iterations."""
    graph = cosolve.read(data / "mis" / "brock400_1.gph", problem="mis").graph
    state = mis_penalties.make_state(graph.num_nodes, 1)
    mis_penalties.run(graph.indptr, graph.indices, state, 4_000_000, 27)
    assert state.counts[mis_penalties.BEST] == 27
    check_independent(graph, np.flatnonzero(state.best).tolist())


def cover_number(cover):
    """Fewest columns that cover all rows, by trying all sets."""
    rows = [set(cover.row_columns[a:b].tolist()) for a, b in zip(cover.row_ptr, cover.row_ptr[1:], strict=False)]
    return min(
        k
        for k in range(cover.num_columns + 1)
        for s in combinations(range(cover.num_columns), k)
        if all(row & set(s) for row in rows)
    )


@settings(deadline=None, max_examples=50)
@given(graphs, st.integers(0, 30))
def test_mds_reductions_that_are_cut_off_keep_an_optimum_too(graph, looks):
    """They were one kernel that nobody could stop, 1.5 s at 300,000 nodes."""
    with smallest_slices(mds_reduce):
        cover = make_cover(graph, Clock(looks))
    assert len(cover.taken) + cover_number(cover) == domination_number(graph)


@settings(deadline=None, max_examples=150)
@given(graphs)
def test_mds_reductions_keep_an_optimum_and_packing_bounds_it(graph):
    """A reduced set cover with another optimum would make every proof on it false."""
    optimum = domination_number(graph)
    cover = make_cover(graph)
    inner = cover_number(cover)
    assert len(cover.taken) + inner == optimum
    assert mds_reduce.pack(cover.row_ptr, cover.row_columns, cover.num_columns) <= inner
    prices = Lagrangian(cover.row_ptr, cover.row_columns, cover.column_ptr, cover.column_rows)
    for _ in range(200):
        prices.iterate(float(inner))
        assert prices.bound <= inner + 1e-9


@pytest.mark.parametrize("seed", range(3))
def test_prices_come_near_the_linear_relaxation(seed):
    """A bound above the relaxation is wrong, one far below it worthless."""
    graph = generate("mds", "ba", nodes=2000, seed=seed).graph
    cover = make_cover(graph)
    rows = csr_array((np.ones(len(cover.row_columns)), cover.row_columns, cover.row_ptr))
    ones = np.ones(rows.shape[0])
    relaxation = linprog(np.ones(rows.shape[1]), A_ub=-rows, b_ub=-ones).fun
    prices = Lagrangian(cover.row_ptr, cover.row_columns, cover.column_ptr, cover.column_rows)
    while not prices.is_done:
        prices.iterate(1.1 * relaxation)
    assert 0.98 * relaxation <= prices.bound <= relaxation + 1e-6
    assert prices.proven == np.ceil(prices.bound - 1e-6)


def test_rounding_of_a_long_sum_proves_nothing():
    """A million times 0.2 sums up to more than 200,000, which a perfect code on a torus attains."""
    side = 1000
    x, y = np.divmod(np.arange(side * side), side)
    near = [x * side + y, x * side + (y + 1) % side, x * side + (y - 1) % side]
    near += [(x + 1) % side * side + y, (x - 1) % side * side + y]
    columns = np.column_stack(near).astype(np.int32).ravel()
    ptr = 5 * np.arange(side * side + 1)
    prices = Lagrangian(ptr, columns, ptr, columns)
    prices.iterate(200_000.0)
    assert prices.proven <= 200_000


@settings(deadline=None, max_examples=60)
@given(graphs, st.integers(0, 2**40))
def test_dominating_set_search_finds_the_optimum_of_tiny_graphs(graph, seed):
    """The search on the unreduced problem keeps its books right."""
    optimum = domination_number(graph)
    n = graph.num_nodes
    everything = np.ones(n, np.bool_)
    ptr, columns, _ = mds_reduce.extract(graph.indptr, graph.indices, everything, everything)
    chosen = mds_reduce.greedy(ptr, columns, ptr, columns, np.arange(n, dtype=np.int32), ~everything)
    state = mds.make_state(ptr, columns, n, chosen, seed)
    mds.run(ptr, columns, ptr, columns, state, 300, optimum, 100)
    nodes = np.flatnonzero(state.best)
    assert len(set().union(*(closed(graph)[v] for v in nodes))) == n
    assert len(nodes) == optimum


def test_slices_do_not_change_the_path():
    """A path that depends on how often the clock is looked at can't be repeated."""
    graph = generate("mis", "er", nodes=200, probability=0.05).graph
    n = graph.num_nodes
    start = mis_reduce.greedy(graph.indptr, graph.indices, np.arange(n, dtype=np.int32))
    everything = np.ones(n, np.bool_)
    ptr, columns, _ = mds_reduce.extract(graph.indptr, graph.indices, everything, everything)
    results = []
    for slices in ([600], [1] * 100 + [250, 250]):
        arw = mis.make_state(n, 3)
        mis.load(graph.indptr, graph.indices, arw, start)
        vc = numvc.make_state(graph.indptr, graph.indices, start, 3)
        dynamic = mis_penalties.make_state(n, 3)
        ds = mds.make_state(ptr, columns, n, everything, 3)
        for length in slices:
            mis.run(graph.indptr, graph.indices, arw, length, n)
            numvc.run(graph.indptr, graph.indices, vc, length, n, 1000)
            mis_penalties.run(graph.indptr, graph.indices, dynamic, length, n)
            mds.run(ptr, columns, ptr, columns, ds, length, 0, 30)
        results.append(
            [arw.order.tolist(), vc.score.tolist(), dynamic.lists.tolist(), ds.score.tolist(), int(ds.random[0])]
        )
    assert results[0] == results[1]


def heaviest(graph, weight):
    near = closed(graph)
    n = graph.num_nodes
    sets = (s for k in range(n + 1) for s in combinations(range(n), k))
    return max(sum(weight[v] for v in s) for s in sets if all(near[v] & set(s) == {v} for v in s))


def weighted_run(graph, weight, *slices, seed=0):
    state = weighted_mis.make_state(graph.num_nodes, seed)
    for iterations in slices:
        weighted_mis.run(graph.indptr, graph.indices, np.asarray(weight, np.int64), state, iterations)
    return state


@settings(deadline=None, max_examples=150)
@given(graphs, st.lists(st.integers(0, 30), min_size=9, max_size=9))
def test_weighted_search_finds_the_heaviest_independent_set_of_small_graphs(graph, weight):
    """Nodes of weight 0, as clipped costs have, may be in it or not."""
    weight = weight[: graph.num_nodes]
    state = weighted_run(graph, weight, 200)
    nodes = np.flatnonzero(state.best).tolist()
    check_independent(graph, nodes)
    assert sum(weight[v] for v in nodes) == state.counts[mis.BEST] == heaviest(graph, weight)


def test_weighted_search_keeps_its_books_and_does_not_depend_on_slices():
    """Loads that drift would make moves that gain nothing, for ever."""
    graph = generate("mis", "er", seed=5, nodes=120, probability=0.1).graph
    weight = np.random.default_rng(5).integers(1, 1000, 120)
    state = weighted_run(graph, weight, 700, 1, 299, seed=3)
    whole = weighted_run(graph, weight, 1000, seed=3)
    assert all((a == b).all() for a, b in zip(state, whole, strict=True))
    inside = np.zeros(120, bool)
    inside[state.order[: state.counts[mis.SIZE]]] = True
    for v in range(120):
        near = graph.neighbours(v)
        owners = near[inside[near]]
        assert (state.load[v], state.tight[v], state.owners[v]) == (weight[owners].sum(), len(owners), owners.sum())
    assert weight[inside].sum() == state.counts[weighted_mis.WEIGHT]
    assert weight[state.best].sum() == state.counts[mis.BEST]
    greedy, order = set(), np.argsort(-weight)
    for v in order.tolist():
        if not greedy & set(graph.neighbours(v).tolist()):
            greedy.add(v)
    assert state.counts[mis.BEST] > sum(weight[v] for v in greedy)
