"""Labels, critical families, losses and the training loop of constraint reduction."""

from __future__ import annotations

import fcntl
import importlib.util
import json
import math
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import cosolve
from cosolve.cli.app import run
from cosolve.core.errors import InvalidFileError, TrainingError
from cosolve.instances.generators import generate
from cosolve.models import checkpoints
from cosolve.models.ctc import families, labels
from cosolve.models.ctc.config import CtcConfig, DataConfig, ModelConfig, TrainingConfig
from cosolve.models.ctc.data import batch_of_step, check_labels, dataset
from cosolve.models.ctc.families import families_text, survey
from cosolve.models.ctc.graph import facts
from cosolve.models.ctc.losses import fit_calibration, focal_loss, precision_at
from cosolve.models.ctc.network import Network
from cosolve.models.ctc.predictor import predict
from cosolve.models.ctc.training import loss_of, train
from cosolve.models.devices import cpu_threads
from cosolve.search.row_types import RowType

MODEL = ModelConfig(width=16, heads=2, rounds=1, dropout=0.0)


def labels_of(*args, **kwargs):
    """Those of instances with solutions."""
    return labels.label(*args, **kwargs)[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Six small covers, not labelled yet."""
    path = tmp_path_factory.mktemp("covers")
    for i in range(6):
        cosolve.write(generate("milp", "vertex-cover", seed=i, nodes=24, degree=3), path / f"cover-{i}.mps")
    return path


@pytest.fixture(scope="module")
def config(folder):
    data = DataConfig(instances=str(folder), graph=True, solver="local-search", time_limit=0.05, runs=2, oracle=0)
    return CtcConfig(data, MODEL, TrainingConfig(steps=6, batch=2, validation_every=2))


@pytest.fixture(scope="module")
def known(folder, config):
    return labels_of(folder, config.data)


def test_labels_are_optimal_solutions_and_their_tight_rows(known):
    """The graph's own solver labels the MILP; what is tight is computed from the solutions."""
    assert len(known) == 6
    for label in known:
        best = cosolve.solve(label.instance, "scip", time_limit=20)
        assert (label.objectives == best.objective).all()
        for x, tight in zip(label.solutions, label.tight(), strict=True):
            assert (tight == (label.instance.matrix @ x == 1)).all()


def test_rows_are_tight_at_the_sides_that_solvers_see(config, tmp_path):
    """x + y >= 0.5 is x + y >= 1 for integers: a solver may impose that row, and learned that it is never tight."""
    instance = cosolve.MILPInstance.from_scipy([[1, 1]], cost=1, row_lower=0.5, col_upper=1, is_integer=True)
    cosolve.write(instance, tmp_path / "cover.mps")
    (known,) = labels_of(tmp_path, replace(config.data, graph=False, solver="scip", time_limit=20))
    assert known.tight().all()


@pytest.mark.parametrize("share", [0.05, 0.1, 0.2, 0.3, 0.5])
def test_no_instance_changes_sides_as_labels_come(config, monkeypatch, share):
    """A slice that ends while labelling validated on what the next one trained on."""
    monkeypatch.setattr("cosolve.models.ctc.data.targets_of", lambda label, config, quick: label)
    config = replace(config, data=replace(config.data, validation=share))
    validating: list[int] = []
    for count in range(2, 60):
        data = dataset(list(range(count)), config, {})
        assert sorted([*data.training, *data.validation]) == list(range(count))
        assert [label for label in data.validation if label < count - 1] == validating[: len(data.validation)]
        assert data.training
        validating = data.validation
    assert len(validating) == pytest.approx(share * 59, abs=1.5)


def test_labelling_goes_on_where_it_was_cut_off(folder, config, known, tmp_path, monkeypatch):
    """Hours of labels must survive a kill in the middle of a line, and none may be made twice."""
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    path = tmp_path / labels.LABELS
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:4]) + lines[4][:50])
    made = []
    again = labels_of(tmp_path, config.data, threads=2, on_label=made.append)
    assert len(made) == 3
    assert [a.path.name for a in again] == [k.path.name for k in known]
    for line in path.read_text().splitlines():
        json.loads(line)
    path.write_text("".join(lines[:2]))
    assert len(labels_of(tmp_path, config.data, should_stop=lambda: True)) == 1
    assert path.read_text() == "".join(lines[:2])


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda line: line.pop("solutions"), "lacks 'solutions'"),
        (lambda line: line.pop("digest"), "lacks 'digest'"),
        (lambda line: line.update(seconds="long"), "seconds must be float"),
        (lambda line: line["solutions"][0].__setitem__(0, "a"), "could not convert"),
        (lambda line: line["solutions"].append([1]), "inhomogeneous"),
        (lambda line: line["solutions"][0].__setitem__(0, math.nan), "not finite"),
        (lambda line: line["solutions"][0].__setitem__(0, 10**400), "too large"),
        (lambda line: line.update(solutions=line["solutions"][0]), "must be a list of numbers"),
        (lambda line: line.update(seconds=math.nan), "not finite"),
    ],
)
def test_a_damaged_label_is_named(folder, config, known, tmp_path, change, what):
    """It ended in an error of Python's without file or line."""
    (tmp_path / "cover-0.mps").symlink_to(folder / "cover-0.mps")
    manifest, first = (folder / labels.LABELS).read_text().splitlines()[:2]
    line = json.loads(first)
    change(line)
    (tmp_path / labels.LABELS).write_text(f"{manifest}\n{json.dumps(line)}\n")
    with pytest.raises(
        InvalidFileError, match=rf"labels.jsonl:2: no label: .*{what}.*; delete the line, and it is made"
    ):
        labels_of(tmp_path, config.data)


