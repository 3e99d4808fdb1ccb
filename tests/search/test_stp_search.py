"""Kernels for Steiner trees against an exact dynamic program."""

from __future__ import annotations

import itertools
from collections.abc import Generator
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosolve.instances.generators.stp import hypercube, random_graph, road
from cosolve.instances.stp import EdgeSet, STPInstance, evaluate
from cosolve.search import stp, stp_reduce
from cosolve.search.random import stream
from cosolve.search.stp import SteinerSearch, connects
from cosolve.search.stp_anneal import Annealing, _least_loss, _tree
from cosolve.search.stp_anneal_even import EvenAnnealing
from cosolve.search.stp_cuts import violated_cuts
from cosolve.search.stp_dual import DualAscent
from cosolve.search.stp_graph import adjacency_of, shortest_path_tree_heuristic, spanning_tree, tree_weight
from cosolve.search.stp_local import improve
from cosolve.search.stp_partition import cut_out, put_back
from cosolve.search.stp_reduce import original, simplify


def optimum(instance: STPInstance) -> float:
    """Dreyfus and Wagner (1971), over all subsets of the terminals."""
    n, terminals = instance.num_nodes, instance.terminals.tolist()
    dist = np.full((n, n), np.inf)
    np.fill_diagonal(dist, 0)
    for (u, v), w in zip(instance.edges, instance.weights):
        dist[u, v] = dist[v, u] = w
    for k in range(n):
        dist = np.minimum(dist, dist[:, k, None] + dist[None, k, :])
    first, others = terminals[0], terminals[1:]
    best = {1 << i: dist[t] for i, t in enumerate(others)}
    for mask in range(1, 1 << len(others)):
        if mask in best:
            continue
        merged = np.full(n, np.inf)
        part = (mask - 1) & mask
        while part:
            merged = np.minimum(merged, best[part] + best[mask ^ part])
            part = (part - 1) & mask
        best[mask] = (merged[None, :] + dist).min(axis=1)
    return float(best[(1 << len(others)) - 1][first]) if others else 0.0


