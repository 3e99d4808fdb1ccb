"""The training loop: deterministic, resumable, and lower losses mean what they say."""

from __future__ import annotations

import errno
import itertools
import json
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from cosolve.core.errors import InvalidFileError, TrainingError
from cosolve.instances.files import lock
from cosolve.models import checkpoints, run
from cosolve.models.decost.config import DataConfig, DecostConfig, ModelConfig, TrainingConfig
from cosolve.models.decost.data import sampler
from cosolve.models.decost.losses import imitation_loss, ptar_gap, reinforce_loss
from cosolve.models.decost.rollout import decode, optimise, profits
from cosolve.models.decost.training import train, validate
from cosolve.models.schedule import learning_rate

CONFIG = DecostConfig(
    DataConfig(size=30, chunk=32, passes=2),
    ModelConfig(embedding=16, heads=2, layers=1, feed_forward=16, pairs="windows", service="sigmoid"),
    TrainingConfig(
        imitation_steps=3,
        reinforce_steps=3,
        imitation_batch=16,
        reinforce_batch=8,
        rollouts=4,
        validation_every=2,
        validation_size=8,
    ),
)


def state(folder):
    return {name: tensor for name, tensor in load_file(folder / checkpoints.STATE).items() if name != "run.seconds"}


@pytest.fixture(scope="module")
def run_of_one_step(tmp_path_factory):
    path = tmp_path_factory.mktemp("run")
    train(CONFIG, path, max_steps=1)
    return path


def test_a_run_in_slices_goes_the_way_of_one_in_one_piece(tmp_path):
    """Slices of minutes on a shared machine must not change what is learned; across both phases, bit by bit."""
    seen = []
    train(CONFIG, tmp_path / "whole", on_metrics=seen.append)
    train(CONFIG, tmp_path / "parts", max_steps=2)
    train(CONFIG, tmp_path / "parts", max_steps=3, resume=True)
    last = train(CONFIG, tmp_path / "parts", resume=True)
    whole, parts = state(tmp_path / "whole"), state(tmp_path / "parts")
    assert whole.keys() == parts.keys()
    for name, tensor in whole.items():
        assert torch.equal(tensor, parts[name]), name
    assert [line["step"] for line in seen] == [2, 4, 6]
    assert (last["step"], last["gap_x8"]) == (6, seen[-1]["gap_x8"])
    lines = [json.loads(line) for line in (tmp_path / "parts" / checkpoints.METRICS).read_text().splitlines()]
    assert [line["step"] for line in lines] == [2, 4, 5, 6]
    assert all(line["infeasible"] == 0 for line in lines)
    assert [line["seconds"] for line in lines] == sorted(line["seconds"] for line in lines)
    best = min(lines, key=lambda line: (line["gap_x8"], -line["step"]))
    assert f"| steps | {best['step']} " in (tmp_path / "parts" / checkpoints.CARD).read_text()


@pytest.mark.parametrize("which", [1, 2, 3])
def test_a_measurement_that_was_cut_off_is_made_on_resume(tmp_path, monkeypatch, which):
    """The step was not measured any more, and its weights could not be the ones kept."""
    count = itertools.count(1)

    def cut_off(*given):
        if next(count) == which:
            raise KeyboardInterrupt
        return validate(*given)

    monkeypatch.setattr("cosolve.models.decost.training.validate", cut_off)
    with pytest.raises(KeyboardInterrupt):
        train(CONFIG, tmp_path)
    train(CONFIG, tmp_path, resume=True)
    lines = [json.loads(line) for line in (tmp_path / checkpoints.METRICS).read_text().splitlines()]
    assert [(line["step"], line["phase"]) for line in lines] == [(2, "imitation"), (4, "reinforce"), (6, "reinforce")]


def test_choices_of_a_network_that_overflows_end_the_run_in_our_words(tmp_path):
    """PyTorch said that a probability tensor contains nan, and on a GPU gave the device up."""
    settings = replace(CONFIG.training, imitation_steps=0, reinforce_rate=1e30, validation_every=100)
    with pytest.raises(TrainingError, match="gradient of step 1 is not finite; nothing is saved yet"):
        train(replace(CONFIG, training=settings), tmp_path)


def test_only_the_training_table_may_change_on_resume(tmp_path):
    """Other instances or another network would make the state meaningless; more steps do not."""
    train(CONFIG, tmp_path, max_steps=1)
    with pytest.raises(InvalidFileError, match=r"another table \[model\]"):
        train(replace(CONFIG, model=replace(CONFIG.model, layers=2)), tmp_path, resume=True)
    longer = replace(CONFIG, training=replace(CONFIG.training, reinforce_steps=0, imitation_steps=2))
    assert train(longer, tmp_path, resume=True)["step"] == 2
    assert checkpoints.run_config(tmp_path, type(longer)) == longer