def test_labels_are_made_by_one_run_at_a_time(folder, config, known, tmp_path):
    """Two found the file empty, each wrote its manifest, and every later run was refused."""
    (tmp_path / "cover-0.mps").symlink_to(folder / "cover-0.mps")
    with (tmp_path / labels.LABELS).open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(BlockingIOError, match="another run is making these labels"):
            labels_of(tmp_path, config.data)
    assert len(labels_of(tmp_path, config.data)) == 1


def test_an_unbounded_model_has_no_label(tmp_path):
    """Whatever solution came up last was learned as the best one."""
    (tmp_path / "a.lp").write_text("Maximize x\nSubject To\n c: x >= 2\nGenerals\n x\nEnd\n")
    seen = []
    assert labels_of(tmp_path, DataConfig(time_limit=5.0), on_label=seen.append) == []
    assert seen[0]["status"] == "unbounded"
    assert json.loads((tmp_path / labels.LABELS).read_text().splitlines()[1])["solutions"] == []
    with pytest.raises(ValueError, match=r"at least 2 instances with solutions, got 0: labels.jsonl .* status"):
        check_labels([], "")


def test_settings_that_make_no_label_do_not_bind_the_next_run(folder, config, tmp_path):
    """They were kept before anything was solved, and every other setting refused."""
    for file in folder.glob("*.mps"):
        (tmp_path / file.name).symlink_to(file)
    with pytest.raises(cosolve.UnsupportedProblemError):
        labels_of(tmp_path, replace(config.data, graph=False, solver="held-karp"))
    path = tmp_path / labels.LABELS
    path.write_text('{"kind": "manifest", "solver": "other"}\n')
    assert len(labels_of(tmp_path, config.data)) == 6
    with pytest.raises(InvalidFileError, match=r"jsonl: made with .* not "):
        labels_of(tmp_path, replace(config.data, runs=3))


