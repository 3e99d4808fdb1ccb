"""Checkpoints that are not what they should be are refused in one line."""

from __future__ import annotations

import os
import pickle
import random
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from cosolve.core.errors import InvalidFileError
from cosolve.models import checkpoints
from cosolve.models.ctc.config import ModelConfig as CtcModel
from cosolve.models.decost.config import DataConfig, DecostConfig, ModelConfig
from cosolve.models.decost.network import Network
from cosolve.models.decost.predictor import network_of
from cosolve.models.rrnco.config import ModelConfig as RrncoModel

CONFIG = DecostConfig(DataConfig(size=20), ModelConfig(embedding=16, heads=2, layers=1, feed_forward=16))


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "net"
    about = {"family": "decost", "problem": "optwvp", "coverage": {"prize": (0.0, 0.0)}, "card": "# card\n"}
    checkpoints.write(path, Network(CONFIG.model).state_dict(), config=CONFIG, **about)
    return path


def load(folder):
    found = checkpoints.read(folder)
    return found.network(lambda: Network(found.config(DecostConfig).model))


def test_a_checkpoint_comes_back_as_it_was_written(folder):
    """Weights, config and coverage, the numbers exactly."""
    found = checkpoints.find(str(folder))
    assert (found.name, found.family, found.problem) == ("net", "decost", "optwvp")
    assert found.config(DecostConfig) == CONFIG
    assert found.coverage == {"prize": (0.0, 0.0)}
    written = load_file(folder / checkpoints.WEIGHTS)
    for name, tensor in load(folder).state_dict().items():
        assert torch.equal(tensor, written[name])


def test_a_network_is_kept_only_while_its_weights_are_the_same(folder):
    """Trained on in the same process, a checkpoint went on to predict what it had before."""
    first = network_of(folder, "cpu")
    assert network_of(folder, "cpu") is first
    tensors = load_file(folder / checkpoints.WEIGHTS)
    tensors["features.bias"] += 1
    save_file(tensors, folder / checkpoints.WEIGHTS)
    os.utime(folder / checkpoints.WEIGHTS, ns=(0, 1))  # clocks of file systems may be coarse
    assert torch.equal(network_of(folder, "cpu").state_dict()["features.bias"], tensors["features.bias"])
    (folder / checkpoints.WEIGHTS).unlink()
    with pytest.raises(InvalidFileError, match="no such file"):
        network_of(folder, "cpu")


def test_a_pickle_is_refused_without_being_opened(folder):
    """Unpickling runs whatever the file says."""

    class Bomb:
        def __reduce__(self):
            return exec, ("raise SystemExit('the pickle was opened')",)

    (folder / checkpoints.WEIGHTS).write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(InvalidFileError, match="not a safetensors file"):
        load(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("features.bias"), "lacks parameter 'features.bias'"),
        (lambda t: t.update(more=torch.zeros(1)), "unknown parameter 'more'"),
        (lambda t: t.update({"features.bias": torch.zeros(3)}), r"'features.bias' has shape \(3,\)"),
        (lambda t: t["features.bias"].fill_(torch.nan), "not finite"),
        (lambda t: t.update({"features.bias": torch.full((16,), 1e300, dtype=torch.float64)}), "not finite"),
        *(
            (lambda t, dtype=dtype: t.update({"features.bias": torch.zeros(16).to(dtype)}), f"16 to 64 bits, .*{dtype}")
            for dtype in (torch.float8_e4m3fn, torch.int32, torch.complex64, torch.bool)
        ),
    ],
)
def test_weights_that_do_not_fit_are_refused_by_name(folder, change, message):
    """Half a network in place would answer, and answer nonsense."""
    tensors = load_file(folder / checkpoints.WEIGHTS)
    change(tensors)
    save_file(tensors, folder / checkpoints.WEIGHTS)
    with pytest.raises(InvalidFileError, match=message):
        load(folder)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[checkpoint]", "[checkpoint", "not TOML"),
        ('family = "decost"', "family = 3", "family and problem"),
        ("prize = [0.0, 0.0]", "prize = 0.0", "least, greatest"),
        ("heads = 2", "heads = 2.5", "heads must be int, got 2.5"),
        ("heads = 2", "heads = 3", "embedding must be a multiple of heads 3"),
        ("heads = 2", "ears = 2", "has no 'ears'"),
        ('pairs = "distance"', 'pairs = "sideways"', "pairs must be one of none, distance, windows"),
        ("[data]", "[dates]", r"unknown table \[dates\]"),
        ("prize = [0.0, 0.0]", f"prize = [0, 1{400 * '0'}]", "more than 64 bits"),
        ("prize = [0.0, 0.0]", "prize = [1, 0]", "least, greatest"),
        ("[coverage]", "[[coverage]]", "coverage must be a table"),
        ("heads = 2", f"heads = {5000 * '1'}", "not TOML"),
        ("heads = 2", f"heads = 0x{5000 * 'f'}", "more than 64 bits"),
        ("width = 100.0", f"width = 1{400 * '0'}", "more than 64 bits"),
        ("heads = 2", f"heads = {5000 * '['}", "nested at most 20 deep"),
        ("heads = 2", f"heads.{500 * 'a.'}b = 2", "nested at most 20 deep"),
        ("embedding = 16", "embedding = 8_000_000_000", "embedding must be <= 10000"),
        ("layers = 1", "layers = 100_000_000", "layers must be <= 100, got"),
    ],
)
def test_a_config_that_makes_no_sense_is_refused_by_key(folder, old, new, message):
    """The message has to say which key of which file, not fail deep in PyTorch."""
    path = folder / checkpoints.CONFIG
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(InvalidFileError, match=message) as caught:
        load(folder)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("config", "keys"),
    [
        (ModelConfig, ("embedding", "feed_forward", "layers")),
        (RrncoModel, ("embedding", "feed_forward", "neighbours", "kinks", "layers")),
        (CtcModel, ("width", "rounds")),
    ],
)
def test_no_size_of_a_network_is_without_bound(config, keys):
    """A config of a few lines made a machine build layers for hours, or ran it out of memory."""
    for key in keys:
        with pytest.raises(ValueError, match=f"{key} must be <= "):
            config(**{key: 80_000})