@pytest.mark.parametrize(("name", "value"), [("seed", 7), ("begin_from", "nosuch"), ("reward", "predicted")])
def test_what_a_run_began_with_stays(tmp_path, name, value):
    """The card told of the last call's, and gaps of two rewards were compared as if alike."""
    train(CONFIG, tmp_path, max_steps=1)
    other = replace(CONFIG, training=replace(CONFIG.training, **{name: value}))
    with pytest.raises(ValueError, match=rf"training.{name} was .* so far, not '?{value}"):
        train(other, tmp_path, resume=True)


@pytest.mark.parametrize("after", range(1, 8))
def test_a_run_killed_in_its_first_save_goes_on(tmp_path, run_of_one_step, monkeypatch, after):
    """It could neither be resumed, without a state, nor begun, with a config."""
    count, replaced = itertools.count(1), os.replace

    def replace_or_die(source, target):
        if next(count) == after:
            raise OSError(errno.ENOSPC, "No space left on device")
        replaced(source, target)

    monkeypatch.setattr("os.replace", replace_or_die)
    with pytest.raises(OSError, match="No space left on device") as error:
        train(CONFIG, tmp_path / "run", max_steps=1)
    assert Path(error.value.filename).parent == tmp_path / "run"
    monkeypatch.undo()
    train(CONFIG, tmp_path / "run", max_steps=1, resume=after > 1)
    found, expected = state(tmp_path / "run"), state(run_of_one_step)
    assert all(torch.equal(tensor, expected[name]) for name, tensor in found.items())
    assert (tmp_path / "run" / checkpoints.WEIGHTS).is_file()


@pytest.fixture(scope="module")
def unmeasured(tmp_path_factory):
    """A config that measures at its end alone, and the state that it comes to."""
    config, path = (
        replace(CONFIG, training=replace(CONFIG.training, validation_every=100)),
        tmp_path_factory.mktemp("run"),
    )
    train(config, path)
    return config, state(path)


@pytest.mark.parametrize("after", [0, 2, 4])
def test_ctrl_c_keeps_the_steps_before_it(tmp_path, unmeasured, after):
    """All steps before the first measurement were lost, and the folder was left empty."""
    config, expected = unmeasured

    def press(what, done, total):
        if total and done == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path, on_progress=press)
    assert state(tmp_path)["run.step"] == after
    assert not (tmp_path / checkpoints.WEIGHTS).exists()
    train(config, tmp_path, resume=True)
    assert all(torch.equal(tensor, expected[name]) for name, tensor in state(tmp_path).items())


