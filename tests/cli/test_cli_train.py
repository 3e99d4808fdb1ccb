"""``cosolve train``."""

from __future__ import annotations

import importlib
import json
import platform
import re
import signal
import subprocess
import sys
from dataclasses import fields
from typing import get_type_hints

import pytest

from cosolve.models import checkpoints, trainers

torch = pytest.importorskip("torch")

TINY = [
    *("--size", "12", "--width", "100", "--seed", "4"),
    *(f"--set={pair}" for pair in ("model.embedding=8", "model.heads=2", "model.layers=1", "model.feed_forward=8")),
    *(f"--set=training.{pair}" for pair in ("reinforce_batch=4", "rollouts=2", "validation_size=4")),
    "--set=data.chunk=8",
]
PARAMETERS = [part for pair in ("rows=15", "columns=20", "density=0.2") for part in ("--param", pair)]


def test_train_writes_a_checkpoint_and_goes_on_with_it(cli, tmp_path):
    """The smoke test of every training run: two steps, one more, and the network can be used."""
    out = tmp_path / "net"
    first = cli("train", "decost", "--out", str(out), "--max-steps", "2", "--json", *TINY)
    assert first.code == 0, first.err
    assert json.loads(first.out.splitlines()[-1])["step"] == 2
    second = cli("train", "decost", "--out", str(out), "--resume", "--max-steps", "1")
    assert second.code == 0, second.err
    assert second.out.startswith("step 3 ")
    text = (out / "config.toml").read_text()
    assert "size = 12" in text
    assert "seed = 4" in text
    again = cli("train", "decost", "--config", str(out / "config.toml"), "--out", str(tmp_path / "b"), "--max-steps=0")
    assert again.code == 0, again.err


def test_train_tells_that_half_precision_is_emulated(cli, tmp_path, monkeypatch):
    """Such a run took four times as long, and nothing said why."""
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    out = tmp_path / "net"
    done = cli("train", "decost", "--out", str(out), "--max-steps=0", "--set=training.precision=bfloat16", *TINY)
    assert done.code == 0
    assert "bfloat16 is emulated on this CPU (AVX2)" in done.err
    assert "emulated" not in cli("train", "decost", "--out", str(out), "--resume", "--max-steps=0", "--quiet").err


@pytest.mark.parametrize("family", ["decost", "ctc", "rrnco"])
def test_help_points_to_where_the_meaning_of_every_key_stands(cli, family):
    """It named pages that have them not."""
    assert "python -m pydoc cosolve.models.decost.config " in cli("train", "--help").out
    module = importlib.import_module(f"cosolve.models.{family}.config")
    for part in get_type_hints(trainers.get(family).config_type).values():
        assert part.__module__ == module.__name__
        for key in fields(part):
            assert re.search(rf"^ *(\w+, )*{key.name}(, \w+)*$", part.__doc__, re.MULTILINE), key.name


def test_a_stopped_run_says_how_it_goes_on(tmp_path):
    """Ctrl-C before the first measurement lost all steps without a word."""
    out = tmp_path / "net"
    arguments = [sys.executable, "-m", "cosolve", "train", "decost", "--config", "decost-50-100", "--out", str(out)]
    changes = {
        "begin_from": "",
        "imitation_steps": 10**6,
        "imitation_batch": 4,
        "validation_size": 2,
        "validation_every": 10**6,
    }
    arguments += [f"--set=training.{key}={value}" for key, value in changes.items()]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "imitation" in line:  # of 10^6 steps a line every half minute
                break
        process.send_signal(signal.SIGTERM)
        out_text, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out_text == ""
    assert err.splitlines()[-1] == f"interrupted; what was done is kept: go on with --out {out} --resume."
    assert checkpoints.holds_run(out)


def test_a_finished_run_says_so_when_it_is_resumed(cli, tmp_path):
    """Nothing at all was printed."""
    sizes = [f"--set=training.{name}=0" for name in ("imitation_steps", "reinforce_steps")]
    small = [*sizes, "--set=training.validation_size=2", "--set=model.layers=1", "--set=data.size=12"]
    assert cli("train", "decost", "--out", str(tmp_path / "net"), *small).code == 0
    again = cli("train", "decost", "--out", str(tmp_path / "net"), "--resume")
    assert again.code == 0, again.err
    assert again.out.startswith("step 0  kind all steps were done before")


