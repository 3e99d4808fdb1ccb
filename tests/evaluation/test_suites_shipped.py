"""The suites and references that come with the package say what their sources say."""

from __future__ import annotations

import csv
from collections import Counter

import numpy as np
import pytest
from scipy.spatial import cKDTree

import cosolve
from cosolve.evaluation import shipped
from cosolve.evaluation.load import list_suites, load_suite
from cosolve.evaluation.reference_files import published_gaps
from cosolve.evaluation.references import ReferenceKind
from cosolve.evaluation.sources import load_source
from cosolve.evaluation.suite import FromCatalogue, FromGenerator
from cosolve.instances.catalogue import entries

PROBLEMS = ("tsp", "mis", "mds", "cvrp", "cflp", "cpmp", "fjsp", "stp")

#: Values in FrontierCO's own data/<problem>/config.py for the validation, easy and hard sets (arXiv 2505.16952).
COUNTS = {
    "tsp": (10, 29, 19),
    "mis": (20, 37, 16),
    "mds": (20, 20, 20),
    "cvrp": (15, 20, 10),
    "cflp": (20, 20, 30),
    "cpmp": (20, 31, 12),
    "fjsp": (0, 60, 24),
    "stp": (15, 23, 50),
}

ROADS = ("atsp", "acvrp", "acvrptw")
SETS = ("valid", "easy", "hard")


def rows() -> list[dict[str, str]]:
    with (shipped.folder("references") / "frontierco.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", list(list_suites()))
def test_every_shipped_suite_loads_without_any_data(name, tmp_path):
    """Whoever installs the package has none of the public files: a suite must load all the same."""
    suite = load_suite(name, folders=[tmp_path])
    assert suite.name == name
    assert suite.title
    assert suite.entrants[0].solver == "auto"
    assert len({case.problem for case in suite.cases}) in (1, 8)


def test_all_shipped_suites_are_the_promised_ones():
    """A file forgotten or misnamed would make a documented command fail."""
    expected = {f"frontierco-{problem}-{group}" for problem in PROBLEMS for group in SETS}
    sets = ("50-100", "50-500", "100-100", "100-500", "500-100", "hard")
    expected |= {"optw-solomon", "optw-cordeau", *(f"optwvp-{name}" for name in sets)}
    expected |= {f"rrnco-{problem}-{split}" for problem in ROADS for split in ("in", "city", "cluster")}
    families = ("ca", "mis", "mvc", "sc", "wa", "item-placement", "load-balancing")
    expected |= {f"milp-{family}" for family in families}
    assert set(list_suites()) == expected | {"smoke", "public-small"}


def test_all_541_references_are_there_and_reach_their_instances(tmp_path):
    """A reference whose name fits no instance would be dropped in silence, as FrontierCO's own harness does."""
    found = {}
    for problem in PROBLEMS:
        suites = [load_suite(f"frontierco-{problem}-{group}", folders=[tmp_path]) for group in SETS]
        found[problem] = tuple(sum(case.reference is not None for case in suite.cases) for suite in suites)
        assert all(case.group == group for suite, group in zip(suites, SETS, strict=True) for case in suite.cases)
    assert found == COUNTS
    counted = Counter((row["problem"], row["split"]) for row in rows())
    assert counted == {(p, s): n for p, sizes in COUNTS.items() for s, n in zip(SETS, sizes, strict=True) if n}
    assert sum(counted.values()) == 541


def test_missing_instances_are_cases():
    """An instance that is left out would make the mean of a set look like the mean of another."""
    suite = load_suite("frontierco-stp-hard", folders=[])
    missing = [case for case in suite.cases if case.is_missing]
    assert len(suite.cases) == 50
    assert len(missing) == 43
    assert missing[0].source.wanted == "hard_test_instances/bip42p.stp"
    # Nobody has published what is in this set; the suite must say that it is not here, not that there is nothing.
    assert [case.is_missing for case in load_suite("frontierco-fjsp-valid", folders=[]).cases] == [True]


