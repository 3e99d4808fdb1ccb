"""Drawings of solutions: well-formed, complete, bounded in size, and of every problem."""

from __future__ import annotations

import dataclasses
import re
import time
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cosolve
from cosolve.core.metric import Metric
from cosolve.core.problem import judge, problems
from cosolve.evaluation.drawing import draw, painters
from cosolve.evaluation.drawing.axis import draw_bottom_axis, ticks
from cosolve.evaluation.drawing.layout import layout_distances, layout_graph
from cosolve.evaluation.drawing.palette import COLOURS, ink, scale, spread, tints
from cosolve.evaluation.drawing.plane import fit, map_coords, thin
from cosolve.evaluation.drawing.svg import Box, Canvas, path_data
from cosolve.evaluation.drawing.view import view_graph
from cosolve.instances.cflp import CFLPInstance, Supply
from cosolve.instances.cpmp import Clustering
from cosolve.instances.cvrp import CVRPInstance, Routes
from cosolve.instances.distances import Distances
from cosolve.instances.fjsp import FJSPInstance, Schedule
from cosolve.instances.graphs import Graph, MDSInstance, MISInstance, NodeSet
from cosolve.instances.milp import MILPInstance, Values
from cosolve.instances.orienteering import OPTWInstance, OPTWRoute, OPTWVPInstance, TimedRoute
from cosolve.instances.regtree import RegressionTree, RegressionTreeInstance
from cosolve.instances.stp import EdgeSet, STPInstance
from cosolve.instances.tiny import tiny_instances
from cosolve.instances.tsp import ATSPInstance, Tour, TSPInstance

_BOX = Box(0, 0, 600, 400)
_SQUARE = Distances.from_coords(np.array([[0, 0], [0, 10], [10, 10], [10, 0]], float))
_STUMP = RegressionTree(
    feature=np.array([1, -2, -2]),
    threshold=np.array([0.5, 0, 0]),
    left=np.array([1, -1, -1]),
    right=np.array([2, -1, -1]),
    value=np.array([np.nan, -3.0, 4.0]),  # of an inner node it means nothing
)


def _tiny(problem):
    return tiny_instances(problem)[0][0]


def _orienteering(kind):
    return kind(name="square", distances=_SQUARE, opens=np.zeros(4), closes=np.full(4, 90.0), horizon=100.0)


#: One instance of each problem with a solution.
CASES = {
    "tsp": (_tiny("tsp"), Tour(order=np.array([0, 2, 1, 3]))),
    "atsp": (_tiny("atsp"), Tour(order=np.arange(6))),
    "cvrp": (_tiny("cvrp"), Routes(routes=([1, 2], [3, 4]))),
    "acvrp": (tiny_instances("acvrp")[1][0], Routes(routes=([1, 2], [3, 4]))),
    "vrptw": (_tiny("vrptw"), Routes(routes=([1], [2]))),
    "acvrptw": (_tiny("acvrptw"), Routes(routes=([1], [2]))),
    "mis": (_tiny("mis"), NodeSet(nodes=np.array([0, 2]))),
    "mds": (_tiny("mds"), NodeSet(nodes=np.array([1, 4, 6]))),
    "cflp": (_tiny("cflp"), Supply(is_open=np.ones(2), facility=[0, 1], customer=[0, 1], amount=[6.0, 6.0])),
    "cpmp": (_tiny("cpmp"), Clustering(medians=np.array([0, 2]), assignment=np.array([0, 0, 2, 2]))),
    "fjsp": (_tiny("fjsp"), Schedule(machine=np.array([0, 1, 1, 0]), start=np.array([0, 3, 0, 3]))),
    "stp": (_tiny("stp"), EdgeSet(edges=np.array([[0, 1], [0, 2], [0, 3]]))),
    "milp": (_tiny("milp"), Values(values=np.array([1.0, 0.0, 0.0]))),
    "optw": (
        _orienteering(OPTWInstance),
        OPTWRoute(customers=np.array([1, 2]), start=np.array([10.0, 20.0]), duration=np.zeros(2)),
    ),
    "optwvp": (
        _orienteering(OPTWVPInstance),
        TimedRoute(customers=np.array([3]), start=np.array([10.0]), duration=np.zeros(1)),
    ),
    "regtree": (
        RegressionTreeInstance(name="stump", X=np.arange(8.0).reshape(4, 2), y=np.array([-3.0, 4, 4, 4]), max_depth=1),
        _STUMP,
    ),
}