@pytest.fixture
def heard_ctrl_c():
    """A shell that starts the tests in the background may have set SIGINT to "ignore"."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heard_ctrl_c")
def test_ctrl_c_leaves_no_step_half_made(tmp_path, unmeasured, monkeypatch):
    """Weights of the next step were kept under the number of the last."""
    config, expected = unmeasured
    step = torch.optim.Adam.step

    def pressed(optimiser, *args):
        signal.raise_signal(signal.SIGINT)
        step(optimiser, *args)

    with monkeypatch.context() as patch:
        patch.setattr(torch.optim.Adam, "step", pressed)
        with pytest.raises(KeyboardInterrupt):
            train(config, tmp_path)
    assert state(tmp_path)["run.step"] == 1
    train(config, tmp_path, resume=True)
    assert all(torch.equal(tensor, expected[name]) for name, tensor in state(tmp_path).items())


def test_a_kill_costs_minutes_at_most(tmp_path, unmeasured, monkeypatch):
    """Hours lie between two measurements where steps are slow."""
    monkeypatch.setattr("cosolve.models.run._KEEP_EVERY", 0.0)
    config, expected = unmeasured
    kept = []

    def note(what, done, total):
        if total:
            kept.append((tmp_path / checkpoints.STATE).is_file() and int(state(tmp_path)["run.step"]))
            if done == 4:
                raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        train(config, tmp_path, on_progress=note)
    assert kept == [False, 1, 2, 3, 4]
    train(config, tmp_path, resume=True)
    assert all(torch.equal(tensor, expected[name]) for name, tensor in state(tmp_path).items())


@pytest.mark.parametrize("resume", [False, True])
def test_a_run_is_of_one_process(tmp_path, unmeasured, resume):
    """Of two at once the steps of one were lost without a word."""
    config, expected = unmeasured
    refused = []

    def again(what, done, total):
        if done == 2:
            with pytest.raises(BlockingIOError, match="another training is at the run in this folder"):
                train(config, tmp_path, resume=resume)
            refused.append(done)

    if resume:
        train(config, tmp_path, max_steps=1)
    train(config, tmp_path, on_progress=again, resume=resume)
    assert refused == [2]
    assert all(torch.equal(tensor, expected[name]) for name, tensor in state(tmp_path).items())
    assert not (tmp_path / "run.lock").exists()


def test_a_lock_whose_file_was_removed_meanwhile_keeps_others_away(tmp_path, monkeypatch):
    """A call that ends removes it: who had opened it before was at the run alone, with whoever came next."""
    locked = []

    def lock_late(stream, folder, message):
        if not locked:
            (folder / "run.lock").unlink()
        locked.append(folder)
        lock(stream, folder, message)

    def again(what, done, total):
        if len(locked) == 2:
            with pytest.raises(BlockingIOError):
                train(CONFIG, tmp_path)

    monkeypatch.setattr(run, "lock", lock_late)
    train(CONFIG, tmp_path, max_steps=1, on_progress=again)
    assert locked == [tmp_path] * 3


def test_a_run_begins_from_networks_of_its_kind(tmp_path):
    """It was said to lack a parameter, and an empty folder was left."""
    settings = replace(CONFIG.training, begin_from="rrnco-atsp-20")
    with pytest.raises(ValueError, match="rrnco-atsp-20 is a rrnco network for atsp, not a decost one for optwvp"):
        train(replace(CONFIG, training=settings), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("kept", [(), (checkpoints.RUN,)])
def test_a_checkpoint_without_state_is_no_run_to_resume(tmp_path, run_of_one_step, kept):
    """Published, or its state deleted: resumed as a run at its beginning its weights would be written over."""
    for name in (checkpoints.CONFIG, checkpoints.WEIGHTS, checkpoints.CARD, checkpoints.METRICS, *kept):
        (tmp_path / name).write_bytes((run_of_one_step / name).read_bytes())
    with pytest.raises(ValueError, match="holds no run to resume"):
        train(CONFIG, tmp_path, resume=True)


def test_a_changed_training_table_is_kept_though_no_weights_are_better(tmp_path):
    """config.toml is that of the best weights: the next slice went back to the old length and rate."""
    train(CONFIG, tmp_path, max_steps=1)
    metrics = tmp_path / checkpoints.METRICS
    line = json.loads(metrics.read_text())
    metrics.write_text(json.dumps({key: 0.0 if "gap" in key else value for key, value in line.items()}) + "\n")
    longer = replace(CONFIG, training=replace(CONFIG.training, reinforce_steps=50))
    train(longer, tmp_path, max_steps=1, resume=True)
    assert checkpoints.run_config(tmp_path, type(CONFIG)) == longer
    assert checkpoints.read(tmp_path).config(type(CONFIG)) == CONFIG


def test_a_run_is_neither_overwritten_nor_made_up(tmp_path):
    """Days of training must not be lost to a forgotten --resume."""
    with pytest.raises(ValueError, match="no run to resume"):
        train(CONFIG, tmp_path / "none", resume=True)
    train(CONFIG, tmp_path / "run", max_steps=0)
    with pytest.raises(ValueError, match="holds a checkpoint already"):
        train(CONFIG, tmp_path / "run")


def test_a_damaged_state_is_refused(tmp_path):
    """Training on from half a state would look like training."""
    train(CONFIG, tmp_path, max_steps=1)
    state = tmp_path / checkpoints.STATE
    tensors = checkpoints.read_tensors(state)
    for name in ("run.step", "run.seconds"):
        checkpoints.write_tensors(state, {key: tensor for key, tensor in tensors.items() if key != name})
        with pytest.raises(InvalidFileError, match=f"not the state of a run: '{name}'"):
            train(CONFIG, tmp_path, resume=True)
    state.write_bytes(b"\x80\x04nothing")
    with pytest.raises(InvalidFileError, match="not a safetensors file"):
        train(CONFIG, tmp_path, resume=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.update({"run.step": torch.tensor(-1)}), "'run.step' must be a number >= 0"),
        (lambda t: t.update({"run.step": torch.tensor([1, 2])}), "'run.step' must be a number >= 0"),
        (lambda t: t.update({"run.seconds": torch.tensor(torch.nan, dtype=torch.float64)}), "'run.seconds' must be"),
        (lambda t: t.pop("exp_avg.features.bias"), "lacks 'exp_avg.features.bias'"),
        (lambda t: t.pop("exp_avg_sq.features.bias"), "lacks 'exp_avg_sq.features.bias'"),
        (lambda t: t.pop("step.features.bias"), "lacks 'step.features.bias'"),
        (lambda t: [t.pop(name) for name in list(t) if name[:4] in ("exp_", "step")], "nothing that Adam remembers"),
        (lambda t: t.update({"exp_avg.features.bias": torch.zeros(3)}), r"exp_avg.features.bias' has shape \(3,\)"),
        (lambda t: t["exp_avg.features.bias"].fill_(torch.inf), "exp_avg.features.bias' has values that are not"),
        (lambda t: t["exp_avg_sq.features.bias"].neg_(), "Adam can't have got to that of 'features.bias'"),
        (lambda t: t["step.features.bias"].fill_(0), "Adam can't have got to that of 'features.bias'"),
        (lambda t: t.update({"exp_avg.more": torch.zeros(3)}), "unknown 'exp_avg.more'"),
        (lambda t: t["network.features.bias"].fill_(torch.nan), "'features.bias' has values that are not finite"),
    ],
)
def test_a_state_that_no_run_can_have_is_refused(run_of_one_step, tmp_path, change, message):
    """Without its moments a parameter was trained on as if it were the first step; others ended in tracebacks."""
    shutil.copytree(run_of_one_step, tmp_path / "run")
    path = tmp_path / "run" / checkpoints.STATE
    tensors = checkpoints.read_tensors(path)
    change(tensors)
    checkpoints.write_tensors(path, tensors)
    with pytest.raises(InvalidFileError, match=message):
        train(CONFIG, tmp_path / "run", resume=True)


@pytest.mark.parametrize(
    "text", ["{", "[1]", '{"step": 1}', '{"step": "1", "gap_x8": 0}', '{"step": 1, "gap_x8": null}', 9999 * "[", "\xff"]
)
def test_measurements_that_are_none_are_refused_by_line(run_of_one_step, tmp_path, text):
    """The best weights are told by them."""
    shutil.copytree(run_of_one_step, tmp_path / "run")
    path = tmp_path / "run" / checkpoints.METRICS
    path.write_bytes(path.read_bytes() + text.encode("latin-1"))
    with pytest.raises(InvalidFileError, match=r"metrics.jsonl:2: must be a measurement with step and gap_x8"):
        train(CONFIG, tmp_path / "run", resume=True)
    path.unlink()
    with pytest.raises(InvalidFileError, match="no such file"):
        train(CONFIG, tmp_path / "run", resume=True)


def test_reward_alone_improves_routes(network, data):
    """The policy gradient would have the wrong sign, or the reward be another one than the judge's."""
    net = network(pairs="windows", service="zero")
    settings = TrainingConfig(rollouts=8, ptar="off")
    before = validate(net, data, settings)
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-2)
    generator = torch.Generator().manual_seed(0)
    for step in range(16):
        rows = torch.arange(16) + 16 * (step % 4)
        loss, _ = reinforce_loss(net, data.batch.take(rows), settings, generator)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    after = validate(net, data, settings)
    assert after["gap"] < 0.6 * before["gap"]
    assert after["gap_x8"] <= after["gap"]


