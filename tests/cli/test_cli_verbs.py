"""``validate``, ``info``, ``convert`` and ``generate``."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import cosolve
from cosolve.cli.info import conflicts
from cosolve.cli.progress import notice, sparkline
from cosolve.cli.values import split_pairs
from cosolve.core.values import guess
from cosolve.instances.distances import Distances
from cosolve.instances.formats.base import Format, formats
from cosolve.instances.generators import Generator, generators
from cosolve.instances.tsp import TSPInstance

READ = ("--format", "tsplib")


@pytest.fixture
def families(monkeypatch):
    """Generators "tsp/line" (depends on the seed) and "tsp/fixed" (does not)."""

    def line(*, seed: int, size: int = 5, scale: float = 1.0, name: str = "") -> TSPInstance:
        coords = np.random.default_rng(seed).integers(0, 1000, (size, 2)) * scale
        meta = {"optimum": 7.0, "comment": "x"}
        return TSPInstance(name=name or f"line{size}", distances=Distances.from_coords(coords), meta=meta)

    parameters = {
        "size": (int, 5, "number of cities"),
        "scale": (float, 1.0, "factor"),
        "name": (str, "", "a name"),
    }
    monkeypatch.setitem(generators._loaded, "tsp/line", Generator("tsp", "line", "on a line", line, parameters))
    fixed = Generator("tsp", "fixed", "always one", lambda seed: line(seed=1), {})
    monkeypatch.setitem(generators._loaded, "tsp/fixed", fixed)
    needy = Generator("tsp", "needy", "needs a size", line, {"size": (int, None, "number of cities")})
    monkeypatch.setitem(generators._loaded, "tsp/needy", needy)


# -- validate ---------------------------------------------------------------------------------------------------


def test_validate_describes_an_instance(cli, folder):
    """The first question about a file from elsewhere: what is it?"""
    answer = cli("validate", "square.tsp", *READ)
    assert answer.code == 0
    words = dict(line.split(maxsplit=1) for line in answer.out.splitlines())
    assert (words["problem"], words["name"], words["size"], words["sense"]) == ("tsp", "square", "4", "min")
    assert words["distances.metric"] == "EUC_2D"


@pytest.mark.parametrize(
    ("solution", "code", "word"), [("good.tour", 0, "40"), ("broken.json", 1, "city visited twice")]
)
def test_validate_judges_a_solution(cli, folder, solution, code, word):
    """Scripts rely on the exit code, people on the list of violations."""
    answer = cli("validate", "square.tsp", solution, *READ)
    assert answer.code == code
    assert word in answer.out


def test_validate_in_json_names_every_violation(cli, folder):
    """what, where and by how much, for machines."""
    answer = cli("validate", "square.tsp", "broken.json", *READ, "--json")
    data = json.loads(answer.out)
    assert data["digest"] == cosolve.read("square.tsp", format="tsplib").digest
    assert data["solution"]["feasible"] is False
    assert data["solution"]["violations"] == [
        {"what": "city visited twice", "where": "city 0 at position 1", "amount": None}
    ]


def test_validate_knows_the_other_rules(cli, folder):
    """FrontierCO measures tours unrounded."""
    Path("odd.tsp").write_text(Path("square.tsp").read_text().replace("10", "10.3"))
    strict, lenient = (
        json.loads(cli("validate", "odd.tsp", "good.tour", *READ, "--json", "--mode", mode).out)["solution"][
            "objective"
        ]
        for mode in ("strict", "frontierco")
    )
    assert strict == 40
    assert lenient == pytest.approx(41.2)


@pytest.mark.parametrize(
    "arguments",
    [["nosuch.tsp"], ["square.tsp", "nosuch.tour"], ["square.tsp", "square.tsp"], ["square.tsp", "--mode", "kind"], []],
)
def test_validate_refuses_bad_input_in_one_line(cli, folder, arguments):
    """A malformed solution file is bad input (2), an infeasible solution a failed check (1)."""
    answer = cli("validate", *arguments, *(READ if arguments else ()))
    assert answer.code == 2
    assert answer.out == ""
    assert not arguments or len(answer.err.strip().splitlines()) == 1


# -- info -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "topic", ["solvers", "options", "formats", "problems", "generators", "suites", "environment", "instances"]
)
def test_info_tells_people_and_machines_the_same(cli, topic):
    """Every topic has both faces, and none fails because a package is missing."""
    human, machine = cli("info", topic), cli("info", topic, "--json")
    assert (human.code, machine.code) == (0, 0)
    assert human.out.strip()
    data = json.loads(machine.out)
    for row in data if isinstance(data, list) else []:
        assert str(row.get("name") or row.get("distribution") or row.get("option")) in human.out


def test_info_explains_every_option(cli):
    """In plain text, those that a solver shares with others as well."""
    rows = json.loads(cli("info", "options", "--json").out)
    assert {row["solver"] for row in rows} >= {"cpsat", "scip", "ctc", "rrnco+"}
    assert all(row["meaning"] and "`" not in row["meaning"] for row in rows)
    one = {row["option"]: row for row in rows if row["solver"] == "rrnco+"}
    assert (one["starts"]["default"], one["device"]["default"]) == (5, "cpu")
    assert [row["default"] for row in rows if row["option"] == "native"] == [{}, {}]
    assert one["starts"]["meaning"].startswith("First nodes that solutions are decoded from")
    assert {row["option"] for row in rows if row["solver"] == "hgs"} >= {"elite", "close"}
    assert {row["solver"] for row in json.loads(cli("info", "options", "--problem", "fjsp", "--json").out)} == {"cpsat"}


def test_info_lists_solvers_of_a_problem(cli):
    """Who can solve this here, and if not, why not."""
    data = json.loads(cli("info", "solvers", "--problem", "tsp", "--json").out)
    by_name = {row["name"]: row for row in data}
    assert by_name["auto"]["available"]
    assert all("tsp" in row["problems"] for row in data if "problems" in row)
    assert all(row["available"] or row["reason"] for row in data)
    assert cli("info", "solvers", "--problem", "nosuch").code == 2
    assert cli("info", "nosuch").code == 2
    answer = cli("info", "solver")
    assert (answer.code, len(answer.err.splitlines())) == (2, 1)
    assert answer.err.startswith("cosolve: error: unknown topic 'solver' (did you mean 'solvers'?); known: solvers, ")
    assert "unknown problem 'tps' (did you mean 'tsp'?)" in cli("info", "solvers", "--problem", "tps").err


@pytest.mark.parametrize(
    ("highspy", "ortools", "bad"),
    [
        ("1.14.0", "9.15", False),
        ("1.15.1", "9.15", True),
        ("2.0", "9.15", True),
        ("1.15.0", None, False),
        (None, "9.15", False),
    ],
)
def test_conflict_of_highspy_and_ortools_is_reported(highspy, ortools, bad):
    """Their shared libraries clash, and the import error names neither cause nor cure."""
    assert bool(conflicts(highspy, ortools)) is bad


# -- convert ----------------------------------------------------------------------------------------------------


def test_convert_instance_keeps_the_data(cli, folder):
    """Equal digests, whatever the file looks like."""
    answer = cli("convert", "square.tsp", "copy.tsp", "--from", "tsplib", "--to", "tsplib")
    assert answer.code == 0, answer.err
    assert cosolve.read("copy.tsp", format="tsplib") == cosolve.read("square.tsp", format="tsplib")
    assert sorted(os.listdir()) == ["bad.tour", "broken.json", "copy.tsp", "good.tour", "square.tsp"]


def test_convert_solution_between_formats(cli, folder):
    """A tour from the literature as JSON, and back."""
    # The instance is recognised by content here: that needs every registered format.
    square = cosolve.read("square.tsp", format="tsplib")
    assert cli("convert", "--instance", "square.tsp", "bad.tour", "bad.json").code == 0
    assert cosolve.judge(square, cosolve.read_solution("bad.json", square)).objective == 48
    assert json.loads(Path("bad.json").read_text())["objective"] == 48


def test_convert_refuses_a_format_that_loses_data(cli, folder, monkeypatch):
    """A silent loss would show up as a wrong optimum later."""
    tsplib = formats.get("tsplib")

    def write_less(instance, path):
        tsplib.write(TSPInstance(distances=type(instance.distances).from_coords(instance.distances.coords[:3])), path)

    lossy = Format("lossy", "drops a city", ("tsp",), {".low": ("tsp",)}, tsplib.sniff, tsplib.read, write_less)
    monkeypatch.setitem(formats._loaded, "lossy", lossy)
    Path("x.low").write_text("old")
    answer = cli("convert", "square.tsp", "x.low", "--from", "tsplib", "--to", "lossy")
    assert answer.code == 2
    assert "'lossy' can't hold all of square" in answer.err
    assert Path("x.low").read_text() == "old"
    assert not [name for name in os.listdir() if name.startswith(".")]


def test_convert_reads_back_as_anybody_will(cli, folder, monkeypatch):
    """With the format that was written given, what is read as another one passed."""
    tsplib = formats.get("tsplib")
    other = Format("other", "claims everything", ("tsp",), {".low": ("tsp",)}, lambda _: ("tsp",), tsplib.read)
    monkeypatch.setitem(formats._loaded, "other", other)
    answer = cli("convert", "square.tsp", "x.dat", "--from", "tsplib")
    assert answer.code == 2
    assert "x.dat would not be read back" in answer.err
    assert "fits several formats" in answer.err
    assert not Path("x.dat").exists()
    assert cli("convert", "square.tsp", "x.dat", "--from", "tsplib", "--to", "tsplib").code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["square.tsp", "x.stp", "--from", "tsplib", "--to", "steinlib"], "does not write tsp"),
        (["square.tsp", "x", "--from", "tsplib", "--to", "nosuch"], "unknown format"),
        (["square.tsp", "no/folder/x.tsp", "--from", "tsplib"], "does not exist"),
        (["nosuch.tsp", "x.tsp"], "no such file"),
        (["square.tsp", "z.mps", "--from", "tsplib"], "suffix .mps is that of mps, which can't be written for tsp"),
        (["square.tsp", "z.json.gz", "--from", "tsplib"], "(convert --to, generate --format): tsplib."),
        (["square.tsp", "z.tsp", "--from", "tsplib", "--format", "vrplib"], "contradict each other"),
        (["square.tsp", "square.tsp"], "would overwrite the input square.tsp"),
        (["--instance", "square.tsp", "good.tour", "square.tsp"], "would overwrite the input square.tsp"),
        (["--instance", "square.tsp", "good.tour", "good.tour"], "would overwrite the input good.tour"),
    ],
)
def test_convert_refuses_in_one_line(cli, folder, arguments, message):
    """And writes nothing."""
    before = sorted(os.listdir())
    answer = cli("convert", *arguments)
    assert answer.code == 2
    assert message in answer.err
    assert len(answer.err.strip().splitlines()) == 1
    assert sorted(os.listdir()) == before


def test_convert_takes_the_flag_that_messages_name(cli, folder):
    """The error about a file that fits several formats says --format."""
    assert cli("convert", "square.tsp", "copy.tsp", "--format", "tsplib").code == 0
    assert cli("convert", "--instance", "square.tsp", "good.tour", "x.json", "--format", "tsplib").code == 0
    assert cli("convert", "--instance", "square.tsp", "good.tour", "x.json", "--format", "metis").code == 2


@pytest.mark.parametrize(
    "arguments", [("square.tsp", "link.tsp"), ("--instance", "square.tsp", "good.tour", "link.tsp")]
)
def test_convert_follows_a_link_to_another_file_system(cli, folder, monkeypatch, arguments):
    """A draft beside the link can't be renamed to where the link points."""
    Path("there").mkdir()
    Path("link.tsp").symlink_to("there/x.tsp")
    rename = os.replace

    def replace(source, target):
        if ("there" in Path(source).parts) != ("there" in Path(target).parts):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), str(source))
        rename(source, target)

    monkeypatch.setattr(os, "replace", replace)
    answer = cli("convert", *arguments)
    assert answer.code == 0, answer.err
    assert os.listdir("there") == ["x.tsp"]
    assert Path("link.tsp").is_symlink()


