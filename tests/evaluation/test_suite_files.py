"""Suites in TOML: what they mean, and one clear line for what they can't."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cosolve.core.errors import InvalidFileError
from cosolve.core.stop import Stop
from cosolve.evaluation.load import load_suite
from cosolve.evaluation.references import Reference, ReferenceKind
from cosolve.evaluation.suite import Entrant, FromCatalogue, FromFile, FromGenerator

AUTO = '\n[[solvers]]\nsolver = "auto"\n'
BUNDLED = '\n[[instances]]\ncatalogue = ["hc6u"]\n'


def suite(folder: Path, text: str, *, folders: tuple[Path, ...] = ()):
    path = folder / "mine.toml"
    path.write_text(text)
    return load_suite(path, folders=folders)


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("1")


# -- settings -------------------------------------------------------------------------------------------------------


def test_settings_at_the_top(tmp_path):
    """A setting read wrongly would make every run of a suite another experiment."""
    found = suite(
        tmp_path,
        """
        name = "night"
        title = "A night's work"
        time_limit = 1.5
        gap = 0.01
        iterations = 100
        nodes = 7
        target = -3
        solutions = 2
        seeds = [9, "0-2"]
        threads = 4
        memory = "1.5 GiB"
        grace = 0
        judge = "frontierco"
        """
        + BUNDLED
        + AUTO,
    )
    assert (found.name, found.title) == ("night", "A night's work")
    assert found.stop == Stop(1.5, iterations=100, nodes=7, gap=0.01, target=-3.0, solutions=2)
    assert found.seeds == (9, 0, 1, 2)
    assert (found.threads, found.memory_limit, found.grace) == (4, 1_610_612_736, 0.0)
    assert found.judge == "frontierco"
    assert found.folder == tmp_path


def test_defaults(tmp_path):
    """The shortest suite that there is: named after its file, a minute for each run, one seed."""
    found = suite(tmp_path, BUNDLED + AUTO)
    assert found.name == "mine"
    assert found.stop == Stop(60.0)
    assert (found.seeds, found.threads, found.memory_limit, found.grace, found.judge) == ((0,), 1, None, 5.0, "strict")
    assert found.entrants == (Entrant("auto", "auto"),)


@pytest.mark.parametrize(
    ("text", "size"),
    [("1000", 1000), ('"512 MB"', 512 * 10**6), ('"2GiB"', 2 * 1024**3), ('"0.5 KiB"', 512), ('"3 TB"', 3 * 10**12)],
)
def test_memory_in_bytes_or_with_a_unit(tmp_path, text, size):
    """GB and GiB differ by 7 %: a cap must be what was written."""
    assert suite(tmp_path, f"memory = {text}\n" + BUNDLED + AUTO).memory_limit == size


def test_solvers(tmp_path):
    """Everything that a solver's table may say reaches the entrant."""
    found = suite(
        tmp_path,
        BUNDLED
        + """
        [[solvers]]
        label = "quick"
        solver = "local-search"
        problems = ["stp", "tsp"]
        time_limit = 3
        threads = 2
        batch_size = 8
        device = "cuda:1"

        [[solvers]]
        label = "outside"
        command = ["./run.sh", "{instance}", "--out={solution}", "-t{time_limit}"]
        options = { margin = 2.0 }
        instance_format = "steinlib"
        solution_format = "pace"

        [[solvers]]
        label = "saved"
        solutions = "answers/{case}-{seed}.json"
        """,
    )
    assert found.entrants == (
        Entrant("quick", "local-search", ("stp", "tsp"), {}, 3.0, 2, 8, "cuda:1"),
        Entrant(
            "outside",
            options={"margin": 2.0},
            command=("./run.sh", "{instance}", "--out={solution}", "-t{time_limit}"),
            formats=("steinlib", "pace"),
        ),
        Entrant("saved", solutions="answers/{case}-{seed}.json"),
    )


# -- instances ------------------------------------------------------------------------------------------------------


def test_patterns_are_relative_to_the_suite_then_to_the_data_folders(tmp_path):
    """A suite beside its files must not pick up others of the same pattern from somewhere else."""
    here, data = tmp_path / "here", tmp_path / "data"
    touch(here / "own" / "b.tsp", here / "own" / "a.tsp", data / "own" / "z.tsp", data / "deep" / "er" / "c.tsp")
    text = '[[instances]]\nproblem = "tsp"\nfiles = ["own/*.tsp", "**/c.tsp"]\n' + AUTO
    found = suite(here, text, folders=(data,))
    assert [case.name for case in found.cases] == ["a", "b", "c"]
    assert [case.source.path for case in found.cases[1:]] == [here / "own" / "b.tsp", data / "deep" / "er" / "c.tsp"]