def test_labels_cut_off_in_their_first_line_begin_anew(folder, config, known, tmp_path):
    """The file was emptied and never begun anew: labels stood in the place of settings, and the next run refused."""
    for file in folder.glob("cover-[01].mps"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    path = tmp_path / labels.LABELS
    path.write_text((folder / labels.LABELS).read_text()[:30])
    assert len(labels_of(tmp_path, config.data)) == 2
    assert json.loads(path.read_text().splitlines()[0])["kind"] == "manifest"
    assert len(labels_of(tmp_path, config.data, should_stop=lambda: True)) == 2


def test_ctrl_c_keeps_finished_labels_and_waits_for_none(folder, config, known, tmp_path, monkeypatch):
    """A solve may take an hour; whoever presses Ctrl-C has no such hour, but wants what was made before."""
    for file in folder.glob("cover-[0123].mps"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    solve, both, go_on, begun, told = labels._solve, threading.Barrier(2), threading.Event(), [], []

    def slow(file, config):
        begun.append(file.name)
        assert threading.current_thread().name.startswith("cosolve-")  # or the command would wait for it at its end
        if file.name == "cover-2.mps":
            go_on.wait(20)
        else:
            line = solve(file, config)
            both.wait(20)
            return line

    def interrupt(line):
        told.append(line["file"])
        if len(told) == 1:
            time.sleep(0.2)  # until the other one is finished too
            raise KeyboardInterrupt

    monkeypatch.setattr(labels, "_solve", slow)
    begin = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        labels_of(tmp_path, config.data, threads=3, on_label=interrupt)
    assert time.perf_counter() - begin < 15
    go_on.set()
    kept = [json.loads(line).get("file") for line in (tmp_path / labels.LABELS).read_text().splitlines()[1:]]
    assert sorted(kept) == ["cover-0.mps", "cover-1.mps"]
    assert sorted(begun) == ["cover-0.mps", "cover-1.mps", "cover-2.mps"]


def test_labels_of_other_settings_or_instances_are_refused(folder, config, known, tmp_path):
    """Labels of a weaker solver, or of instances that were made anew, would be learned without a word."""
    with pytest.raises(InvalidFileError, match="made with"):
        labels_of(folder, replace(config.data, time_limit=1.0))
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "cover-0.mps").write_bytes((folder / "cover-1.mps").read_bytes())
    with pytest.raises(InvalidFileError, match=r"cover-0.mps is not the instance"):
        labels_of(tmp_path, config.data)
    with pytest.raises(FileNotFoundError, match="no such folder of instances"):
        labels_of(tmp_path / "none", config.data)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"no .mps or .lp file to learn from"):
        labels_of(tmp_path / "empty", config.data)
    path = tmp_path / labels.LABELS
    path.write_text(path.read_text().splitlines(keepends=True)[0] + "{}\n")
    with pytest.raises(InvalidFileError, match=r"labels.jsonl:2"):
        labels_of(tmp_path, config.data)


def test_the_judge_keeps_families_that_can_be_learned(known):
    """About half of the rows of a vertex cover are tight; families of nearly none or nearly all teach nothing."""
    (edge,) = survey(known)
    assert (edge.name, edge.kinds) == ("edge", {RowType.SET_COVERING})
    assert 0.3 < edge.tight < 0.8
    assert edge.rho == pytest.approx(2 / 3)
    assert edge.is_critical
    assert not replace(edge, tight=0.97).is_critical
    assert not replace(edge, speedup=1.1).is_critical


def test_measured_worth_decides_between_families_of_one_type(monkeypatch, tmp_path):
    """Bidder and item rows of an auction are both set packing; only solving tells that one is worth nothing."""
    for i in range(3):
        instance = generate("milp", "auction", seed=i, items=15, bids=60)
        cosolve.write(instance, tmp_path / f"{i}.mps")
    known = labels_of(tmp_path, DataConfig(instances=str(tmp_path), time_limit=20))
    for name, value in (("LEAST_TIGHT", 1), ("LEAST_SHARE", 0.0), ("GREATEST_SHARE", 1.0)):
        monkeypatch.setattr(families, name, value)

    def seconds(instance, time_limit):
        is_equal = instance.row_lower == instance.row_upper
        imposed = {name for name, equal in zip(instance.row_families, is_equal, strict=True) if equal}
        return {frozenset(): 8.0, frozenset({"bidder"}): 1.0, frozenset({"item"}): 8.0}[frozenset(imposed)]

    monkeypatch.setattr(families, "_seconds", seconds)
    told = []
    chosen = families.choose(known, oracle=2, on_family=told.append)
    assert [family.name for family in chosen] == ["bidder"]
    assert chosen[0].speedup == pytest.approx(8.0)
    assert {family.name for family in told} == {"bidder", "item"}
    # Nameless auctions can't be told apart: their structural type is not the chosen family's alone.
    assert families_text(chosen, survey(known)) == "bidder"
    assert families_text(survey(known), survey(known)).endswith("set_packing")


def test_focal_loss_is_cross_entropy_without_its_exponent():
    """At gamma 0 and alpha 1/2 half of it; a known answer counts less with gamma."""
    logits, target = torch.tensor([2.0, -1.0, 0.5]), torch.tensor([1.0, 0.0, 0.3])
    plain = torch.nn.functional.binary_cross_entropy_with_logits(logits, target)
    assert focal_loss(logits, target, 0.5, 0.0) == pytest.approx(float(plain) / 2)
    sure, unsure = torch.tensor([5.0]), torch.tensor([0.5])
    one = torch.ones(1)
    ratio = [float(focal_loss(x, one, 0.75, 2.0) / focal_loss(x, one, 0.75, 0.0)) for x in (sure, unsure)]
    assert ratio[0] < 1e-3 < ratio[1]


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_gradients_of_the_focal_loss_are_finite_however_sure_the_network_is(gamma):
    logits = torch.tensor([20.0, -120.0, 30.0, 0.3], requires_grad=True)
    target = torch.tensor([1.0, 0.0, 0.0, 0.4])
    loss = focal_loss(logits, target, 0.75, gamma)
    loss.backward()
    assert torch.isfinite(logits.grad).all()
    x, t = logits.detach().double(), target.double()
    p, q = x.sigmoid(), (-x).sigmoid()
    expected = -(0.75 * q**gamma * t * p.log() + 0.25 * p**gamma * (1 - t) * q.log()).sum() / 4
    assert float(loss.detach()) == pytest.approx(float(expected), rel=1e-5)