# -- generate ---------------------------------------------------------------------------------------------------


def test_generate_writes_one_file_and_no_manifest(cli, folder, families):
    """A manifest beside a single file is clutter unless asked for."""
    answer = cli("generate", "tsp", "--distribution", "line", "--param", "size=6", "--seed", 3, "--out", "x.tsp")
    assert answer.code == 0, answer.err
    assert cosolve.read("x.tsp", format="tsplib") == generators.get("tsp/line").generate(seed=3, size=6)
    assert "manifest.json" not in os.listdir()


def test_generate_many_writes_a_manifest_that_repeats_them(cli, folder, families):
    """Seeds in the manifest must give the very same instances, one by one."""
    arguments = ("generate", "tsp", "--distribution", "line", "--param", "scale=2", "--seed", 5)
    assert cli(*arguments, "--count", 3, "--out", "many").code == 0
    manifest = json.loads(Path("many/manifest.json").read_text())
    assert manifest["generator"] == "tsp/line"
    assert manifest["parameters"] == {"scale": 2.0}
    assert (manifest["seed"], manifest["count"], manifest["cosolve"]) == (5, 3, cosolve.__version__)
    for entry in manifest["instances"]:
        instance = cosolve.read(Path("many") / entry["file"], format="tsplib")
        assert instance.digest == entry["digest"]
        assert instance == generators.get("tsp/line").generate(seed=entry["seed"], **manifest["parameters"])
        assert entry["reference"] == 7.0
    assert len({entry["digest"] for entry in manifest["instances"]}) == 3
    assert cli(*arguments, "--count", 5, "--out", "more").code == 0
    more = json.loads(Path("more/manifest.json").read_text())
    assert more["instances"][:3] == manifest["instances"], "the first instances must not depend on the count"