def parse(svg):
    """The root of a drawing, after checks that hold for all of them."""
    root = ET.fromstring(svg)
    assert root.tag.endswith("svg")
    for element in root.iter():
        assert "id" not in element.attrib
        assert "href" not in " ".join(element.attrib)
        assert not element.tag.endswith(("script", "style", "image"))
        for name, value in element.attrib.items():
            assert not re.search(r"\bnan\b|\binf\b", value), f"{name}={value}"
    return root


def with_class(root, css):
    return [element for element in root.iter() if css in element.get("class", "").split()]


def titles(elements):
    return [element[0].text for element in elements]


def points_of(path):
    """Corners of a path of relative steps."""
    numbers = np.array(re.findall(r"-?[\d.]+", path.get("d").replace("h0", "")), float)
    return numbers.reshape(-1, 2).cumsum(axis=0)


def inside(points, width=640, height=480):
    return bool(((points >= 0) & (points <= (width, height))).all())


# ---- all problems


def test_every_problem_has_a_drawing_and_a_case_here():
    """A new problem would break the report page at its first solution."""
    assert set(problems) <= set(painters)
    assert set(problems) <= set(CASES)


@pytest.mark.parametrize("problem", CASES)
def test_solution_and_instance_are_drawn_for_every_problem(problem):
    """A drawing that is no XML, holds NaN or names nothing would spoil the whole page."""
    instance, solution = CASES[problem]
    assert judge(instance, solution).objective is not None
    for what in (solution, None):
        root = parse(draw(instance, what))
        assert root[0].tag.endswith("title")
        assert instance.name in root[0].text
        assert len(list(root.iter())) > 4
        assert root.get("viewBox") == "0 0 640 480"


@pytest.mark.parametrize("problem", CASES)
def test_equal_input_gives_equal_output(problem):
    """Reports are compared and cached: a layout that depends on chance would differ in every run."""
    instance, solution = CASES[problem]
    assert draw(instance, solution) == draw(instance, solution)


@pytest.mark.parametrize("problem", CASES)
def test_the_smallest_and_a_wide_canvas_are_drawn_too(problem):
    """Margins and legends can leave less than nothing for the drawing itself."""
    instance, solution = CASES[problem]
    for width, height in ((160, 160), (1600, 160)):
        root = parse(draw(instance, solution, width=width, height=height))
        for element in root.iter():
            assert float(element.get("width", 0)) >= 0
            assert float(element.get("height", 0)) >= 0


@pytest.mark.parametrize("problem", [p for p in CASES if p != "regtree"])
def test_one_element_at_most_is_drawn_where_that_is_asked_for(problem):
    """Thinning down to a single element is the edge where indices run empty."""
    instance, solution = CASES[problem]
    parse(draw(instance, solution, max_elements=1))


@pytest.mark.parametrize("word", ["\x00", "\x01", "\x0b", "\x1f", "\udce9", "\ufffe", "\uffff"])
def test_names_may_hold_what_xml_forbids(word):
    """A NAME with a control character, or a file name that is not UTF-8, made the whole drawing ill-formed."""
    tour = TSPInstance(name=f"a{word}b", distances=_SQUARE)
    root = ET.fromstring(draw(tour, None).encode())
    assert root[0].text.endswith("instance of a\N{REPLACEMENT CHARACTER}b")
    stump, tree = CASES["regtree"]
    stump = dataclasses.replace(stump, feature_names=("x", f"a{word}b"))
    splits = with_class(parse(draw(stump, tree)), "split")
    assert titles(splits)[0].startswith("a\N{REPLACEMENT CHARACTER}b <= ")


@pytest.mark.parametrize("length", [5e-324, 1e-305, 1e308, 1.7e308])
def test_axes_of_any_length(length):
    """The width of the axis times a number near the largest double is none; below the smallest there are no steps."""
    canvas = Canvas(640, 480, "axis")
    draw_bottom_axis(canvas, canvas.box, length, "time")
    root = parse(canvas.render("axis"))
    assert len(list(root.iter("{http://www.w3.org/2000/svg}path"))) >= 1


def test_names_are_escaped():
    """A name with markup in it would break the page, or run a script in it."""
    instance = TSPInstance(name="<b>&\"'</b>", distances=_SQUARE)
    root = parse(draw(instance, Tour(order=np.arange(4))))
    assert root[0].text.endswith("<b>&\"'</b>")


def test_wrong_arguments_are_refused_in_one_line():
    """A solution of another instance would otherwise end in an index error deep inside."""
    instance, tour = CASES["tsp"]
    with pytest.raises(ValueError, match=r"^width must be in 160\.\.10000, got 10\.$"):
        draw(instance, tour, width=10)
    with pytest.raises(ValueError, match=r"^max_elements must be >= 1, got 0\.$"):
        draw(instance, tour, max_elements=0)
    with pytest.raises(ValueError, match="cannot be drawn: no such city"):
        draw(instance, Tour(order=np.array([0, 1, 2, 9])))
    with pytest.raises(TypeError, match="needs a Tour"):
        draw(instance, CASES["stp"][1])