@pytest.mark.parametrize("limit", ["--max-steps", "--time-limit"])
def test_a_run_that_is_not_finished_is_not_called_so(cli, tmp_path, limit):
    """All steps were said to be done where the call had none to make."""
    assert cli("train", "decost", "--out", str(tmp_path / "net"), "--max-steps", "1", *TINY).code == 0
    again = cli("train", "decost", "--out", str(tmp_path / "net"), "--resume", limit, "0")
    assert again.code == 0, again.err
    assert again.out.startswith("step 1  kind no step was made")


def test_three_commands_from_instances_to_a_learned_solver(cli, tmp_path):
    """Generate, train, solve: a family of one's own needs no more."""
    family, net = tmp_path / "family", tmp_path / "net"
    made = cli("generate", "milp", "--distribution", "set-cover", "--count", "4", "--out", f"{family}/", *PARAMETERS)
    assert made.code == 0, made.err
    small = [f"--set={pair}" for pair in ("model.width=8", "model.heads=2", "training.batch=2", "data.oracle=0")]
    trained = cli("train", "ctc", "--instances", str(family), "--out", str(net), "--max-steps", "2", *small)
    assert trained.code == 0, trained.err
    assert "kind instance  file set-cover-0000.mps  objective" in trained.out
    assert "kind family  family cover" in trained.out
    assert trained.out.splitlines()[-1].startswith("step 2  phase end of a slice  score ")
    instance = str(family / "set-cover-0003.mps")
    solved = cli("solve", instance, "--solver", "ctc", "--option", f"checkpoint={net}", "--json", "--time-limit", "20")
    assert solved.code == 0, solved.err
    assert json.loads(solved.out)["status"] == "optimal"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("nobody", "--out", "x"), 2, "unknown trainer 'nobody'; known: decost, ctc, rrnco"),
        (("decost", "--out", "x", "--resume"), 2, "x holds no run"),
        (("decost", "--out", "x", "--set", "model.layers=many"), 2, "model.layers must be an integer"),
        (("decost", "--out", "x", "--set", f"data.passes={2**63}"), 2, "passes must be within 64 bits"),
        (("decost", "--out", "x", "--set", "layers=2"), 2, "TABLE.KEY=VALUE"),
        (("decost", "--out", "x", "--set", "model.service=some"), 2, "service must be one of softmax, sigmoid, zero"),
        (("ctc", "--out", "x", "--instances", "nowhere"), 2, "no such folder of instances"),
        (("decost", "--out", "x", "--config", "nosuch"), 2, "neither a checkpoint folder with a config.toml nor"),
        (("ctc", "--out", "x"), 2, "must name a folder of MILP files (--instances FOLDER)"),
        (("ctc", "--out", "x", "--set", "model.heads=3"), 2, "width must be a multiple of heads 3"),
        (("decost", "--out", "x", "--device", "abacus"), 2, "device must be cpu, cuda or cuda:N"),
    ],
)
def test_train_refuses_in_one_line(cli, tmp_path, monkeypatch, arguments, code, message):
    """Before hours of work, not after."""
    monkeypatch.chdir(tmp_path)
    answer = cli("train", *arguments)
    assert answer.code == code
    assert message in answer.err
    assert len(answer.err.splitlines()) == 1
    assert not (tmp_path / "x").exists()


def test_what_is_refused_leaves_no_folder(cli, tmp_path):
    """An empty folder was left, and the shorter of two options won without a word."""
    out = tmp_path / "new"
    for words, message in (
        (("--set", "training.begin_from=nowhere"), "nowhere"),
        (("--set", "data.chunk=2"), "must be at most the chunk (2)"),
        (("--size", "8", "--set", "data.size=9"), "--size and --set data.size say the same"),
    ):
        answer = cli("train", "decost", "--out", out, *words)
        assert answer.code == 2
        assert message in answer.err
        assert not out.exists()