@pytest.mark.parametrize(("problem", "parameters"), [("cpmp", ("n=20", "p=3")), ("acvrptw", ("n=20", "points=50"))])
def test_generate_into_a_folder_takes_a_format_that_can_hold_the_instance(cli, folder, problem, parameters):
    """The first format of a problem may hold one matrix only, or truncated distances."""
    answer = cli("generate", problem, *(word for p in parameters for word in ("--param", p)), "--out", "new/")
    assert answer.code == 0, answer.err
    [entry] = json.loads(Path("new/manifest.json").read_text())["instances"]
    assert cosolve.read(Path("new") / entry["file"], problem=problem).digest == entry["digest"]
    assert len(os.listdir("new")) == 2


@pytest.mark.parametrize("format", ["cpmp-orlib", "metis"])
def test_generate_leaves_no_folder_where_it_writes_nothing(cli, folder, format):
    """A format that can't hold the instance, or not even the problem, was refused after its folder was made."""
    answer = cli("generate", "cpmp", "--param", "n=20", "--param", "p=3", "--format", format, "--out", "new/deep/")
    assert answer.code == 2, answer.err
    assert not Path("new").exists()


def test_generate_keeps_seeds_within_the_range_of_the_family(cli, folder):
    """Those of several instances went to 2^32, and the challenge's generator takes 9 digits."""
    answer = cli("generate", "tsp", "--distribution", "dimacs", "--param", "size=10", "--count", 5, "--out", "d/")
    assert answer.code == 0, answer.err
    assert len(json.loads(Path("d/manifest.json").read_text())["instances"]) == 5