# ---- tours


def test_a_tour_passes_through_all_cities_and_stays_on_the_canvas():
    """A line that skips cities or leaves the canvas shows another tour."""
    rng = np.random.default_rng(0)
    coords = rng.uniform(-1e5, 1e5, (60, 2))
    root = parse(draw(TSPInstance(distances=Distances.from_coords(coords)), Tour(order=rng.permutation(60))))
    (tour,) = with_class(root, "tour")
    (cities,) = with_class(root, "cities")
    assert tour.get("d").endswith("z")
    assert len(points_of(tour)) == 60
    assert inside(points_of(tour))
    # Rounded to tenths, tour and dots are the same places.
    both = np.abs(points_of(tour)[:, None] - points_of(cities)[None]).max(axis=2)
    assert (both.min(axis=1) < 0.15).all()
    assert (both.min(axis=0) < 0.15).all()


def test_the_map_has_north_up_and_one_scale_for_both_axes():
    """TSPLIB's GEO gives latitude first and degrees.minutes: read as x and y, Europe lies on its side."""
    places = np.array([[10.30, 20.0], [10.30, 22.0], [12.30, 20.0], [12.30, 22.0]])
    east, north = map_coords(Distances.from_coords(places, Metric.GEO)).T
    assert north == pytest.approx([10.5, 10.5, 12.5, 12.5])
    assert np.diff(east)[0] == pytest.approx(2 * np.cos(np.radians(11.5)))
    x, y = fit(np.array([[0.0, 0.0], [4.0, 1.0]]), _BOX).T
    assert y[1] < y[0]
    assert (x[1] - x[0]) == pytest.approx(4 * (y[0] - y[1]))


@settings(max_examples=60)
@given(st.lists(st.tuples(*[st.floats(allow_nan=False, allow_infinity=False, width=64)] * 2), min_size=1, max_size=6))
def test_finite_coordinates_of_any_size_stay_inside_the_box(points):
    """The difference of two finite numbers can be infinite, and its share of itself NaN."""
    pixels = fit(np.array(points), _BOX)
    assert np.isfinite(pixels).all()
    assert ((pixels >= -1e-6) & (pixels <= (600 + 1e-6, 400 + 1e-6))).all()


def test_cities_in_one_place_and_a_single_city_are_drawn_in_the_middle():
    """All-equal coordinates have no extent to divide by."""
    for n in (1, 5):
        instance = TSPInstance(distances=Distances.from_coords(np.full((n, 2), 7.0)))
        (cities,) = with_class(parse(draw(instance, Tour(order=np.arange(n)))), "cities")
        assert (np.abs(points_of(cities) - (320, 240)) < 40).all()


def test_thinning_keeps_starts_and_the_given_number_of_vertices():
    """A route without its first vertex would hang in the air."""
    rng = np.random.default_rng(1)
    pixels = rng.uniform(0, 500, (5_000, 2))
    starts = np.array([0, 17, 4_000])
    kept = thin(pixels, starts, 100)
    assert set(starts) <= set(kept.tolist())
    assert len(kept) == 100
    assert (np.diff(kept) > 0).all()
    assert len(thin(pixels, starts, 10_000)) == 5_000
    still = np.full((50, 2), 3.2)
    assert thin(still, np.zeros(1, np.int64), 100).tolist() == [0]


def test_a_million_cities_take_seconds_and_little_space():
    """A path through all of them would be 10 MB, and a page of such drawings would not open."""
    n = 1_000_000
    rng = np.random.default_rng(2)
    coords = rng.uniform(0, 1e6, (n, 2))
    instance = TSPInstance(distances=Distances.from_coords(coords))
    tour = Tour(order=np.lexsort((coords[:, 0], np.floor(coords[:, 1] / 1e3))))
    judge(instance, tour)
    begin = time.perf_counter()
    svg = draw(instance, tour)
    assert time.perf_counter() - begin < 10
    assert len(svg) < 2_000_000
    drawn = sum(
        len(points_of(path)) for path in parse(svg).iter() if path.get("d") and path.get("stroke-width") is None
    )
    # The sections of the line share their ends.
    assert 15_000 < drawn <= 20_000 + 48
    assert "simplified to at most 20,000 cities" in svg


def test_a_matrix_is_laid_out_such_that_places_resemble_it():
    """Any places would do to draw a tour on; only these let it be judged by eye."""
    rng = np.random.default_rng(3)
    coords = rng.uniform(0, 100, (30, 2))
    exact = np.hypot(*(coords[:, None] - coords[None]).transpose(2, 0, 1))
    places = layout_distances(Distances.from_matrix(exact), 1.3)
    found = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1))
    assert np.abs(found - exact).max() < 0.05 * exact.max()