def test_exact_names_are_found_at_any_depth_of_the_data_folders(tmp_path):
    """Users keep benchmark files in folders of their own; compressed ones count too."""
    first, second = tmp_path / "first", tmp_path / "second"
    touch(first / "x" / "y" / "a.mis", second / "a.mis", second / "q" / "b.mis.gz", second / ".hidden" / "c.mis")
    text = '[[instances]]\nproblem = "mis"\nfiles = ["a.mis", "b.mis", "c.mis"]\n' + AUTO
    found = suite(tmp_path, text, folders=(first, second, tmp_path / "absent"))
    assert [case.name for case in found.cases] == ["a", "b", "c"]
    assert [case.source.path for case in found.cases] == [first / "x/y/a.mis", second / "q/b.mis.gz", None]


def test_within_prefers_a_folder_and_may_insist_on_it(tmp_path):
    """FrontierCO has a file 73.txt; any other file of that name would be taken for it."""
    touch(tmp_path / "73.txt", tmp_path / "FJSP" / "hard" / "73.txt", tmp_path / "74.txt")
    tables = """
        [[instances]]
        problem = "fjsp"
        group = "choosy"
        files = ["73.txt", "74.txt"]
        within = ["hard"]

        [[instances]]
        problem = "fjsp"
        group = "lenient"
        files = ["73.txt", "74.txt"]
        within = ["hard", ""]
        """
    (tmp_path / "suite").mkdir()
    cases = suite(tmp_path / "suite", tables + AUTO, folders=(tmp_path,)).cases
    paths = [case.source.path for case in cases]
    inside = tmp_path / "FJSP" / "hard" / "73.txt"
    assert paths == [inside, None, inside, tmp_path / "74.txt"]
    assert cases[1].source.wanted == "hard/74.txt"


def test_suffixes_stand_for_one_another(tmp_path):
    """FrontierCO's references for MDS say .txt, its generator writes .gr."""
    touch(tmp_path / "ba_0.gr")
    text = '[[instances]]\nproblem = "mds"\nfiles = ["ba_0.txt"]\nsuffixes = [".gr"]\n' + AUTO
    assert suite(tmp_path, text).cases[0].source == FromFile(tmp_path / "ba_0.gr", "ba_0.txt")


def test_what_is_not_found_is_a_missing_case(tmp_path):
    """Dropped in silence, it would make the mean of what is left look like the mean of all."""
    text = '[[instances]]\nproblem = "tsp"\nfiles = ["no.tsp", "none/*.tsp"]\n' + AUTO
    cases = suite(tmp_path, text).cases
    assert [(case.name, case.source.wanted, case.is_missing) for case in cases] == [
        ("no", "no.tsp", True),
        ("none/*.tsp", "none/*.tsp", True),
    ]


def test_a_missing_file_may_be_generated_instead(tmp_path):
    """The file of a user comes first; where there is none, an exact construction does as well."""
    touch(tmp_path / "E10k.0")
    text = """
        [[instances]]
        problem = "tsp"
        files = ["E10k.0", "C10k.1"]
        instead = { "*" = { distribution = "dimacs", name = "{name}" } }
        """
    first, second = suite(tmp_path, text + AUTO).cases
    assert (first.name, first.source) == ("E10k.0", FromFile(tmp_path / "E10k.0", "E10k.0"))
    assert (second.name, second.source) == ("C10k.1", FromGenerator("dimacs", {"name": "C10k.1"}))


def test_generated_instances_by_seeds_and_lists(tmp_path):
    """All combinations of the lists, each with every seed, under names that tell them apart."""
    text = """
        [[instances]]
        problem = "cvrp"
        generate = { distribution = "uniform", n = [20, 50] }
        seeds = "1-2"

        [[instances]]
        problem = "tsp"
        generate = { distribution = "dimacs", name = "E3k.0" }

        [[instances]]
        problem = "mis"
        name = "code-{n}"
        generate = { distribution = "hamming", n = 6, d = 2 }
        """
    cases = suite(tmp_path, text + AUTO).cases
    assert [case.name for case in cases] == [
        "uniform-n20-s1",
        "uniform-n20-s2",
        "uniform-n50-s1",
        "uniform-n50-s2",
        "E3k.0",
        "code-6",
    ]
    assert cases[2].source == FromGenerator("uniform", {"n": 50, "seed": 1})