def test_calibration_finds_the_scale_that_was_lost():
    """Probabilities decide how much is imposed; those of a focal loss are bent."""
    rng = np.random.default_rng(0)
    true = rng.normal(size=20_000) * 2
    y = (rng.random(len(true)) < 1 / (1 + np.exp(-true))).astype(np.float32)
    scale, shift = fit_calibration(torch.tensor((true - 0.7) / 3), torch.tensor(y))
    assert scale == pytest.approx(3, rel=0.05)
    assert shift == pytest.approx(0.7, abs=0.1)
    separable = fit_calibration(torch.tensor([-1.0, 1.0]), torch.tensor([0.0, 1.0]))
    assert all(math.isfinite(value) for value in separable)
    assert fit_calibration(torch.tensor([1.0, -1.0]), torch.tensor([0.0, 1.0])) == (1.0, 0.0)


def test_precision_is_that_of_the_surest():
    """By graph, not over all of them: one instance with sure rows must not stand for the others."""
    scores = [torch.tensor([3.0, 2.0, 1.0, 0.0]), torch.tensor([0.1, 0.2])]
    targets = [torch.tensor([1.0, 0.0, 0.0, 0.0]), torch.tensor([1.0, 0.0])]
    assert precision_at(scores, targets, 0.5) == pytest.approx((0.5 + 0.0) / 2)
    assert precision_at(scores, targets, 1.0) == pytest.approx((0.25 + 0.5) / 2)


def test_one_batch_can_be_learned_by_heart(tmp_path):
    """A network that can't has a branch without gradient, or targets that are not its rows'."""
    for i in range(3):
        cosolve.write(generate("milp", "set-cover", seed=i, rows=20, columns=30, density=0.2), tmp_path / f"{i}.mps")
    data = DataConfig(instances=str(tmp_path), families="cover")
    config = CtcConfig(data, replace(MODEL, width=32, rounds=2), TrainingConfig(alpha=0.5, gamma=0.0))
    with cpu_threads(1):
        torch.manual_seed(0)
        net = Network(config.model)
        batch = batch_of_step(dataset(labels_of(tmp_path, data), config, {}).training, 0, 0, 2)
        optimiser = torch.optim.Adam(net.parameters(), lr=2e-3)
        losses = []
        for _ in range(200):  # the last bits of sums decide where 120 steps end: 93 to 100 % of the columns
            loss = loss_of(net, batch, config)
            optimiser.zero_grad()
            loss.backward()
            if not losses:
                assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            losses.append(float(loss.detach()))
        rows, columns = net(batch)
    row, column = batch["row"], batch["column"]
    assert row.mask.sum() == 2 * 20
    assert not row.mask[-1]
    assert column.mask.all()
    assert ((rows > 0) == (row.y > 0.5))[row.mask].float().mean() > 0.95
    assert ((columns > 0) == (column.y > 0.5)).float().mean() > 0.95
    assert losses[-1] < 0.2 * losses[0]


def test_a_run_in_slices_goes_the_way_of_one_in_one_piece(config, known, tmp_path):
    """Slices of minutes on a shared machine must not change what is learned."""
    seen = []
    train(config, tmp_path / "whole", on_metrics=seen.append)
    train(config, tmp_path / "parts", max_steps=3)
    kept = checkpoints.read(tmp_path / "parts").config(CtcConfig)
    assert kept.data.families == "edge,set_covering"
    last = train(kept, tmp_path / "parts", resume=True)
    assert last["step"] == 6
    whole, parts = (load_file(tmp_path / name / checkpoints.STATE) for name in ("whole", "parts"))
    assert whole.pop("run.seconds") > 0
    assert parts.pop("run.seconds") > 0
    for name, tensor in whole.items():
        if name != "network.calibration":
            torch.testing.assert_close(tensor, parts[name], msg=name)
    assert [line["step"] for line in seen if "step" in line] == [2, 4, 6]
    assert seen[0] | {"tight": 0, "rows": 0} == {
        "kind": "family", "family": "edge", "rows": 0, "tight": 0, "rho": 0.6667, "speedup": None, "critical": True
    }  # fmt: skip
    assert "| families of rows | edge, set_covering |" in (tmp_path / "whole" / checkpoints.CARD).read_text()