def test_a_large_matrix_becomes_a_ring_with_a_ray_for_each_step():
    """A layout of hundreds of cities by a matrix that is no plane shows nothing of the tour."""
    rng = np.random.default_rng(4)
    instance = ATSPInstance(distances=Distances.from_matrix(rng.integers(1, 100, (300, 300)).astype(float)))
    root = parse(draw(instance, Tour(order=rng.permutation(300))))
    (costs,) = with_class(root, "costs")
    assert costs.get("d").count("m") == 300
    assert inside(points_of(costs))


# ---- routes, clusters, orienteering


def test_every_route_is_a_line_that_names_its_load():
    """A route that is missing or doubled is the first thing that a drawing should show."""
    instance = _tiny("cvrp")
    root = parse(draw(instance, Routes(routes=([1, 2], [], [3], [4]))))
    routes = with_class(root, "route")
    assert titles(routes) == [
        "route 0: 2 customers, load 2 of 2",
        "route 2: 1 customer, load 1 of 2",
        "route 3: 1 customer, load 1 of 2",
    ]
    assert [len(points_of(route)) for route in routes] == [2, 1, 1]
    assert len(with_class(root, "depot")) == 1
    legs = [path for group in with_class(root, "depot-legs") for path in group]
    # There and back for each of three routes.
    assert sum(path.get("d").count("m") for path in legs) == 6


def test_no_routes_and_too_many_routes_are_drawn():
    """No route at all is what an interrupted run hands over; 100,000 of them are what a country needs."""
    instance = _tiny("cvrp")
    assert not with_class(parse(draw(instance, Routes(routes=()))), "route")
    n = 20_001
    coords = np.random.default_rng(5).uniform(0, 1, (n, 2))
    demand = np.append(0.0, np.ones(n - 1))
    many = CVRPInstance(distances=Distances.from_coords(coords), demand=demand, capacity=1.0)
    svg = draw(many, Routes(routes=np.arange(1, n).reshape(-1, 1)), max_elements=2_000)
    assert len(with_class(parse(svg), "route")) == 500
    assert "20,000 routes" in svg
    assert "500 routes drawn" in svg


def test_spokes_lead_from_every_node_to_its_median():
    """A node drawn in the colour of another cluster would show another solution."""
    instance, clustering = CASES["cpmp"]
    root = parse(draw(instance, clustering))
    assert titles(with_class(root, "median")) == [
        "median 0: 2 nodes, demand 2 of 2",
        "median 2: 2 nodes, demand 2 of 2",
    ]
    assert sum(path.get("d").count("m") for path in with_class(root, "spokes")) == 4
    assert len({element.get("fill") for element in with_class(root, "median")}) == 2


def test_visits_services_and_customers_left_out_are_counted():
    """A visit without its service, or a customer left out that is drawn as visited, misleads."""
    instance, route = CASES["optw"]
    root = parse(draw(instance, route))
    assert titles(with_class(root, "visit")) == ["visit 0: place 1", "visit 1: place 2"]
    assert len(with_class(root, "service")) == 2
    (others,) = with_class(root, "others")
    assert others.get("d").count("m") == 1
    nothing = np.empty(0)
    stays = parse(draw(instance, OPTWRoute(customers=nothing, start=nothing, duration=nothing)))
    assert not with_class(stays, "visit")
    assert len(with_class(stays, "depot")) == 1


# ---- graphs


def _random_graph(n, m, seed=0):
    rng = np.random.default_rng(seed)
    return Graph.from_edges(n, rng.integers(0, n, m), rng.integers(0, n, m))


def test_chosen_nodes_are_circles_and_edges_are_all_there():
    """The size of the set is what the drawing is about."""
    graph = _random_graph(40, 60)
    result = cosolve.solve(MISInstance(name="random", graph=graph), time_limit=2)
    root = parse(draw(MISInstance(graph=graph), result.solution))
    (chosen,) = with_class(root, "chosen")
    assert sorted(titles(chosen)) == sorted(f"node {v}" for v in result.solution.nodes.tolist())
    (edges,) = with_class(root, "edges")
    assert edges.get("d").count("m") == graph.num_edges
    assert not with_class(root, "conflicts")
    (others,) = with_class(root, "others")
    assert others.get("d").count("m") == 40 - len(result.solution.nodes)


