"""Small instances and networks; everything here needs PyTorch."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch

from cosolve.models.decost.config import DataConfig, ModelConfig
from cosolve.models.decost.data import Dataset, draw
from cosolve.models.decost.network import Network

SMALL = {"embedding": 16, "heads": 2, "layers": 2, "feed_forward": 32}


@pytest.fixture(scope="session")
def data() -> Dataset:
    """64 labelled instances of the published family."""
    return draw(DataConfig(), 7, 64, labelled=True)


@pytest.fixture
def network():
    """Makes small networks of any kind, always with the same weights."""

    def make(**settings) -> Network:
        torch.manual_seed(1)
        return Network(ModelConfig(**SMALL | settings))

    return make