def test_bundled_instances_by_name_pattern_and_problem(tmp_path):
    """They bring problem and reference along."""
    text = """
        [[instances]]
        catalogue = ["hc*", "hc6u"]

        [[instances]]
        catalogue = ["*"]
        problem = "mds"
        group = "grids"
        """
    cases = suite(tmp_path, text + AUTO).cases
    assert [(case.name, case.problem, case.group) for case in cases] == [
        ("hc6u", "stp", ""),
        ("hc7u", "stp", ""),
        ("grid-20x20", "mds", "grids"),
    ]
    assert cases[0].source == FromCatalogue("hc6u")
    assert cases[0].reference == Reference(39.0, ReferenceKind.OPTIMAL, source="SteinLib PUC")


def test_reading_and_names_for_one_file_read_in_several_ways(tmp_path):
    """OR-Library's capa is four instances in one file."""
    touch(tmp_path / "orlib" / "capa.txt")
    text = "".join(
        f"""
        [[instances]]
        problem = "cflp"
        name = "{{folder}}/{{name}}@{capacity}"
        files = ["orlib/capa.txt"]
        reading = {{ capacity = {capacity} }}
        reference = {{ value = {value}, kind = "optimal", source = "capopt" }}
        """
        for capacity, value in ((8000, 19240822.449), (10000, 18438046.543))
    )
    first, second = suite(tmp_path, text + AUTO).cases
    assert (first.name, second.name) == ("orlib/capa@8000", "orlib/capa@10000")
    assert second.source.reading == {"capacity": 10000}
    assert first.reference == Reference(19240822.449, ReferenceKind.OPTIMAL, source="capopt")


# -- references -----------------------------------------------------------------------------------------------------


def test_references_fit_by_name_file_and_path(tmp_path):
    """Lists of best known values name instances in every way: with suffix and folder, or without."""
    (tmp_path / "best.csv").write_text(
        "problem,instance,value,kind,bound,set\n"
        "tsp,a,1,optimal,,x\ntsp,b.tsp,2,,1.5,x\ntsp,one/p1,3,best,,x\ntsp,two/p1,4,own,,x\ncvrp,c,99,,,x\ntsp,c,5,,,y\n"
    )
    touch(*(tmp_path / name for name in ("a.tsp", "b.tsp", "one/p1", "two/p1", "c.tsp")))
    table = '[[instances]]\nproblem = "tsp"\n'
    text = (
        f'{table}name = "{{folder}}.{{name}}"\nfiles = ["one/p1", "two/p1"]\nreferences = "best.csv"\n'
        f'{table}files = ["a.tsp", "b.tsp", "c.tsp"]\nreferences = {{ file = "best.csv", set = "x" }}\n'
    )
    cases = suite(tmp_path, text + AUTO).cases
    values = [None if case.reference is None else case.reference.value for case in cases]
    assert values == [3, 4, 1, 2, None]
    assert cases[3].reference == Reference(2.0, ReferenceKind.BEST, bound=1.5)


def test_a_reference_is_not_that_of_a_file_of_the_same_name_in_another_folder(tmp_path):
    """The easy and the hard set both number their instances: gaps of one were measured against the other."""
    (tmp_path / "best.csv").write_text("instance,value\neasy/a.tsp,1\nset/b.tsp,2\n")
    text = (
        '[[instances]]\nproblem = "tsp"\nreferences = "best.csv"\nname = "{folder}.{name}"\n'
        'files = ["hard/a.tsp", "easy/a.tsp", "a.tsp.gz", "my/b", "my/set/b"]\n'
    )
    cases = suite(tmp_path, text + AUTO).cases
    values = [None if case.reference is None else case.reference.value for case in cases]
    assert values == [None, 1.0, 1.0, None, 2.0]


def test_the_rows_of_references_may_be_the_list_of_instances(tmp_path):
    """541 names written twice would soon differ."""
    (tmp_path / "best.csv").write_text("instance,value,doubt\nx.tsp,1,too good\ny.tsp,2,\n")
    touch(tmp_path / "y.tsp")
    text = '[[instances]]\nproblem = "tsp"\nreferences = "best.csv"\n'
    first, second = suite(tmp_path, text + AUTO).cases
    assert (first.name, first.is_missing, first.reference.doubt) == ("x", True, "too good")
    assert (second.source.path, second.reference.value) == (tmp_path / "y.tsp", 2.0)


def test_references_of_other_instances_are_refused(tmp_path):
    """Keys that fit nothing are a mistake; FrontierCO's own harness drops such values without a word."""
    (tmp_path / "best.csv").write_text("instance,value\nother,1\n")
    text = '[[instances]]\nproblem = "tsp"\nfiles = ["a.tsp"]\nreferences = "best.csv"\n'
    with pytest.raises(InvalidFileError, match=r"number 1: references: none of them .* 'a'"):
        suite(tmp_path, text + AUTO)