def test_broken_sets_show_where_they_are_broken():
    """Drawn like a proper solution, a conflict between two of hundreds of nodes would go unseen."""
    graph = _tiny("mis").graph
    conflict = parse(draw(MISInstance(graph=graph), NodeSet(nodes=np.array([0, 1]))))
    assert [path.get("d").count("m") for path in with_class(conflict, "conflicts")] == [1]
    path = MDSInstance(graph=_tiny("mds").graph)
    bare = parse(draw(path, NodeSet(nodes=np.array([1]))))
    assert [dots.get("d").count("m") for dots in with_class(bare, "undominated")] == [4]


def test_each_dominated_node_has_one_line_to_a_chosen_one():
    """Which node covers which is what a dominating set is for."""
    instance, cover = CASES["mds"]
    (lines,) = with_class(parse(draw(instance, cover)), "dominations")
    assert lines.get("d").count("m") == 4


def test_empty_sets_single_nodes_and_graphs_without_edges_are_drawn():
    """No edge means no distance, no component larger than one, and no length to scale by."""
    nothing = NodeSet(nodes=np.empty(0))
    for n in (1, 2, 300):
        graph = Graph.from_edges(n, np.empty(0), np.empty(0))
        for instance in (MISInstance(graph=graph), MDSInstance(graph=graph)):
            root = parse(draw(instance, nothing))
            dots = with_class(root, "others") + with_class(root, "undominated")
            assert sum(path.get("d").count("m") for path in dots) == n
            assert all(inside(points_of(path)) for path in dots)


def test_a_grid_is_laid_out_with_edges_of_similar_length():
    """A layout that folds a grid is no better than random places."""
    side = 12
    ids = np.arange(side * side).reshape(side, side)
    tails = np.concatenate((ids[:, :-1].ravel(), ids[:-1].ravel()))
    heads = np.concatenate((ids[:, 1:].ravel(), ids[1:].ravel()))
    graph = Graph.from_edges(side * side, tails, heads)
    places = layout_graph(_adjacency(graph), 1.3)
    length = np.hypot(*(places[tails] - places[heads]).T)
    assert length.min() > 0.4 * length.mean()
    assert length.max() < 1.8 * length.mean()


def test_components_do_not_overlap():
    """Two components drawn over each other look like one."""
    graph = Graph.from_edges(20, np.r_[0:9, 10:19], np.r_[1:10, 11:20])
    places = layout_graph(_adjacency(graph), 1.3)
    first, second = places[:10], places[10:]
    apart = (first.max(axis=0) < second.min(axis=0)) | (second.max(axis=0) < first.min(axis=0))
    assert apart.any()


def test_thousands_of_components_take_seconds():
    """Each was selected from all nodes again, and the smallest went through all rounds of the layout."""
    edges, lone = 20_000, 10_000
    tails = np.arange(0, 2 * edges, 2)
    places = layout_graph(_adjacency(Graph.from_edges(2 * edges + lone, tails, tails + 1)), 1.3)
    assert np.allclose(np.hypot(*(places[tails + 1] - places[tails]).T), 1.0)
    assert len(np.unique(places.round(6), axis=0)) == len(places)


def _adjacency(graph):
    from scipy.sparse import csr_matrix

    return csr_matrix((np.ones(len(graph.indices)), graph.indices, graph.indptr), shape=(graph.num_nodes,) * 2)


def test_a_large_graph_is_a_window_with_all_edges_inside_and_says_so():
    """A random sample of nodes of a sparse graph has next to no edges left."""
    graph = _random_graph(20_000, 60_000, seed=6)
    view = view_graph(_adjacency(graph), _BOX, 20_000)
    assert len(view.nodes) == 300
    assert len(np.unique(view.nodes)) == 300
    inner = np.isin(graph.edges(), view.nodes).all(axis=1)
    assert len(view.tails) == inner.sum() >= 299
    svg = draw(MISInstance(graph=graph), NodeSet(nodes=np.arange(0)))
    assert "300 of 20,000 nodes" in svg
    dense = view_graph(_adjacency(_random_graph(400, 70_000, seed=7)), _BOX, 20_000)
    assert 20 < len(dense.nodes) < 300
    assert len(dense.tails) <= 3_000


@pytest.mark.parametrize("coords", [np.zeros((4, 0)), np.full((4, 2), np.nan), np.ones((4, 5)), np.ones((3, 2))])
def test_coordinates_that_are_no_places_are_not_drawn(coords):
    """SteinLib files may have any behind a node: NaN stood in the SVG, and none at all ended in an IndexError."""
    instance, tree = CASES["stp"]
    odd = dataclasses.replace(instance, meta={"coords": coords})
    assert draw(odd, tree) == draw(dataclasses.replace(instance, meta={}), tree)
    space = dataclasses.replace(instance, meta={"coords": np.eye(4, 3) * 1.7e308})
    assert all(inside(points_of(path)) for path in with_class(parse(draw(space, tree)), "tree"))