@pytest.mark.parametrize(
    ("problem", "instance", "value"),
    [
        # TSPLIB's list of optimal tour lengths.
        ("tsp", "brd14051.tsp", 469385),
        ("tsp", "usa13509.tsp", 19982859),
        ("tsp", "E10M.0", 2253040346),
        ("mis", "C2000.9.mis", 80),
        ("cvrp", "Antwerp1.vrp", 477277),
        ("stp", "hc12u.stp", 2330),
        ("cpmp", "LRA498378_2000.txt", 21136297.537245),
    ],
)
def test_values_are_those_of_frontierco(problem, instance, value):
    """A slip in one of 541 lines would be a gap that no solver can close."""
    (row,) = [row for row in rows() if row["problem"] == problem and row["instance"] == instance]
    assert float(row["value"]) == value


def test_references_do_not_contradict_themselves():
    """Objectives of five problems are integers, no optimum lies beyond a bound, and what is doubtful is not optimal."""
    maximised = {"mis"}
    for row in rows():
        value = float(row["value"])
        if row["problem"] in ("tsp", "mis", "mds", "fjsp") or (row["problem"], row["split"]) in {("stp", "hard")}:
            assert value == int(value), row
        if row["bound"]:
            assert (float(row["bound"]) - value) * (1 if row["problem"] in maximised else -1) > 0, row
            assert row["kind"] != ReferenceKind.OPTIMAL, row
        assert not (row["doubt"] and row["kind"] == ReferenceKind.OPTIMAL), row
        assert row["source"], row


def test_doubtful_references_are_marked():
    """What FrontierCO's own references get wrong must be visible wherever they are used."""
    doubtful = {row["instance"].rsplit(".", 1)[0] for row in rows() if row["doubt"]}
    assert "frb100-40" in doubtful  # 98, though 100 independent nodes are hidden in it
    assert {f"Golden_{i}" for i in (1, 2, 3, 4, 6, 7, 8)} <= doubtful  # computed without the limit on route length
    assert {"hc11u", "hc12u", "hc11p", "hc12p", "cc12-2p"} <= doubtful  # SteinLib lists lighter trees
    assert {f"ba_graph_large_train_{k}" for k in range(20)} <= doubtful  # keys fit no file
    assert {"G101a", "G309a"} <= doubtful  # above what is published for the files' own weights
    assert not {"brd14051", "hc7u", "frb59-26-5", "Behnke1"} & doubtful


def test_references_of_graphs_from_codes_are_the_known_optima():
    """The generators know these optima from the coding literature, independently of FrontierCO."""
    cases = load_suite("frontierco-mis-easy", folders=[]).cases
    chosen = [case for case in cases if isinstance(case.source, FromGenerator)]
    assert len(chosen) == 8
    for case in chosen:
        instance = load_source(case.source, case.problem)
        assert instance.name == case.name
        assert instance.meta["reference"] == case.reference.value


def test_generated_hypercubes_have_the_name_and_best_weight_of_steinlib():
    """Where FrontierCO's reference is not the best known weight, the reference says so."""
    cases = load_suite("frontierco-stp-hard", folders=[]).cases
    chosen = [case for case in cases if isinstance(case.source, FromGenerator)]
    assert len(chosen) == 7
    for case in chosen:
        instance = load_source(case.source, case.problem)
        assert instance.name == case.name
        assert (instance.meta["best_known"] < case.reference.value) == bool(case.reference.doubt)


def test_generated_dimacs_instance_is_the_bundled_one():
    """The suite's E1k.0 must have the content whose optimal tour length is known, bit by bit."""
    suite = load_suite("frontierco-tsp-valid", folders=[])
    bundled = {entry.name: entry for entry in entries()}["E1k.0"]
    case = suite.cases[0]
    assert case.name == "E1k.0"
    assert load_source(case.source, case.problem).digest == bundled.digest
    assert case.reference.value == bundled.reference == 23360648


@pytest.mark.parametrize(("name", "size"), [("E1k.7", 1_000), ("C10k.0", 10_000), ("E31k.1", 31_623)])
def test_references_of_generated_tours_lie_between_simple_bounds(name, size):
    """A reference of another family or size would be shorter than any tour, or longer than a greedy one."""
    group = "valid" if size == 1_000 else "hard"
    (case,) = [case for case in load_suite(f"frontierco-tsp-{group}", folders=[]).cases if case.name == name]
    instance = load_source(case.source, "tsp")
    assert instance.size == size
    # Every city of a tour has two neighbours, at best its nearest two; rounding takes at most half a unit of each.
    nearest = cKDTree(instance.distances.coords).query(instance.distances.coords, 3)[0][:, 1:]
    greedy = cosolve.solve(instance, "greedy", time_limit=10).objective
    assert nearest.sum() / 2 - 0.5 * size <= case.reference.value <= greedy <= 1.25 * case.reference.value