@st.composite
def instances(draw: st.DrawFn) -> STPInstance:
    n = draw(st.integers(4, 16))
    m = draw(st.integers(n - 1, min(n * (n - 1) // 2, 3 * n)))
    t = draw(st.integers(1, min(n, 6)))
    most = draw(st.sampled_from([1, 3, 10, 1000]))
    seed = draw(st.integers(0, 10**6))
    instance = random_graph(seed=seed, num_nodes=n, num_edges=m, num_terminals=t, max_weight=most)
    if draw(st.booleans()):
        # Zero weights and ties are where tests that compare with <= go wrong.
        weights = np.maximum(0, instance.weights - draw(st.integers(0, 2)))
        return STPInstance(num_nodes=n, edges=instance.edges, weights=weights, terminals=instance.terminals)
    return instance


def flags(instance: STPInstance) -> np.ndarray:
    is_terminal = np.zeros(instance.num_nodes, np.bool_)
    is_terminal[instance.terminals] = True
    return is_terminal


def first_tree(instance: STPInstance, root: int) -> np.ndarray:
    is_terminal = flags(instance)
    nodes = shortest_path_tree_heuristic(*instance.adjacency, instance.edges, instance.weights, is_terminal, root)
    tree = np.zeros(instance.num_edges, np.bool_)
    assert spanning_tree(*instance.adjacency, instance.weights, nodes, is_terminal, tree)
    return tree


def descend(instance: STPInstance, tree: np.ndarray, budget: int) -> None:
    cursor = np.zeros(3, np.int64)
    is_terminal = flags(instance)
    while not improve(*instance.adjacency, instance.edges, instance.weights, is_terminal, tree, cursor, budget):
        pass


def engine(instance: STPInstance, seed: int = 0, keeps_best: bool = False) -> SteinerSearch:
    return SteinerSearch(
        instance.num_nodes,
        instance.edges,
        instance.weights,
        instance.terminals,
        is_integral=instance.is_integral,
        seed=seed,
        keeps_best=keeps_best,
    )


def last(steps: Generator) -> tuple[int, Any]:
    """How often a generator hands back control, and what it returns."""
    count = 0
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return count, end.value
        count += 1


def ascent(instance: STPInstance, root: int, random: np.ndarray) -> DualAscent:
    dual = DualAscent(instance.adjacency, instance.edges, instance.weights, flags(instance), root, random)
    last(dual.complete(10**9))
    return dual


@given(instances())
@settings(max_examples=30, deadline=None)
def test_bound_optimum_heuristic_are_in_order(instance):
    """A dual bound above the optimum would prove wrong trees optimal."""
    best = optimum(instance)
    root = int(instance.terminals[0])
    tree = first_tree(instance, root)
    before = tree_weight(instance.weights, tree)
    descend(instance, tree, 500)
    verdict = evaluate(instance, EdgeSet(edges=instance.edges[tree]))
    assert verdict.feasible, verdict.violations
    dual = ascent(instance, root, stream(0))
    assert dual.bound <= best + 1e-9
    assert best <= verdict.objective + 1e-9
    assert verdict.objective <= before + 1e-9
    assert (dual.reduced >= 0).all()


def reachable(instance: STPInstance, root: int, forbidden: np.ndarray) -> set[int]:
    """Nodes that the root reaches without some arcs."""
    banned = set(forbidden.tolist())
    ways: dict[int, list[int]] = {}
    for e, (u, v) in enumerate(instance.edges.tolist()):
        ways.setdefault(u, []).extend([v] if 2 * e not in banned else [])
        ways.setdefault(v, []).extend([u] if 2 * e + 1 not in banned else [])
    found, stack = {root}, [root]
    while stack:
        new = set(ways.get(stack.pop(), ())) - found
        found |= new
        stack.extend(new)
    return found


@given(instances(), st.booleans(), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_search_for_dual_solutions_raises_cuts_within_the_weights(instance, is_fractional, seed):
    """Every step takes cuts back and raises others: books that drift apart would prove too much."""
    if is_fractional:
        weights = instance.weights * np.pi / 3
        instance = STPInstance(
            num_nodes=instance.num_nodes, edges=instance.edges, weights=weights, terminals=instance.terminals
        )
    best, root = optimum(instance), int(instance.terminals[0])
    dual = ascent(instance, root, stream(seed))
    before = dual.bound
    for _ in range(5):
        dual.improve(2_000)
        assert before - 1e-9 <= dual.bound <= best + 1e-9
    before = dual.bound
    last(dual.complete(10**9))
    assert before - 1e-9 <= dual.bound <= best + 1e-9
    assert set(instance.terminals.tolist()) <= reachable(instance, root, np.flatnonzero(dual.reduced > 1e-9))
    start, arcs, heights = dual.cuts()
    used = np.zeros(2 * instance.num_edges)
    for k, height in enumerate(heights):
        cut = arcs[start[k] : start[k + 1]]
        assert set(instance.terminals.tolist()) - reachable(instance, root, cut), "a cut that separates no terminal"
        used[cut] += height
    assert heights.sum() == pytest.approx(dual.bound)
    assert used + dual.reduced == pytest.approx(np.repeat(instance.weights, 2))


def test_search_for_dual_solutions_closes_most_of_the_gap_on_roads():
    """Dual ascent alone stays some 2 % below the optimum there."""
    instance = road(side=30, num_terminals=60, seed=3)
    search = engine(instance)
    for _ in search.run():
        pass
    assert search.is_closed
    root = int(instance.terminals[0])
    dual = ascent(instance, root, stream(0))
    before = dual.bound
    dual.improve(10_000_000)
    assert search.weight - dual.bound < 0.3 * (search.weight - before)


@pytest.mark.parametrize("seed", range(3))
def test_parts_of_a_tree_fit_back_into_it(seed):
    """A part put back as it was is the same tree; one that is lighter saves at least as much in the whole."""
    instance = road(side=40, num_terminals=150, seed=seed)
    is_terminal = flags(instance)
    tree = first_tree(instance, int(instance.terminals[0]))
    graph = instance.edges, instance.weights, is_terminal
    saved = 0.0
    for centre in instance.terminals[::10].tolist():
        part = cut_out(instance.adjacency, *graph, tree, centre, 12)
        assert len(part.terminals) == 12
        assert part.terminals[0] == centre
        same = put_back(instance.adjacency, instance.edges, is_terminal, tree, part, part.in_tree)
        assert np.array_equal(same, tree)
        search = SteinerSearch(
            part.num_nodes, part.ends, part.weights, np.flatnonzero(part.is_terminal), is_integral=True, seed=0
        )
        search.offer(part.in_tree)
        before = search.weight
        for _ in search.run():
            pass
        after = put_back(instance.adjacency, instance.edges, is_terminal, tree, part, search.best)
        gain = tree_weight(instance.weights, tree) - tree_weight(instance.weights, after)
        assert gain >= before - search.weight - 1e-6
        saved += gain
        tree = after
        verdict = evaluate(instance, EdgeSet(edges=instance.edges[tree]))
        assert verdict.feasible, verdict.violations
    assert saved > 0


def test_presolve_that_keeps_the_best_ends_where_the_bound_meets_it():
    """A square grid with terminals in its corners: all edges stay, the gap is 0, and nothing is left to improve."""
    cells = np.arange(9).reshape(3, 3)
    across = np.column_stack((cells[:, :-1].ravel(), cells[:, 1:].ravel()))
    down = np.column_stack((cells[:-1].ravel(), cells[1:].ravel()))
    edges = np.concatenate((across, down))
    instance = STPInstance(num_nodes=9, edges=edges, weights=np.ones(12), terminals=np.array([0, 2, 6, 8]))
    search = engine(instance, keeps_best=True)
    steps = sum(1 for _ in zip(range(10_000), search.presolve(), strict=False))
    assert steps < 10_000
    assert search.is_closed
    assert search.weight == 6


def test_partition_beats_one_descent_on_a_large_graph():
    """What the parts find must reach the best tree of the whole graph."""
    instance = road(side=80, num_terminals=400, seed=0)
    tree = first_tree(instance, int(instance.terminals[0]))
    descend(instance, tree, 10_000_000)
    search = engine(instance)
    for _ in search.run():
        if search.iterations >= 60:
            break
    assert search.best is not None
    assert evaluate(instance, EdgeSet(edges=instance.edges[search.best])).objective == pytest.approx(search.weight)
    assert search.weight < 0.995 * tree_weight(instance.weights, tree)
    assert search.weight <= 1.005 * search.bound


@given(instances())
@settings(max_examples=30, deadline=None)
def test_reductions_keep_the_optimum_and_the_way_back(instance):
    """A test that removes one edge too many shows here; so does a tree that does not expand to a tree."""
    best = optimum(instance)
    _, graph = last(simplify(original(instance.num_nodes, instance.edges, instance.weights, instance.terminals)))
    if graph.num_terminals == 1:
        assert graph.fixed_weight == pytest.approx(best)
        tree = graph.expand(np.zeros(len(graph.ends), np.bool_), instance.num_edges)
        assert instance.weights[tree].sum() == pytest.approx(best)
        return
    small = STPInstance(
        num_nodes=graph.num_nodes,
        edges=graph.ends,
        weights=graph.weights,
        terminals=np.flatnonzero(graph.is_terminal),
    )
    assert graph.fixed_weight + optimum(small) == pytest.approx(best)


def test_chain_of_terminals_is_fixed_in_a_few_rounds(monkeypatch):
    """A round fixed one edge at each end: a path of 12,000 terminals was still at it 10 s after a limit of half one."""
    rounds = []
    contract = stp_reduce._contract
    monkeypatch.setattr(stp_reduce, "_contract", lambda *arguments: rounds.append(0) or contract(*arguments))
    order = np.random.default_rng(0).permutation(200)
    graph = original(200, np.column_stack((order[:-1], order[1:])), np.ones(199), np.arange(200))
    _, graph = last(stp_reduce.reduce_degrees(graph))
    assert graph.num_terminals == 1
    assert graph.fixed_weight == 199
    assert graph.expand(np.zeros(0, np.bool_), 199).all()
    assert len(rounds) <= 6


def test_reductions_of_a_large_graph_hand_back_control(monkeypatch):
    """A million edges in one step hear no limit; what is found must not depend on the steps."""
    instance = random_graph(seed=0, num_nodes=300, num_edges=1500, num_terminals=30)
    graph = original(instance.num_nodes, instance.edges, instance.weights, instance.terminals)
    steps, at_once = last(simplify(graph))
    assert steps == 0
    monkeypatch.setattr(stp_reduce, "_STEP", 100)
    steps, stepwise = last(simplify(graph))
    assert steps >= 15
    assert np.array_equal(stepwise.ends, at_once.ends)
    assert np.array_equal(stepwise.record, at_once.record)


def test_dual_ascent_hands_back_control():
    """The first ascent of a large graph takes many seconds; what it proves must not depend on the steps."""
    instance = random_graph(seed=0, num_nodes=300, num_edges=1500, num_terminals=30)
    found = []
    for budget in (10**9, 1):
        root = int(instance.terminals[0])
        dual = DualAscent(instance.adjacency, instance.edges, instance.weights, flags(instance), root, stream(0))
        found.append((last(dual.complete(budget))[0], dual.bound))
    assert found[0][0] == 0
    assert found[1][0] > 30
    assert found[0][1] == found[1][1]


@given(instances(), st.booleans())
@settings(max_examples=30, deadline=None)
def test_search_proves_the_optimum_of_small_graphs(instance, keeps_best):
    """Reductions by bound, branching and the population must agree with the dynamic program."""
    search = engine(instance, keeps_best=keeps_best)
    for _ in search.run():
        if search.iterations > 2000:
            break
    assert search.is_closed
    assert search.weight == pytest.approx(optimum(instance))
    assert search.bound == pytest.approx(search.weight)
    assert search.best is not None
    assert evaluate(instance, EdgeSet(edges=instance.edges[search.best])).feasible


def test_search_proves_the_optimum_of_real_weights():
    """Rounding noise must neither stop the proof nor remove the optimal tree."""
    for seed in range(10):
        graph = random_graph(seed=seed, num_nodes=14, num_edges=30, num_terminals=6)
        weights = np.random.default_rng(seed).random(graph.num_edges)
        instance = STPInstance(num_nodes=14, edges=graph.edges, weights=weights, terminals=graph.terminals)
        search = engine(instance)
        for _ in search.run():
            if search.iterations > 2000:
                break
        assert search.is_closed
        assert search.weight == pytest.approx(optimum(instance), rel=1e-12)


def test_local_search_walks_the_same_path_in_slices_of_any_size():
    """The clock decides when slices end; it must not decide what is found."""
    instance = road(seed=1, side=20, num_terminals=40)
    results = []
    for budget in (2_000, 10**9):
        tree = first_tree(instance, int(instance.terminals[0]))
        descend(instance, tree, budget)
        results.append(tree)
    assert np.array_equal(*results)


def scaled(instance: STPInstance, scale: float) -> STPInstance:
    weights = scale * instance.weights
    return STPInstance(
        num_nodes=instance.num_nodes, edges=instance.edges, weights=weights, terminals=instance.terminals
    )


def test_local_search_is_the_same_on_weights_of_any_unit():
    """Gains of less than 1e-9 were none: trees of weights of some 1e-13 were not improved at all."""
    trees = []
    for scale in (np.pi, np.pi * 2.0**-50):
        instance = scaled(hypercube(dimensions=6, perturbed=True), scale)
        trees.append(first_tree(instance, int(instance.terminals[0])))
        before = tree_weight(instance.weights, trees[-1])
        descend(instance, trees[-1], 10**6)
        assert tree_weight(instance.weights, trees[-1]) < before
    assert np.array_equal(*trees)


def test_presolve_that_keeps_the_best_is_the_same_on_weights_of_any_unit():
    """With 1e-9 above the best tree for rounding, the bound removed no edge of weights of some 1e-12."""
    left = []
    for scale in (np.pi, np.pi * 2.0**-50):
        search = engine(scaled(random_graph(seed=3, num_nodes=300, num_edges=900, num_terminals=40), scale), 0, True)
        last(search.presolve())
        left.append(len(search.graph.ends))
    assert left[0] == left[1]


def test_slices_of_local_search_grow_with_the_graph(monkeypatch):
    """Each slice begins with a look at the whole graph: where that was all its work, it got on by one node, or none."""
    monkeypatch.setattr(stp, "_SLICE", 1000)
    instance = random_graph(seed=0, num_nodes=200, num_edges=2000, num_terminals=20)
    search, tree = engine(instance), first_tree(instance, int(instance.terminals[0]))
    descent = search._descend(search.graph, instance.adjacency, tree, instance.weights)
    assert sum(1 for _ in zip(range(50), descent, strict=False)) < 50


def test_search_finds_the_optimum_of_a_hypercube():
    """39 for hc6u and 77 for hc7u: proven, Rosseti et al. (2001)."""
    for dimensions, best in ((6, 39), (7, 77)):
        search = engine(hypercube(dimensions=dimensions))
        for _ in search.run():
            if search.weight == best or search.iterations > 300:
                break
        assert search.weight == best
        assert search.bound <= best


def test_search_reaches_the_best_known_tree_of_a_larger_hypercube():
    """148 for hc8u, Rosseti et al. (2001); with annealing in about a second."""
    search = engine(hypercube(dimensions=8))
    for _ in search.run():
        if search.weight == 148 or search.iterations > 300:
            break
    assert search.weight == 148


@pytest.mark.parametrize("seed", range(6))
def test_annealing_keeps_its_books(seed: int):
    """Edges, cost and parts after thousands of moves against a count from scratch; weights with ties and zeros."""
    graph = random_graph(seed=seed, num_nodes=40, num_edges=120, num_terminals=8, max_weight=3)
    weights = graph.weights - 1.0
    weights[::7] += 0.25
    is_terminal = np.isin(np.arange(40), graph.terminals)
    annealing = Annealing(40, graph.edges, weights, is_terminal, stream(seed))
    ranking = np.argsort(weights, kind="stable")
    while not annealing.run(5000, 3000):
        state = annealing._state
        inside = np.flatnonzero(state.alive[graph.edges[ranking]].all(axis=1))
        assert state.induced[: state.counters[1]].tolist() == inside.tolist()
        assert set(state.chosen[: state.counters[0]].tolist()) == set(np.flatnonzero(state.alive & ~is_terminal))
        assert state.near.tolist() == alive_neighbours(graph.edges, state.alive)
        parts, total = np.arange(40), 0.0
        for e in ranking[inside]:
            u, v = parts[graph.edges[e]]
            if u != v:
                parts[parts == u] = v
                total += weights[e]
        missing = len(set(parts[state.alive].tolist())) - 1
        assert state.measures[0] == pytest.approx(total + missing * annealing._penalty)
    tree = np.zeros(120, np.bool_)
    adjacency = original(40, graph.edges, weights, graph.terminals).graph()
    assert spanning_tree(*adjacency, weights, annealing.nodes, is_terminal, tree)
    assert tree_weight(weights, tree) <= annealing.weight + 1e-9


@pytest.mark.parametrize("seed", range(20))
def test_what_an_exit_costs_is_never_less_than_its_bound(seed: int):
    """Weights on both sides of the penalty: a bound that is too high would refuse exits that annealing must make."""
    rng = np.random.default_rng(seed)
    graph = random_graph(seed=seed, num_nodes=12, num_edges=24, num_terminals=3, max_weight=4)
    ends, weights = graph.edges[np.argsort(graph.weights)], np.sort(graph.weights)
    alive = rng.random(12) < 0.8
    near = np.bincount(ends[alive[ends[:, ::-1]]], minlength=12)
    indptr, neighbours, edge_ids = adjacency_of(12, ends)

    def cost() -> float:
        induced = np.flatnonzero(alive[ends].all(axis=1))
        none, parents = np.empty(0, np.int64), np.empty(12, np.int64)
        weight, parts, _ = _tree(ends, weights, alive, induced, len(induced), -1, none, 0, parents)
        return weight + 1.8 * (parts - 1)

    for v in np.flatnonzero(alive):
        before = cost()
        bound = _least_loss(indptr, neighbours, edge_ids, weights, alive, near, v, 1.8)
        alive[v] = False
        assert cost() - before >= bound - 1e-9
        alive[v] = True


def alive_neighbours(edges: np.ndarray, alive: np.ndarray) -> list[int]:
    return [int(alive[edges[edges[:, 0] == v, 1]].sum() + alive[edges[edges[:, 1] == v, 0]].sum()) for v in range(40)]


@pytest.mark.parametrize("seed", range(6))
def test_annealing_of_even_weights_keeps_its_books(seed: int):
    """Parts, their labels and sizes during thousands of moves against a count by networkx; some edges stand twice."""
    graph = random_graph(seed=seed, num_nodes=40, num_edges=80 + 10 * seed, num_terminals=20, max_weight=1)
    edges = np.concatenate((graph.edges, graph.edges[::9]))
    is_terminal = np.isin(np.arange(40), graph.terminals)
    annealing = EvenAnnealing(40, edges, np.full(len(edges), 2.0), is_terminal, stream(seed))
    best = np.inf
    while not annealing.run(20_000, 50):
        state = annealing._state
        assert set(state.chosen[: state.counters[0]].tolist()) == set(np.flatnonzero(state.alive & ~is_terminal))
        assert state.near.tolist() == alive_neighbours(edges, state.alive)
        alive = nx.Graph(edges[state.alive[edges].all(axis=1)].tolist())
        alive.add_nodes_from(np.flatnonzero(state.alive).tolist())
        parts = list(nx.connected_components(alive))
        assert state.counters[1] == len(parts)
        labels = [{int(state.label[v]) for v in part} for part in parts]
        assert all(len(label) == 1 for label in labels)
        assert len(set.union(*labels)) == len(parts)
        assert [int(state.size[label.pop()]) for label in labels] == [len(part) for part in parts]
        best = min(best, 2.0 * (len(alive) - 1) if len(parts) == 1 else np.inf)
    assert annealing.weight <= best
    chosen = nx.Graph(edges[annealing.nodes[edges].all(axis=1)].tolist())
    assert nx.is_connected(chosen)
    assert annealing.weight == 2.0 * (len(chosen) - 1)
    assert set(graph.terminals.tolist()) <= set(chosen)


@pytest.mark.parametrize("kind", [Annealing, EvenAnnealing])
def test_annealing_walks_the_same_path_in_slices_of_any_size(kind: type[Annealing] | type[EvenAnnealing]):
    """The clock decides when slices end; it must not decide what is found."""
    graph = hypercube(dimensions=6)
    is_terminal = np.isin(np.arange(64), graph.terminals)
    found = []
    for budget in (100, 10**9):
        annealing = kind(64, graph.edges, graph.weights, is_terminal, stream(3))
        while not annealing.run(20_000, budget):
            pass
        found.append((annealing.weight, annealing.nodes.tolist()))
    assert found[0] == found[1]
    assert found[0][0] == 39


def test_search_depends_on_the_seed_alone():
    """Two runs of the same seed must report the same trees."""
    instance = hypercube(dimensions=6, perturbed=True)
    outcomes = []
    for seed in (5, 5, 6):
        search = engine(instance, seed)
        trace = []
        for _ in search.run():
            trace.append(search.weight)
            if search.iterations > 20:
                break
        outcomes.append(trace)
    assert outcomes[0] == outcomes[1]
    assert outcomes[0] != outcomes[2]


def test_cuts_are_found_exactly_where_one_is_violated():
    """A tree violates none; with any edge of it at 0.6 there is one, and it separates."""
    instance = random_graph(seed=3, num_nodes=12, num_edges=25, num_terminals=5)
    root = int(instance.terminals[0])
    tree = first_tree(instance, root)
    values = np.repeat(tree, 2).astype(np.float64)
    arguments = (*instance.adjacency, instance.edges)
    others = instance.terminals[1:]
    start, _ = violated_cuts(*arguments, values, root, others, 1e-4, 50, 1000)
    assert len(start) == 1
    for edge in np.flatnonzero(tree):
        broken = values.copy()
        broken[2 * edge : 2 * edge + 2] = 0.6
        start, arcs = violated_cuts(*arguments, broken, root, others, 1e-4, 50, 1000)
        assert len(start) > 1
        for a, b in itertools.pairwise(start):
            assert broken[arcs[a:b]].sum() < 1 - 1e-4
            assert values[arcs[a:b]].sum() >= 1  # every cut must hold for the whole tree


def test_connection_is_seen():
    """A disconnected instance has no solution, which is no error of the search."""
    assert connects(3, np.array([[0, 1], [1, 2]]), np.array([0, 2]))
    assert not connects(3, np.array([[0, 1]]), np.array([0, 2]))