def test_matrices_near_the_largest_double_are_laid_out():
    """The mean of the two directions was infinite, and the eigenvalues did not converge."""
    exact = np.hypot(*(_SQUARE.coords[:, None] - _SQUARE.coords[None]).transpose(2, 0, 1))
    places = layout_distances(Distances.from_matrix(exact * 1e307), 1.3)
    found = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1))
    assert np.allclose(found / found.max(), exact / exact.max(), atol=0.05)


def test_the_limit_holds_for_nodes_as_for_edges():
    """A graph without edges was laid out and drawn whole whatever the limit."""
    graph = _random_graph(1_000, 50, seed=8)
    assert len(view_graph(_adjacency(graph), _BOX, 1_000).nodes) == 1_000
    for limit in (1, 40, 999):
        assert 1 <= len(view_graph(_adjacency(graph), _BOX, limit).nodes) <= limit
    root = parse(draw(MISInstance(graph=graph), NodeSet(nodes=np.empty(0)), max_elements=40))
    assert sum(path.get("d").count("m") for path in with_class(root, "others")) <= 40


@pytest.mark.slow
def test_four_million_edges_take_seconds():
    """The largest graphs of the benchmark must not hold up a report."""
    graph = _random_graph(1_000_000, 4_000_000, seed=8)
    begin = time.perf_counter()
    svg = draw(MISInstance(graph=graph), NodeSet(nodes=np.arange(0)))
    assert time.perf_counter() - begin < 30
    assert len(svg) < 200_000


def test_a_steiner_tree_has_its_edges_and_terminals():
    """An edge of the tree that is missing makes it two trees."""
    instance, tree = CASES["stp"]
    root = parse(draw(instance, tree))
    (lines,) = with_class(root, "tree")
    assert lines.get("d").count("m") == 3
    assert titles(with_class(root, "terminal")) == ["terminal 1", "terminal 2", "terminal 3"]
    (edges,) = with_class(root, "edges")
    assert edges.get("d").count("m") == instance.num_edges
    (steiner,) = with_class(root, "steiner-nodes")
    assert steiner.get("d").count("m") == 1


def test_coordinates_of_a_steinlib_file_are_used():
    """A layout of a map would hide that it is a map."""
    coords = np.array([[0, 0, 0], [4, 0, 0], [4, 1, 0], [0, 1, 0]], float)
    edges = np.array([[0, 1], [1, 2], [2, 3], [0, 3]])
    for dimensions in (1, 2, 3):
        instance = STPInstance(
            num_nodes=4, edges=edges, weights=np.ones(4), terminals=[0, 2], meta={"coords": coords[:, :dimensions]}
        )
        (path,) = with_class(parse(draw(instance, EdgeSet(edges=edges[:2]))), "tree")
        width, height = np.ptp(points_of(path), axis=0)
        assert width == pytest.approx(4 * height, rel=0.01) if dimensions > 1 else height == 0


def test_of_a_graph_too_large_to_read_the_tree_alone_is_drawn():
    """In a window of the graph, most of the tree would be missing."""
    n = 9_000
    nodes = np.arange(n)
    rng = np.random.default_rng(9)
    extra = rng.integers(0, n, (30_000, 2))
    edges = np.concatenate((np.column_stack((nodes[:-1], nodes[1:])), extra[extra[:, 0] != extra[:, 1]]))
    instance = STPInstance(num_nodes=n, edges=edges, weights=np.ones(len(edges)), terminals=[0, 50])
    chain = EdgeSet(edges=np.column_stack((nodes[:50], nodes[1:51])))
    svg = draw(instance, chain)
    assert "the tree alone" in svg
    (lines,) = with_class(parse(svg), "tree")
    assert lines.get("d").count("m") == 50
    lone = draw(STPInstance(num_nodes=1, edges=[], weights=[], terminals=[0]), EdgeSet(edges=[]))
    assert titles(with_class(parse(lone), "terminal")) == ["terminal 0"]


# ---- facilities, schedules, values, trees