@pytest.mark.parametrize(("ptar", "sign"), [("repulsive", -1.0), ("attractive", 1.0)])
@pytest.mark.parametrize("form", ["ratio_of_sums", "sum_of_ratios"])
def test_ptar_pushes_services_the_way_it_says(network, data, ptar, sign, form):
    """Its sign is the whole difference between the paper's argument and plain supervision."""
    net, batch = network(service="sigmoid"), data.batch.take(torch.arange(16))
    settings = TrainingConfig(rollouts=2, ptar=ptar, ptar_form=form, policy_weight=0.0)
    gaps = []
    for _ in range(6):
        loss, metrics = reinforce_loss(net, batch, settings, torch.Generator().manual_seed(5))
        gaps.append(metrics["ptar_gap"])
        assert loss.item() == pytest.approx(sign * gaps[-1])
        net.zero_grad()
        loss.backward()
        assert net.routing.query.weight.grad is None or not net.routing.query.weight.grad.any()
        with torch.no_grad():
            for p in net.service.parameters():
                p -= 0.05 * p.grad / (p.grad.norm() + 1e-12)
    assert sign * (gaps[-1] - gaps[0]) < 0


def test_ptar_of_the_best_services_is_zero(network, data):
    """Both forms measure a difference to the optimum of the same route."""
    net, batch = network(service="sigmoid"), data.batch.take(torch.arange(4))
    rollout = decode(net, batch, net.encode(batch), 3, torch.Generator().manual_seed(0))
    best, _, durations = optimise(batch, rollout.choices)
    earned = profits(batch, rollout.choices, durations)
    torch.testing.assert_close(earned.sum(dim=2), best, atol=1e-9, rtol=0)
    half = profits(batch, rollout.choices, durations / 2)
    for form in ("ratio_of_sums", "sum_of_ratios"):
        assert not ptar_gap(batch, rollout, earned, durations, form).any()
        assert (ptar_gap(batch, rollout, half, durations, form) > 0).all()