def test_a_gradient_that_is_not_finite_ends_the_run(config, known, tmp_path, monkeypatch):
    """Weights of NaN had a score of NaN, which stood as the best."""
    monkeypatch.setattr("cosolve.models.ctc.training.loss_of", lambda *args: loss_of(*args) * math.nan)
    with pytest.raises(TrainingError, match="step 0 is not finite; nothing is saved yet"):
        train(config, tmp_path / "run")
    assert not (tmp_path / "run" / checkpoints.WEIGHTS).exists()


def test_weights_of_a_score_that_is_not_finite_are_not_kept(config, known, tmp_path):
    """A step of this length is one; NaN was the best score from then on."""
    wild = replace(config, training=replace(config.training, rate=1e30, steps=1))
    with pytest.raises(TrainingError, match="not finite; nothing is saved yet"):
        train(wild, tmp_path / "run")
    assert not (tmp_path / "run" / checkpoints.WEIGHTS).exists()


def test_a_resumed_run_has_the_instances_it_had(folder, config, known, tmp_path):
    """Scores of two sets of validation instances were compared as if alike."""
    lines = (folder / labels.LABELS).read_text().splitlines(keepends=True)
    some = sorted(folder.glob("*.mps"))
    for file in some[:4]:
        (tmp_path / file.name).symlink_to(file)
    (tmp_path / labels.LABELS).write_text("".join(lines))
    config = replace(config, data=replace(config.data, instances=str(tmp_path)))
    train(config, tmp_path / "net", max_steps=1)
    for file in some[4:]:
        (tmp_path / file.name).symlink_to(file)
    with pytest.raises(ValueError, match="scores of other instances do not compare"):
        train(config, tmp_path / "net", resume=True)
    for file in some[:2]:
        (tmp_path / file.name).unlink()
    with pytest.raises(ValueError, match="as many instances so far, but others"):
        train(config, tmp_path / "net", resume=True)
    metrics = tmp_path / "net" / checkpoints.METRICS
    (line,) = map(json.loads, metrics.read_text().splitlines())
    del line["instances"]
    metrics.write_text(json.dumps(line) + "\n")
    assert train(config, tmp_path / "net", resume=True, max_steps=1)["step"] == 2  # a run that kept no digest


def test_families_that_no_instance_has_are_refused(config, known, tmp_path):
    """A slip of the pen learned nothing of rows, with a precision of 100 % on the card."""
    for i, named in enumerate(("egde", "edge,egde")):
        with pytest.raises(ValueError, match="no labelled instance has rows of 'egde'; there are edge"):
            train(replace(config, data=replace(config.data, families=named)), tmp_path / str(i))
    check_labels(known, "bidder,set_covering")  # of networks whose names other files lack


def test_a_resumed_run_keeps_the_families_that_it_chose(config, known, tmp_path, monkeypatch):
    """The measurement is by the clock: taken again in each slice it costs minutes, and may refuse the run at last."""
    train(config, tmp_path / "net", max_steps=2)
    monkeypatch.setattr("cosolve.models.ctc.training._families", lambda *_: pytest.fail("measured again"))
    assert train(config, tmp_path / "net", resume=True, max_steps=2)["step"] == 4
    assert checkpoints.read(tmp_path / "net").config(CtcConfig).data.families == "edge,set_covering"
    with pytest.raises(ValueError, match="no run to resume"):
        train(config, tmp_path / "none", resume=True)