def test_facilities_customers_and_deliveries_are_counted():
    """An open facility without load is easily dropped, and so is a delivery given in two parts."""
    instance = CFLPInstance(
        capacity=np.array([10.0, 10.0, 10.0, 10.0]),
        fixed_cost=np.ones(4),
        demand=np.array([6.0, 4.0, 0.0]),
        cost=np.ones((4, 3)),
    )
    supply = Supply(
        is_open=np.array([1, 1, 0, 1]),
        facility=np.array([0, 0, 0, 1]),
        customer=np.array([0, 0, 1, 1]),
        amount=np.array([4.0, 2.0, 1.0, 3.0]),
    )
    root = parse(draw(instance, supply))
    assert sorted(titles(with_class(root, "open"))) == [
        "facility 0: 7 of 10 used",
        "facility 1: 3 of 10 used",
        "facility 3: 0 of 10 used",
    ]
    assert titles(with_class(root, "closed")) == ["facility 2: closed"]
    assert len(with_class(root, "customer")) == 3
    assert sorted(titles(with_class(root, "delivery"))) == ["facility 0: 2 deliveries", "facility 1: 1 delivery"]
    # How high a facility is filled is its use.
    used = {element[0].text: float(element.get("height")) for element in with_class(root, "load")}
    assert used["facility 0: 7 of 10 used"] == pytest.approx(used["facility 1: 3 of 10 used"] * 7 / 3, abs=0.02)


def test_bands_are_as_wide_as_what_they_deliver():
    """Equal bands would make a share of 1 % look like one of 99 %."""
    instance = CFLPInstance(
        capacity=np.array([100.0, 100.0]), fixed_cost=np.ones(2), demand=np.array([100.0]), cost=np.ones((2, 1))
    )
    supply = Supply(is_open=np.ones(2), facility=[0, 1], customer=[0, 0], amount=[75.0, 25.0])
    root = parse(draw(instance, supply))
    widths = {e[0].text[:10]: float(re.search(r"h([\d.]+)", e.get("d"))[1]) for e in with_class(root, "delivery")}
    assert widths["facility 0"] == pytest.approx(3 * widths["facility 1"], rel=0.01)


def test_nothing_delivered_and_no_customers_are_drawn():
    """Sums of nothing are what widths are divided by."""
    nobody = CFLPInstance(capacity=np.zeros(2), fixed_cost=np.ones(2), demand=np.empty(0), cost=np.empty((2, 0)))
    none = Supply(is_open=np.zeros(2), facility=[], customer=[], amount=[])
    root = parse(draw(nobody, none))
    assert len(with_class(root, "closed")) == 2
    assert not with_class(root, "open")
    parse(draw(_tiny("cflp"), none))


def test_every_operation_is_a_bar_as_long_as_it_takes():
    """A Gantt chart that drops or stretches operations cannot be trusted for the makespan."""
    instance, schedule = CASES["fjsp"]
    bars = with_class(parse(draw(instance, schedule)), "operation")
    assert sorted(titles(bars)) == [
        "job 0, operation 0: machine 0, 0 to 3",
        "job 0, operation 1: machine 1, 3 to 5",
        "job 1, operation 0: machine 1, 0 to 2",
        "job 1, operation 1: machine 0, 3 to 7",
    ]
    width = {bar[0].text[:20]: float(bar.get("width")) for bar in bars}
    assert width["job 1, operation 1: "[:20]] == pytest.approx(2 * width["job 1, operation 0: "[:20]], rel=0.01)
    assert len({bar.get("fill") for bar in bars}) == 2
    assert len({bar.get("y") for bar in bars}) == 2


def test_shops_without_jobs_and_with_more_bars_than_allowed_are_drawn():
    """No operation has no end to scale by; a hundred thousand need to be cut, and the drawing has to say so."""
    none = np.empty(0, np.int64)
    empty = FJSPInstance(job_ptr=[0], alt_ptr=[0], alt_machine=none, alt_time=none, num_machines=2)
    assert not with_class(parse(draw(empty, Schedule(machine=none, start=none))), "operation")
    n = 400
    shop = FJSPInstance(
        job_ptr=np.arange(n + 1),
        alt_ptr=np.arange(n + 1),
        alt_machine=np.arange(n),
        alt_time=np.ones(n),
        num_machines=n,
    )
    svg = draw(shop, Schedule(machine=np.arange(n), start=np.zeros(n)), max_elements=50)
    assert len(with_class(parse(svg), "operation")) == 50
    assert re.search(r"50 drawn, on \d+ of 400 machines", svg)


def _milp(values, is_integer):
    n = len(values)
    none = np.empty(0)
    instance = MILPInstance(
        cost=np.zeros(n), col_lower=np.full(n, -np.inf), col_upper=np.full(n, np.inf), is_integer=is_integer,
        data=none, indices=none, indptr=np.zeros(1), row_lower=none, row_upper=none,
    )  # fmt: skip
    return instance, Values(values=np.asarray(values, float))


def test_cells_show_integer_variables_and_bars_their_values():
    """Zeros among thousands of variables are the rule; what matters is which are not, and how large."""
    root = parse(draw(*_milp([0, 3, -2, 0.5, 1], np.array([1, 1, 1, 0, 1], bool))))
    cells = {css: sum(p.get("d").count("M") for p in with_class(root, css)) for css in ("zero", "negative", "positive")}
    assert cells == {"zero": 1, "negative": 1, "positive": 2}
    assert titles(with_class(root, "value")) == ["column 1: 3", "column 2: -2", "column 4: 1"]