def test_generate_named_instance(cli, folder, families):
    """``--name`` is short for the parameter."""
    assert cli("generate", "tsp", "--distribution", "line", "--name", "five", "--out", "x.tsp").code == 0
    assert cosolve.read("x.tsp", format="tsplib").name == "five"


def test_generate_published_instance(cli, folder):
    """The DIMACS-8 test set can be made again by name."""
    assert cli("generate", "tsp", "--distribution", "dimacs", "--name", "E1k.0", "--out", "E1k.0").code == 0
    instance = cosolve.read("E1k.0", format="tsplib")
    assert (instance.name, instance.size) == ("E1k.0", 1000)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nosuch"], "unknown problem"),
        (["tps"], "unknown problem 'tps' (did you mean 'tsp'?); known: "),
        (["tsp", "--distribution", "lime"], "unknown distribution 'lime' of tsp (did you mean 'line'?); known: "),
        (["tsp", "--distribution", "nosuch"], "unknown distribution 'nosuch' of tsp; known: dimacs"),
        (["tsp", "--distribution", "line", "--param", "siz=3"], "no parameter 'siz'; it has: size, scale, name"),
        (["tsp", "--distribution", "line", "--param", "size=x"], "must be an integer"),
        (["tsp", "--distribution", "line", "--param", "size=0"], "at least 1 city"),
        (["tsp", "--distribution", "needy"], "needs --param size=... (number of cities)"),
        (["tsp", "--distribution", "line", "--count", "2", "--name", "x"], "--count must be 1"),
        (["tsp", "--distribution", "line", "--name", "x", "--param", "name=y"], "contradict"),
        (["tsp", "--distribution", "line", "--count", "0"], "--count"),
        (["tsp", "--distribution", "line", "--seed", "-1"], "--seed"),
        (["tsp", "--distribution", "line", "--format", "steinlib"], "does not write tsp"),
    ],
)
def test_generate_refuses_in_one_line(cli, folder, families, arguments, message):
    """And writes nothing."""
    Path("keep.tsp").write_text("old")
    target = "new" if "--count" in arguments else "keep.tsp"
    answer = cli("generate", *arguments, "--out", target)
    assert answer.code == 2
    assert message in answer.err
    assert len(answer.err.strip().splitlines()) == 1
    assert Path("keep.tsp").read_text() == "old"
    assert not Path("new").exists()