def test_a_network_takes_no_memory_before_its_weights_are_known_to_fit(folder):
    """Nine gigabytes were filled with random numbers first, then found to be none of the file's."""
    path = folder / checkpoints.CONFIG
    path.write_text(path.read_text().replace("= 16", "= 9_600").replace("layers = 1", "layers = 4"))
    seen = []
    found = checkpoints.read(folder)

    def make():
        seen.append(Network(found.config(DecostConfig).model))
        return seen[0]

    with pytest.raises(InvalidFileError, match=r"lacks parameter 'layers.1"):
        found.network(make)
    assert all(parameter.is_meta for parameter in seen[0].parameters())


def test_damaged_files_give_a_network_or_one_line(folder):
    """Whatever was changed, by chance or on purpose: no other error, and no weights that are not finite."""
    rng = random.Random(5)
    files = {name: (folder / name).read_bytes() for name in (checkpoints.WEIGHTS, checkpoints.CONFIG)}
    words = [b"0", b"-1", b"1e999", b"nan", b"true", b"[", b"'", b"\n", b"\xff", b"F64", b"I32", b"C64", b"F8_E4M3"]
    refusals, loaded = [], 0
    for _ in range(200):
        for name, content in files.items():
            (folder / name).write_bytes(content)
        name = rng.choice(list(files))
        damaged = bytearray(files[name])
        for _ in range(rng.choice((1, 1, 3))):
            # The head of the weights says what follows.
            first = rng.randrange(min(len(damaged), 2000))
            word = rng.choice([*words, bytes([rng.randrange(256)])])
            damaged[first : first + rng.choice((0, 1, len(word), 30))] = word
        (folder / name).write_bytes(damaged)
        try:
            network = load(folder)
        except InvalidFileError as error:
            refusals.append(str(error))
        else:
            assert all(bool(tensor.isfinite().all()) for tensor in network.state_dict().values())
            loaded += 1
    assert loaded
    assert refusals
    assert "\n" not in "".join(refusals)


def test_missing_weights_are_named(folder):
    """A folder that was copied by half."""
    (folder / checkpoints.WEIGHTS).unlink()
    with pytest.raises(InvalidFileError, match="no such file"):
        load(folder)


def test_every_bundled_checkpoint_is_complete_and_small():
    """What is shipped must load, and not weigh down every clone."""
    assert checkpoints.bundled("decost")
    for found in checkpoints.bundled("decost"):
        load(found.folder)
        names = {path.name for path in found.folder.iterdir()}
        assert names == {checkpoints.WEIGHTS, checkpoints.CONFIG, checkpoints.CARD, checkpoints.METRICS}
        assert (found.folder / checkpoints.WEIGHTS).stat().st_size < 10_000_000


def test_a_bundled_name_gives_way_to_a_folder(tmp_path, monkeypatch):
    """One's own network of the same name, in the working folder, is the one that is meant."""
    monkeypatch.chdir(tmp_path)
    bundled_one = checkpoints.bundled("decost")[0]
    assert checkpoints.find(bundled_one.name).folder == bundled_one.folder
    shutil.copytree(bundled_one.folder, tmp_path / bundled_one.name)
    assert checkpoints.find(bundled_one.name).folder.resolve() == (tmp_path / bundled_one.name).resolve()