def test_binary_values_need_no_bars_and_continuous_ones_alone_are_shown():
    """A hundred bars of height 1 say nothing; an LP without integers would leave the drawing empty."""
    binary = parse(draw(*_milp([0, 1, 1], np.ones(3, bool))))
    assert not with_class(binary, "value")
    assert len(with_class(parse(draw(*_milp([0.5, 0.0], np.zeros(2, bool)))), "value")) == 1
    parse(draw(*_milp([], np.zeros(0, bool))))
    huge = parse(draw(*_milp([1.7e308, -1.7e308, 1e-300], np.zeros(3, bool))))
    assert len(with_class(huge, "value")) == 3


def test_of_many_variables_several_share_a_cell():
    """A million cells would be smaller than a pixel and take 20 MB."""
    values = np.zeros(100_000)
    values[77_777] = 1
    svg = draw(*_milp(values, np.ones(len(values), bool)), max_elements=1_000)
    root = parse(svg)
    assert [path.get("d").count("M") for path in with_class(root, "positive")] == [1]
    assert [path.get("d").count("M") for path in with_class(root, "zero")] == [999]
    assert "100 variables per cell" in svg


def test_a_regression_tree_has_a_box_for_each_node():
    """Left and right exchanged, or a leaf with the samples of another, would tell a wrong story."""
    instance, tree = CASES["regtree"]
    # Column 1 is 1, 3, 5, 7: no sample is at most 0.5.
    root = parse(draw(instance, tree))
    assert titles(with_class(root, "split")) == ["x1 <= 0.5: 4 samples"]
    assert titles(with_class(root, "leaf")) == ["predicts -3 for 0 samples", "predicts 4 for 4 samples"]
    left, right = (float(leaf.get("x")) for leaf in with_class(root, "leaf"))
    assert left < right
    constant = RegressionTree(
        feature=np.array([-2]), threshold=np.zeros(1), left=np.array([-1]), right=np.array([-1]), value=np.ones(1)
    )
    assert len(with_class(parse(draw(instance, constant)), "leaf")) == 1


# ---- colours, axes, paths


def test_neighbours_get_different_colours():
    """Two routes side by side in one colour look like one."""
    grid = np.array([[x, y] for x in range(8) for y in range(8)], float)
    colour = spread(grid)
    gap = np.abs(grid[:, None] - grid[None]).sum(axis=2)
    assert (colour[:, None] != colour[None])[gap == 1].all()
    assert set(colour.tolist()) == set(range(len(COLOURS)))
    assert len(spread(np.empty((0, 2)))) == 0


def test_colours_are_distinct_and_letters_on_them_readable():
    """Twenty jobs in seven colours are told apart by lighter and darker ones."""
    assert len(set(tints(21))) == 21
    assert ink("#000000") == "#FFFFFF"
    assert ink("#F0E442") == "#000000"
    assert scale(np.array([0.0, 0.5, 1.0])) == ["#005493", "#009E87", "#E8A300"]


@given(st.floats(1e-9, 1e15), st.integers(1, 20))
def test_ticks_are_round_and_within_the_axis(high, count):
    """Ticks beyond the end would be drawn outside; hundreds of them on top of each other."""
    marks = ticks(high, count)
    assert marks[0] == 0
    assert marks[-1] <= high * (1 + 1e-9)
    assert len(marks) <= count + 1


def test_paths_are_relative_tenths():
    """Rounded one by one, relative steps would drift away over thousands of cities."""
    points = np.cumsum(np.full((1_000, 2), 0.04), axis=0)
    data = path_data(points, (0,))
    steps = np.array(re.findall(r"-?[\d.]+", data), float).reshape(-1, 2)
    assert np.abs(steps.sum(axis=0) - points[-1]).max() < 0.051
    assert path_data(np.array([[1.0, 2.0], [0.5, 4.0], [9.0, 9.0]]), (0, 2)) == "m1 2-0.5 2m8.5 5"


def test_a_timetable_shows_when_each_customer_is_served():
    """Node 2 waits from 20 to 21: the row must show the start of service, not the arrival."""
    instance = dataclasses.replace(_tiny("vrptw"), opens=np.array([0.0, 0.0, 21.0]))
    picture = draw(instance, Routes(routes=([1], [2])))
    assert "route 1, node 2: 21 to 26, start within 21 to 24" in picture
    assert "route 0, node 1: 10 to 15, start within 0 to 10" in picture
    assert "start within" not in draw(instance, None)