def test_generate_refuses_to_write_one_instance_many_times(cli, folder, families):
    """A "data set" of equal instances is a mistake."""
    answer = cli("generate", "tsp", "--distribution", "fixed", "--count", 2, "--out", "new")
    assert answer.code == 2
    assert "does not depend on the seed" in answer.err
    assert answer.out == ""
    assert not Path("new").exists()


def test_generate_makes_no_folder_with_the_name_of_a_file(cli, folder, families):
    """--count 2 --out q.tsp made a folder of that name; a slash says that one is meant."""
    answer = cli("generate", "tsp", "--distribution", "line", "--count", 2, "--out", "q.tsp.gz")
    assert (answer.code, "--out with --count above 1 must be a folder" in answer.err) == (2, True)
    assert not Path("q.tsp.gz").exists()
    for out in ("q.tsp/", "q.tsp", "E10k.2"):
        assert cli("generate", "tsp", "--distribution", "line", "--count", 2, "--out", out).code == 0


def test_generate_leaves_the_file_of_a_city_alone(cli, folder):
    """A mistyped --out would replace the network that the instance is drawn from."""
    Path("x_net.tntp").write_text("streets")
    road = ("generate", "atsp", "--distribution", "road", "--param", "file=x_net.tntp")
    for arguments in (("--out", "x_net.tntp"), ("--out", "new.atsp", "--manifest", "x_net.tntp")):
        answer = cli(*road, *arguments)
        assert (answer.code, "would overwrite the input x_net.tntp" in answer.err) == (2, True)
    assert Path("x_net.tntp").read_text() == "streets"


@pytest.mark.parametrize(
    ("out", "manifest", "arguments"),
    [
        ("x.tsp", "x.tsp", ()),
        ("x.tsp", "d/../x.tsp", ()),
        ("link.tsp", "x.tsp", ()),
        ("new/", "new/line-0001.tsp", ("--count", 2)),
        ("new/", "new/five.tsp", ("--name", "five")),
    ],
)
def test_generate_keeps_manifest_and_instances_apart(cli, folder, families, out, manifest, arguments):
    """The manifest took the place of the instance, and all was said to be well."""
    Path("d").mkdir()
    Path("link.tsp").symlink_to("x.tsp")
    line = ("generate", "tsp", "--distribution", "line", *arguments, "--out", out)
    answer = cli(*line, "--manifest", manifest)
    assert (answer.code, "would overwrite" in answer.err, answer.err.count("\n")) == (2, True, 1)
    assert not Path("x.tsp").exists()
    assert not Path("new").exists()
    assert cli(*line, "--manifest", "d/line-0001.tsp").code == 0