# -- errors ---------------------------------------------------------------------------------------------------------

TSP = '[[instances]]\nproblem = "tsp"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("time_limit = ", "not TOML"),
        (BUNDLED, r"at least one table \[\[solvers\]\]"),
        (AUTO, r"at least one table \[\[instances\]\]"),
        ("instances = 3" + AUTO, r"instances must be tables, each headed \[\[instances\]\]"),
        ("time_limt = 3", r"unknown key 'time_limt' \(did you mean 'time_limit'\?\); allowed: name, title"),
        ("time_limit = -1" + BUNDLED + AUTO, "time_limit must be >= 0 seconds, got -1"),
        ('time_limit = "1"' + BUNDLED + AUTO, "time_limit must be a number, got '1'"),
        ("gap = 2" + BUNDLED + AUTO, r"gap must be in \[0, 1\], got 2"),
        ("threads = true" + BUNDLED + AUTO, "threads must be an integer >= 1, got True"),
        ("seeds = []" + BUNDLED + AUTO, "seeds must be a list of distinct integers, at least one"),
        ("seeds = [1, 1]" + BUNDLED + AUTO, "seeds must be a list of distinct integers"),
        ("seeds = 3" + BUNDLED + AUTO, 'seeds must be a list of integers >= 0 and ranges like "0-9", got 3'),
        ('seeds = "5-3"' + BUNDLED + AUTO, "got '5-3'"),
        ('seeds = [7, "8-99999999999999"]' + BUNDLED + AUTO, "seeds must be at most 1,000,000 seeds"),
        ('memory = "2 gigs"' + BUNDLED + AUTO, "memory must be bytes, .* such as '2 GiB', got '2 gigs'"),
        ("memory = 0" + BUNDLED + AUTO, "got 0"),
        ("grace = -1" + BUNDLED + AUTO, "grace must be >= 0 seconds"),
        ('judge = "lenient"' + BUNDLED + AUTO, "judge must be one of strict, frontierco, got 'lenient'"),
        ("title = 3" + BUNDLED + AUTO, "title must be a text, got 3"),
        (BUNDLED + BUNDLED + AUTO, "names an instance twice"),
        (BUNDLED + AUTO + AUTO, "two solvers with the label 'auto'"),
        # instances
        ("[[instances]]\nfiles = ['a']" + AUTO, r"\[\[instances\]\] number 1: problem must be given"),
        (
            "[[instances]]\nproblem = 'tps'\nfiles = ['a']" + AUTO,
            r"unknown problem 'tps' \(did you mean 'tsp'\?\); known: tsp",
        ),
        (TSP + AUTO, "give one of files, catalogue, generate and references"),
        (TSP + "files = []" + AUTO, r"files must be a list of texts, got \[\]"),
        (TSP + "files = ['a']\nseeds = [1]" + AUTO, "seeds means nothing with files"),
        (TSP + "files = ['a']\nsuffixes = ['gr']" + AUTO, "suffixes must be a list of suffixes, each with its dot"),
        (TSP + "files = ['a']\nreading = 3" + AUTO, "reading must be a table"),
        (TSP + "files = ['a']\nname = '{nam}'" + AUTO, "name must be a text with the fields {name}, {folder}, got"),
        (TSP + "files = ['a']\ninstead = { a = 3 }" + AUTO, "instead: 'a' must be a table"),
        (TSP + "catalogue = ['E1k.O']" + AUTO, r"no bundled instance 'E1k.O' \(did you mean 'E1k.0'\?\)"),
        (TSP + "catalogue = ['hc6u']" + AUTO, "no bundled instance 'hc6u'"),
        (TSP + "catalogue = ['E1k.0']\nfiles = ['a']" + AUTO, "files means nothing with catalogue"),
        (TSP + "generate = {}" + AUTO, "generate: distribution must be one of dimacs, uniform, got None"),
        (TSP + "generate = { distribution = 'unifrm' }" + AUTO, r"got 'unifrm' \(did you mean 'uniform'\?\)"),
        (
            TSP + "generate = { distribution = 'uniform', sizes = 3 }" + AUTO,
            r"uniform has no 'sizes' \(did you mean 'size'\?\)",
        ),
        (TSP + "generate = { distribution = 'uniform', size = 1.5 }" + AUTO, "size must be of type int, got 1.5"),
        (TSP + "generate = { distribution = 'uniform', size = true }" + AUTO, "size must be of type int, got True"),
        ("[[instances]]\nproblem = 'mis'\ngenerate = { distribution = 'hamming', n = 3 }" + AUTO, "hamming needs d"),
        (TSP + "files = ['a']\nreferences = 'no.csv'" + AUTO, "references: no file 'no.csv' beside the suite"),
        (TSP + "files = ['a']\nreferences = 3" + AUTO, "references must be a text"),
        (TSP + "files = ['a']\nreferences = { split = 'easy' }" + AUTO, "references must be a file name, or"),
        (TSP + "files = ['a', 'b']\nreference = 3" + AUTO, "reference is of a single instance, this table has 2"),
        (TSP + "files = ['a']\nreference = nan" + AUTO, "reference: a reference value must be finite"),
        (TSP + "files = ['a']\nreference = { kind = 'best' }" + AUTO, "reference: not a reference"),
        (
            TSP + "files = ['a']\nreference = { value = 3, kind = 'good' }" + AUTO,
            "kind must be one of optimal, best, own, got 'good'",
        ),
        (TSP + "files = ['a']\nreference = { value = 'x' }" + AUTO, "reference: "),
        # solvers
        (BUNDLED + "[[solvers]]", r"\[\[solvers\]\] number 1: give one of solver, command and solutions"),
        (BUNDLED + "[[solvers]]\nsolver = 'auto'\nsolutions = 'a'", "give one of solver, command and solutions"),
        (BUNDLED + "[[solvers]]\nsolver = 'atuo'", r"unknown solver 'atuo' \(did you mean 'auto'\?\); known: auto"),
        (BUNDLED + "[[solvers]]\nsolver = 'auto'\noptions = { depth = 3 }", "options of solver 'auto': unknown option"),
        (BUNDLED + "[[solvers]]\nsolver = 'lagrangian'\nproblems = ['stp']", "does not handle 'stp'; it handles: cflp"),
        (BUNDLED + "[[solvers]]\nsolver = 'auto'\nproblems = ['spt']", "problems: unknown problem 'spt'"),
        (BUNDLED + "[[solvers]]\nsolver = 'auto'\ndevice = 'gpu'", "device must be 'cpu', 'cuda' or .*, got 'gpu'"),
        (BUNDLED + "[[solvers]]\nsolver = 'auto'\ntime_limit = -1", "time_limit must be a number of seconds >= 0"),
        (BUNDLED + "[[solvers]]\ncommand = ['x', '{instance}']", "label must be given"),
        (BUNDLED + "[[solvers]]\nlabel = 'x'\ncommand = ['x', '{instance}']", "command: the command must name {solut"),
        (
            BUNDLED + "[[solvers]]\nlabel = 'x'\ncommand = ['x', '{instance}', '{solution}']\noptions = { depth = 3 }",
            "command: unknown option 'depth'",
        ),
        (
            BUNDLED + "[[solvers]]\nlabel = 'x'\nsolutions = '{cas}.sol'",
            r"unknown field {cas} \(did you mean 'case'\?\); allowed: {case}, {group}, {seed}",
        ),
        (BUNDLED + "[[solvers]]\nlabel = 'x'\nsolutions = '{'", "solutions: '{' is no pattern"),
        (BUNDLED + "[[solvers]]\nlabel = 'x'\nsolutions = 'a'\noptions = { a = 1 }", "options mean nothing with"),
    ],
)
def test_errors_are_one_line_with_file_table_key_and_value(tmp_path, text, message):
    """Suites are written by hand; the message is what a user has to find the mistake with."""
    with pytest.raises(InvalidFileError, match=message) as caught:
        suite(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 'mine.toml'}: ")
    assert "\n" not in str(caught.value)


def test_unknown_suite_names_the_nearest_one():
    """A typo should be answered with what there is."""
    with pytest.raises(ValueError, match=r"no suite 'smok', .* \(did you mean 'smoke'\?\) \(cosolve info suites\)"):
        load_suite("smok")


def test_solver_class_of_a_module_is_left_to_the_runner(tmp_path):
    """A solver that is not registered can only be looked up where it runs."""
    text = "[[solvers]]\nlabel = 'mine'\nsolver = 'package.module:Class'\noptions = { a = 1 }"
    assert suite(tmp_path, BUNDLED + text).entrants[0].options == {"a": 1}


def test_every_example_in_the_documentation_loads(tmp_path):
    """An example that does not work is worse than none."""
    text = (Path(__file__).parents[2] / "docs" / "evaluation-suites.md").read_text()
    examples = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    assert examples
    for example in examples:
        assert suite(tmp_path, example).cases