@pytest.mark.parametrize("problem", ROADS)
@pytest.mark.parametrize("split", ["in", "city", "cluster"])
def test_references_on_roads_are_of_their_instances(problem, split):
    """A reference of another seed or split would lie below every solution, or far above a simple one."""
    suite = load_suite(f"rrnco-{problem}-{split}", folders=[])
    assert [case.name for case in suite.cases] == [f"{split}-s{seed}" for seed in range(64)]
    case = suite.cases[1]
    instance = load_source(case.source, problem)
    assert (instance.meta["seed"], instance.meta["split"], len(instance.distances.matrix)) == (
        1, split, 100 + (problem != "atsp"),
    )  # fmt: skip
    assert case.reference is not None
    # Each place is left once, at best for its nearest one.
    nearest = (instance.distances.matrix + np.diag(np.full(len(instance.distances.matrix), np.inf))).min(axis=1)
    greedy = cosolve.solve(instance, "greedy", time_limit=10).objective
    assert nearest.sum() <= case.reference.value <= greedy <= 1.5 * case.reference.value


def test_smoke_covers_all_problems_with_the_references_of_the_catalogue():
    """The smoke suite is what a newcomer runs first; its references must be the proven ones."""
    suite = load_suite("smoke", folders=[])
    assert {case.problem for case in suite.cases} == set(PROBLEMS)
    known = {entry.name: entry for entry in entries()}
    assert {case.source.name for case in suite.cases} == {e.name for e in entries() if e.problem in PROBLEMS}
    for case in suite.cases:
        assert isinstance(case.source, FromCatalogue)
        assert case.reference.value == known[case.name].reference
        assert case.reference.kind == known[case.name].reference_kind
        handlers = [e for e in suite.entrants if case.problem in (e.problems or PROBLEMS)]
        assert len(handlers) == 3


def test_public_files_are_found_and_their_references_agree(data):
    """Each value was copied from the list of best known values beside the files; a slip would show here."""
    with (data / "best_known.csv").open(newline="") as file:
        known = {(row["problem"], row["instance"]): row for row in csv.DictReader(file)}
    suite = load_suite("public-small", folders=[data])
    assert Counter(case.problem for case in suite.cases) == dict.fromkeys(PROBLEMS, 4)
    for case in suite.cases:
        assert not case.is_missing, case
        place = case.source.path.relative_to(data / case.problem)
        stem = place.name.removesuffix(".gz")
        stem = stem.rsplit(".", 1)[0] if "." in stem else stem
        row = known[case.problem, str(place.with_name(stem))]
        assert (float(row["objective"]), row["status"]) == (case.reference.value, case.reference.kind)


def test_frontierco_files_lying_anywhere_are_found(data):
    """A user who has TSPLIB or CVRPLIB in folders of their own should not have to move it."""
    (found,) = [c for c in load_suite("frontierco-cpmp-easy", folders=[data]).cases if not c.is_missing]
    assert (found.name, found.source.path.name) == ("SJC1", "SJC1.dat")
    (found,) = [c for c in load_suite("frontierco-cvrp-hard", folders=[data]).cases if not c.is_missing]
    instance = load_source(found.source, "cvrp")
    solution = cosolve.read_solution(found.source.path.with_suffix(".sol"), instance)
    assert cosolve.judge(instance, solution).objective == found.reference.value == 477277


def test_published_gaps_belong_to_shipped_suites():
    """They stand beside our own figures in a report: each needs its set, its source and a value in [0, 1]."""
    (lkh, *_) = published_gaps("frontierco-tsp-hard")
    assert (lkh.solver, lkh.kind, lkh.gap) == ("LKH-3", "classical", pytest.approx(0.0289))
    assert published_gaps(load_suite("frontierco-tsp-hard", folders=[])) == published_gaps("frontierco-tsp-hard")
    assert published_gaps("smoke") == ()
    with (shipped.folder("references") / "frontierco_published.csv").open(newline="") as file:
        names = {row["suite"] for row in csv.DictReader(file)}
    assert names - {"frontierco", "frontierco-easy", "frontierco-hard"} <= set(list_suites())
    for name in names:
        for row in published_gaps(name):
            assert 0 <= row.gap <= 1
            assert row.source
            assert row.kind in ("classical", "neural", "llm")