def test_predicted_rewards_reach_the_services_only_where_asked_to(network, data):
    """The published policy gradient leaves the service decoder alone; its own gradient is an option of its own."""
    batch = data.batch.take(torch.arange(8))
    for weight in (0.0, 1.0):
        net = network(service="softmax")
        settings = TrainingConfig(rollouts=3, ptar="off", reward="predicted", service_weight=weight)
        loss, _ = reinforce_loss(net, batch, settings, torch.Generator().manual_seed(0))
        loss.backward()
        assert net.routing.query.weight.grad.any()
        assert bool(net.service.query.weight.grad.any()) == (weight > 0)


def test_imitation_teaches_services_too(network, data):
    """With a service decoder the labels are services as well as routes."""
    net, batch = network(service="sigmoid"), data.batch.take(torch.arange(8))
    loss, _ = imitation_loss(net, batch, data.routes[:8])
    loss.backward()
    assert net.service.query.weight.grad.abs().sum() > 0
    assert net.routing.query.weight.grad.abs().sum() > 0


def test_samplers_repeat_a_chunk_in_another_order_then_draw_a_new_one():
    """Steps must see the same instances whenever they are run; and not the same ones for ever."""
    config = DataConfig(size=10, chunk=8, passes=2)
    samples = sampler(config, 3, 0, 4, labelled=False)
    steps = [samples.rows(step) for step in range(6)]
    again = sampler(config, 3, 0, 4, labelled=False)
    for step in (5, 0, 3):
        data, rows = again.rows(step)
        assert torch.equal(rows, steps[step][1])
        assert data.instances[0] == steps[step][0].instances[0]
    for epoch in range(3):
        seen = np.concatenate([steps[2 * epoch + k][1] for k in range(2)])
        assert sorted(seen) == list(range(8))
    assert steps[0][0] is steps[3][0]
    assert steps[4][0].instances[0] != steps[0][0].instances[0]
    other = sampler(config, 3, 1, 4, labelled=False).rows(0)[0]
    assert other.instances[0] != steps[0][0].instances[0]
    with pytest.raises(ValueError, match=r"\(imitation_batch\) must be at most the chunk"):
        sampler(config, 3, 0, 9, labelled=False)


def test_learning_rate_falls_along_a_cosine_in_each_phase():
    """It starts small, ends at its final share, and starts again with the second phase."""
    settings = TrainingConfig(
        imitation_steps=1000, reinforce_steps=1000, imitation_rate=1.0, reinforce_rate=0.5, final_rate=0.1
    )
    rates = [learning_rate(settings, step) for step in (0, 99, 500, 999, 1000, 1500, 1999)]
    assert rates == pytest.approx([0.01, 0.98, 0.55, 0.1, 0.005, 0.275, 0.05], abs=0.003)


@pytest.mark.gpu
def test_a_gpu_trains_with_mixed_precision_and_compiled_network(tmp_path):
    """The settings that only a GPU makes use of run, and the checkpoint works on a CPU."""
    if not torch.cuda.is_available():
        pytest.skip("no GPU here")
    settings = replace(CONFIG.training, precision="bfloat16", compile=True)
    last = train(replace(CONFIG, training=settings), tmp_path, device="cuda")
    assert last["step"] == CONFIG.training.steps
    assert last["infeasible"] == 0
    train(CONFIG, tmp_path, resume=True)


def test_a_run_refuses_early_what_it_could_not_end(tmp_path):
    """A file in the place of its folder, other instances to validate on, a seed that PyTorch does not take."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        train(CONFIG, tmp_path / "file", on_metrics=pytest.fail)
    train(CONFIG, tmp_path / "run", max_steps=1)
    with pytest.raises(ValueError, match=r"training\.validation_size was 8 so far, not 9"):
        train(replace(CONFIG, training=replace(CONFIG.training, validation_size=9)), tmp_path / "run", resume=True)
    with pytest.raises(ValueError, match="seed must be in"):
        replace(CONFIG.training, seed=2**64)