def test_a_slice_that_ends_while_labelling_fixes_nothing(folder, config, tmp_path):
    """Families were chosen by the labels at hand, and the coverage too."""
    for file in folder.glob("*.mps"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = replace(config, data=replace(config.data, instances=str(tmp_path)))
    out, seen = tmp_path / "net", []
    left = {"kind": "unfinished", "left": "labels of 6 instances"}
    assert train(config, out, time_limit=0.0, on_metrics=seen.append) == left
    assert [line["kind"] for line in seen] == ["unfinished"]
    assert {path.name for path in out.iterdir()} == {checkpoints.RUN, checkpoints.STATE}
    assert checkpoints.run_config(out, CtcConfig) == config
    with pytest.raises(ValueError, match="holds a run already; resume it"):
        train(config, out)
    with pytest.raises(InvalidFileError, match=r"run.toml: the run to resume has another table \[model\]"):
        train(replace(config, model=replace(MODEL, width=8)), out, resume=True)
    lines = (folder / labels.LABELS).read_text().splitlines(keepends=True)
    (tmp_path / labels.LABELS).write_text("".join(lines[:3]))
    assert train(config, out, time_limit=0.0, resume=True)["left"] == "labels of 4 instances"
    assert run(["train", "ctc", "--out", str(out), "--resume", "--quiet"]) == 0
    assert checkpoints.read(out).config(CtcConfig).data.families == "edge,set_covering"
    assert json.loads((out / checkpoints.METRICS).read_text().splitlines()[-1])["step"] == 6


def test_every_spelling_of_a_suffix_is_learned_from(folder, tmp_path):
    """Files of other compressions and in capitals were left out without a word."""
    instance = cosolve.read(folder / "cover-0.mps")
    for name in ("a.mps", "b.mps.gz", "c.lp.bz2", "d.mps.xz", "E.MPS", ".f.mps"):
        cosolve.write(instance, tmp_path / name)
    (tmp_path / "notes.txt").write_text("none")
    found = [path.name for path in labels.instance_files(tmp_path)]
    assert found == ["E.MPS", "a.mps", "b.mps.gz", "c.lp.bz2", "d.mps.xz"]


def test_a_broken_instance_is_told_of_before_any_is_solved(folder, config, tmp_path, monkeypatch):
    """It was found at its turn, hours later."""
    (tmp_path / "cover-0.mps").write_bytes((folder / "cover-0.mps").read_bytes())
    (tmp_path / "cover-1.mps").write_text("NAME x\nROWS\n Q c\n")
    monkeypatch.setattr(labels, "_solve", lambda *_: pytest.fail("solved"))
    with pytest.raises(InvalidFileError, match=r"cover-1\.mps:3"):
        train(replace(config, data=replace(config.data, instances=str(tmp_path))), tmp_path / "net")
    assert not (tmp_path / "net").exists()


def test_instances_may_move_between_slices(folder, config, known, tmp_path, monkeypatch):
    """A relative name bound a run to the directory that it was begun in."""
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.chdir(tmp_path.parent)
    config = replace(config, data=replace(config.data, instances=tmp_path.name))
    train(config, tmp_path / "net", max_steps=1)
    monkeypatch.chdir(tmp_path)
    arguments = ["train", "ctc", "--out", "net", "--resume", "--max-steps", "1", "--quiet"]
    assert run(arguments) == 2
    assert run([*arguments, "--instances", "."]) == 0
    assert checkpoints.run_config(tmp_path / "net", CtcConfig).data.instances == "."


def test_what_nothing_can_be_learned_from_is_refused(tmp_path):
    """Linear programs were learned from until the end, without a word."""
    for i in range(2):
        program = cosolve.MILPInstance.from_scipy([[1, 1 + i]], cost=-1, row_lower=4, row_upper=4)
        cosolve.write(program, tmp_path / f"{i}.mps")
    data, seen = DataConfig(instances=str(tmp_path), time_limit=5, oracle=0), []
    with pytest.raises(ValueError, match="nothing to learn: no instance has binaries"):
        train(CtcConfig(data, MODEL, TrainingConfig(steps=2)), tmp_path / "net", on_metrics=seen.append)
    assert seen[-1]["kind"] == "note"
    assert not (tmp_path / "net" / checkpoints.WEIGHTS).exists()


def test_a_slice_that_ends_while_families_are_judged_goes_on_there(tmp_path, monkeypatch):
    """The oracle took 105 seconds at a limit of 3, and each slice would have begun it anew."""
    for i in range(3):
        cosolve.write(generate("milp", "auction", seed=i, items=15, bids=60), tmp_path / f"{i}.mps")
    for name, value in (("LEAST_TIGHT", 1), ("LEAST_SHARE", 0.0), ("GREATEST_SHARE", 1.0)):
        monkeypatch.setattr(families, name, value)
    data = DataConfig(instances=str(tmp_path), time_limit=20, oracle=2, oracle_limit=20.0)
    config, out = CtcConfig(data, MODEL, TrainingConfig(steps=2, batch=2)), tmp_path / "net"
    labels_of(tmp_path, data)
    clock, limits = [0.0], []

    def seconds(instance, time_limit):
        imposed = (instance.row_lower == instance.row_upper).any()
        needs = 1.0 if imposed else 10.0
        limits.append(time_limit)
        clock[0] += min(time_limit, needs)
        return needs if needs <= time_limit else math.inf

    monkeypatch.setattr(families, "_seconds", seconds)
    monkeypatch.setattr("cosolve.models.run.perf_counter", lambda: clock[0])
    left = {"kind": "unfinished", "left": "choice of families"}
    assert train(config, out, time_limit=15.0) == left
    assert limits == [15.0, 5.0]  # the second was cut off, and counts for nothing
    assert {path.name for path in out.iterdir()} == {checkpoints.RUN, checkpoints.STATE, families.MEASUREMENTS}
    with (out / families.MEASUREMENTS).open("a") as stream:
        stream.write('{"file": "1.m')
    limits.clear()
    assert train(config, out, time_limit=10.5, resume=True) == left
    assert limits == [10.5, 0.5]
    assert clock[0] == 25.5
    limits.clear()
    seen = []
    assert train(config, out, resume=True, on_metrics=seen.append)["step"] == 2
    assert limits == [20.0] * 4
    assert [line["speedup"] for line in seen if line.get("kind") == "family"] == [10.0, 10.0]
    kept = checkpoints.run_config(out, CtcConfig).data.families
    assert kept.split(",")[:2] == ["bidder", "item"]
    (out / families.MEASUREMENTS).write_text('{"file": "1.mps", "family": "", "seconds": "x"}\n')
    with pytest.raises(InvalidFileError, match=r"oracle.jsonl:1: no measurement"):
        families.choose(labels_of(tmp_path, data), oracle=2, keep=out / families.MEASUREMENTS)


def test_a_family_is_measured_where_it_is(tmp_path, monkeypatch):
    """One that the first instances lack was measured with nothing imposed, and dropped for that."""
    for i in range(2):
        cosolve.write(generate("milp", "auction", seed=i, items=15, bids=60), tmp_path / f"a{i}.mps")
        cosolve.write(generate("milp", "set-cover", seed=i, rows=30, columns=60, density=0.1), tmp_path / f"b{i}.mps")
    for name, value in (("LEAST_TIGHT", 1), ("LEAST_SHARE", 0.0), ("GREATEST_SHARE", 1.0)):
        monkeypatch.setattr(families, name, value)
    known = labels_of(tmp_path, DataConfig(instances=str(tmp_path), time_limit=20))
    monkeypatch.setattr(
        families, "_seconds", lambda instance, *_: 1.0 if (instance.row_lower == instance.row_upper).any() else 10.0
    )
    keep = tmp_path / "oracle.jsonl"
    chosen = families.choose(known, oracle=1, keep=keep)
    assert {family.name: round(family.speedup) for family in chosen} == {"bidder": 10, "item": 10, "cover": 10}
    measured = [tuple(json.loads(line).values())[:2] for line in keep.read_text().splitlines()]
    assert {file for file, family in measured if family == "cover"} == {"b0.mps"}


def test_the_oracle_of_a_slice_that_is_over_solves_nothing(tmp_path, monkeypatch):
    """And a solve that is cut off is no measurement; real ones."""
    for i in range(2):
        cosolve.write(generate("milp", "auction", seed=i, items=60, bids=300), tmp_path / f"{i}.mps")
    for name, value in (("LEAST_TIGHT", 1), ("LEAST_SHARE", 0.0), ("GREATEST_SHARE", 1.0)):
        monkeypatch.setattr(families, name, value)
    known = labels_of(tmp_path, DataConfig(instances=str(tmp_path), time_limit=0.5))
    for time_left in (0.0, 0.01):
        with pytest.raises(TimeoutError):
            families.choose(known, oracle=2, time_left=lambda left=time_left: left, keep=tmp_path / "kept")
        assert not (tmp_path / "kept").exists()


def test_a_checkpoint_predicts_for_the_solvers(config, known, tmp_path):
    """From files to the three learned solvers, and back to a verified solution."""
    train(config, tmp_path / "net", max_steps=2)
    instance = generate("milp", "vertex-cover", seed=77, nodes=24, degree=3)
    checkpoint, outside = checkpoints.choose("ctc", str(tmp_path / "net"), {"columns": 24.0, "cost_spread": 9.0})
    assert outside == ["cost_spread 9 is outside 0..0"]
    rows, columns = predict(instance, checkpoint)
    assert rows.shape == instance.row_lower.shape
    assert ((rows > 0) & (rows < 1)).all()
    assert ((columns > 0) & (columns < 1)).all()
    best = cosolve.solve(instance, "scip", time_limit=20).objective
    graph = generate("mis", "er", seed=1, nodes=40, probability=0.1)
    for solver in ("ctc", "ps", "rows"):
        options = {"checkpoint": str(tmp_path / "net"), "row_doubts": 5.0, "column_doubts": 5.0}
        result = cosolve.solve(instance, solver, time_limit=20, options=options)
        assert (result.status, result.objective) == (cosolve.Status.OPTIMAL, best)
        assert result.stats["checkpoint"] == "net"
        for rung in result.stats["rungs"]:
            assert solver != "ps" or rung["rows"] == 0
            assert (rung["columns"] > 0) == (solver != "rows")
        other = cosolve.solve(graph, solver, time_limit=20, options=options)
        assert other.objective == cosolve.solve(graph, time_limit=20).objective
        assert "outside of what net was trained on" in other.message


def test_without_a_network_for_it_an_instance_is_solved_as_it_is():
    """A network for graphs imposes nonsense on other MILPs; only who names it gets that."""
    instance = generate("milp", "steiner-triple", n=9)
    plain = cosolve.solve(instance, "ctc", time_limit=20)
    assert (plain.status, plain.objective, plain.stats["rungs"]) == (cosolve.Status.OPTIMAL, 5.0, [])
    assert "no bundled network covers this" in plain.message
    named = cosolve.solve(instance, "ctc", time_limit=20, options={"checkpoint": "ctc-vertex-cover"})
    assert (named.status, named.objective) == (cosolve.Status.OPTIMAL, 5.0)
    assert named.stats["checkpoint"] == "ctc-vertex-cover"
    assert "outside of what ctc-vertex-cover was trained on" in named.message


@pytest.mark.parametrize(
    ("family", "parameters", "name"),
    [
        ("independent-set", {"nodes": 1000}, "ctc-independent-set"),
        ("vertex-cover", {"nodes": 600}, "ctc-vertex-cover"),
        ("set-cover", {"rows": 500, "columns": 1000}, "ctc-set-cover"),
        ("auction", {"items": 150, "bids": 700}, "ctc-auction"),
    ],
)
def test_bundled_networks_cover_their_families_one_step_up(family, parameters, name):
    """Each finds its own family at the size of the suites, and its surest rows are surer than guessed."""
    instance = generate("milp", family, seed=90_000, **parameters)
    checkpoint, outside = checkpoints.choose("ctc", "", facts(instance))
    assert (checkpoint.name, outside) == (name, [])
    rows, columns = predict(instance, checkpoint)
    assert rows.max() > 0.8
    assert ((columns < 0.02) | (columns > 0.98)).mean() > 0.1
    assert (checkpoint.folder / checkpoints.WEIGHTS).stat().st_size < 1_000_000


def test_the_benchmark_shows_runs_of_one_limit_in_any_order(tmp_path, monkeypatch, capsys):
    """Means over two limits are of neither; a file that begins with another solver has SCIP to compare with too."""
    path = Path(__file__).parents[2] / "benchmarks" / "milp.py"
    spec = importlib.util.spec_from_file_location("milp_benchmark", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    about = {"family": "wa", "size": "train", "seed": module.FIRST_SEED, "sense": "min", "bound": 4.0, "runtime": 5.0}
    about |= {"objective": 4.0, "status": "optimal", "values": [4.0]}
    about["stats"] = {"checkpoint": None, "prediction_time": None, "rungs": None, "fallbacks": None}
    runs = [("ctc", 10.0, 2.0), ("scip", 10.0, 4.0), ("scip", 60.0, 50.0)]
    lines = [
        json.dumps({**about, "solver": solver, "limit": limit, "trajectory": [[found, 4.0, 4.0]]})
        for solver, limit, found in runs
    ]
    (tmp_path / "records.jsonl").write_text("\n".join([*lines, ""]))
    arguments = ["--families", "wa", "--sizes", "train", "--solvers", "scip,ctc", "--count", "1", "--limit", "10"]
    monkeypatch.setattr(module, "precision_curves", lambda references: {})  # these values are of no instance
    monkeypatch.setattr("sys.argv", ["milp.py", "--records", str(tmp_path / "records.jsonl"), *arguments])
    assert module.main() == 0
    shown = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| wa")]
    assert shown == ["| wa | ctc | 1 | 0.000 | 2.000 | 50 | 1 |  |", "| wa | scip | 1 | 0.000 | 4.000 |  | 1 |  |"]