def test_generate_makes_the_folder_of_the_manifest_too(cli, folder, families):
    """It was asked for though it was to be made."""
    line = ("generate", "tsp", "--distribution", "line", "--count", 2, "--out", "new/")
    answer = cli(*line, "--manifest", "new/deep/m.json")
    assert (answer.code, "new/deep does not exist" in answer.err) == (2, True)
    assert cli(*line, "--manifest", "./new/m.json").code == 0
    assert len(json.loads(Path("new/m.json").read_text())["instances"]) == 2
    assert "manifest.json" not in os.listdir("new")


@pytest.mark.parametrize("arguments", [(), ("--count", 2)])
def test_a_slash_makes_a_folder(cli, folder, families, arguments):
    """It was dropped, and a single instance written to a file of that name."""
    assert cli("generate", "tsp", "--distribution", "line", *arguments, "--out", "new/").code == 0
    assert "manifest.json" in os.listdir("new")


# -- all of them ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["solve", "validate", "info", "convert", "generate"])
def test_help_has_examples(cli, verb):
    """Most people read nothing else."""
    answer = cli(verb, "--help")
    assert answer.code == 0
    assert f"Examples:\n    cosolve {verb}" in answer.out


def test_module_answers_help_and_version_without_loading_solvers():
    """``--help`` must be quick: no kernels, no backends."""
    program = (
        "import sys; from cosolve.cli.app import run\n"
        "assert run(['--help']) == 0 and run(['--version']) == 0\n"
        "heavy = {'numpy', 'numba', 'ortools', 'torch', 'pyscipopt', 'rich.table'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)
    done = subprocess.run([sys.executable, "-m", "cosolve", "nosuch"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("cosolve: error:")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams_are_no_error(folder, closed):
    """Python sets them to None, and the first print or table would end in an AttributeError."""
    for words in ("info problems", "solve square.tsp --solver greedy --out x.tour"):
        done = subprocess.run(f"'{sys.executable}' -m cosolve {words} {closed}", shell=True, check=False)
        assert done.returncode == 0
    assert Path("x.tour").is_file()


def test_values_are_guessed_and_pairs_split():
    """Options of a plug-in may have no declared types."""
    assert [guess(text) for text in ("3", "3.5", "1e3", "true", "off", "x")] == [3, 3.5, 1000.0, True, False, "x"]
    assert split_pairs(["a-b=1", "c=x=y"], "--set") == {"a_b": "1", "c": "x=y"}
    with pytest.raises(ValueError, match="given twice"):
        split_pairs(["a=1", "a=2"], "--set")


def test_sparkline_shows_the_way_down():
    """One bar for each improvement."""
    assert sparkline([8, 4, 1]) == "█▄▁"
    assert sparkline([5]) == sparkline([5, 5]) == ""


@pytest.mark.parametrize("key", ["path", "problem", "format"])
@pytest.mark.parametrize("words", [("validate", "x.tsp"), ("solve", "x.tsp"), ("convert", "x.tsp", "y.tsp")])
def test_arguments_of_read_are_no_options_of_a_reader(cli, words, key):
    """--set path=1 ended in a TypeError, and --set problem=... went past --problem."""
    answer = cli(*words, "--set", f"{key}=tsp")
    assert answer.code == 2
    assert f"--set {key}: this is no option of a reader" in answer.err


def test_a_column_is_taken_by_its_name_whatever_it_looks_like(cli, folder):
    """--set target=NO was false, which is 0: the first column, without a word."""
    Path("air.csv").write_text("CO,NO,1.50,x\n1,2,3,4\n5,6,7,8\n")
    for name in ("NO", "1.50"):
        answer = cli("validate", "air.csv", "--json", "--set", f"target={name}")
        assert json.loads(answer.out)["meta"]["target"] == name


@pytest.mark.parametrize(
    ("file", "format", "pair", "message"),
    [
        ("t.toptw", "toptw", "decimals=1.5", "decimals of format 'toptw' must be an integer, got '1.5'"),
        ("t.toptw", "toptw", "decimals=true", "must be an integer, got 'true'"),
        ("x.csv", "csv", "max_depth=2.5", "max_depth of format 'csv' must be an integer, got '2.5'"),
        ("x.csv", "csv", "header=2", "header of format 'csv' must be true or false, got '2'"),
        ("x.csv", "csv", "alpha=much", "alpha of format 'csv' must be a number, got 'much'"),
        ("x.csv", "csv", "drop=1.5", "there is no column '1.5'"),
        ("x.npz", "npz", "index=true", "index of format 'npz' must be an integer, got 'true'"),
        ("capa.txt", "cflp-orlib", "capacity=abc", "capacity of format 'cflp-orlib' must be a number, got 'abc'"),
        ("x.fjs", "fjs", "base=x", "base of format 'fjs' must be an integer, got 'x'"),
    ],
)
def test_options_of_readers_have_types(cli, folder, file, format, pair, message):
    """They ended in Python's errors with exit code 1, or were taken for something else."""
    Path("x.csv").write_text("a,b,y\n1,2,3\n4,5,6\n")
    Path("capa.txt").write_text("2 1\ncapacity 5\ncapacity 6\n3\n1 2\n")
    Path("x.fjs").write_text("1 1 1\n1 1 1 5\n")
    Path("t.toptw").write_text("1 0 1 0\n0 0\n0 0 0 0 0 0 0 0 9\n")
    np.savez("x.npz", distance=np.zeros((2, 3, 3)))
    answer = cli("validate", file, "--format", format, "--set", pair)
    assert answer.code == 2
    assert message in answer.err
    assert len(answer.err.strip().splitlines()) == 1


def test_what_takes_a_while_says_what_it_does(capsys, monkeypatch):
    """A hundred thousand records are read and summed up in half a minute."""
    with notice("nothing ..."):
        pass
    monkeypatch.setattr("cosolve.cli.progress.NOTICE_AFTER", 0.01)
    for quiet in (False, True):
        with notice(f"working, quiet {quiet} ...", quiet=quiet):
            time.sleep(0.3)
    assert capsys.readouterr().err == "working, quiet False ...\n"


@pytest.mark.skipif(os.name != "posix", reason="standard output has no name there")
def test_standard_output_by_its_name_takes_instances_and_solutions(tmp_path):
    """A tour went to stderr, and what stood in the file behind it before was lost."""
    instance = TSPInstance(name="four", distances=Distances.from_coords(np.array([[0, 0], [0, 3], [4, 3], [4, 0.0]])))
    file, log = tmp_path / "four.tsp", tmp_path / "log"
    cosolve.write(instance, file)
    log.write_text("before\n", encoding="utf-8")

    def cli(*words: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "cosolve", *map(str, words)]
        with log.open("a", encoding="utf-8") as out:
            return subprocess.run(command, stdout=out, stderr=subprocess.PIPE, text=True, check=True)

    assert cli("convert", file, "/dev/stdout").stderr == ""
    assert "TOUR_SECTION" not in cli("solve", file, "--solver", "greedy", "--quiet", "--out", "/dev/stdout").stderr
    text = log.read_text(encoding="utf-8")
    places = [text.index(part) for part in ("before\n", "NODE_COORD_SECTION", "/dev/stdout: tsp four", "TOUR_SECTION")]
    assert places == sorted(places)


@pytest.mark.parametrize(("name", "message"), [("-", "standard output is /dev/stdout"), ("x.tsp.zip", ".zip is not")])
def test_names_that_mean_something_else_are_no_files_to_write(cli, tmp_path, monkeypatch, name, message):
    """Files called "-" and text under the name of an archive were written."""
    monkeypatch.chdir(tmp_path)
    instance = TSPInstance(name="two", distances=Distances.from_coords(np.array([[0, 0], [0, 3.0]])))
    cosolve.write(instance, "two.tsp")
    for words in (("convert", "two.tsp", name), ("solve", "two.tsp", "--solver", "greedy", "--out", name)):
        answer = cli(*words)
        assert answer.code == 2
        assert message in answer.err
    assert os.listdir() == ["two.tsp"]
