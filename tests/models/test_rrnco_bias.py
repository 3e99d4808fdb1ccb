"""The folded bias and the attention-free aggregation are exactly what they stand for."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path

import pytest
import torch

from cosolve.models.rrnco.bias import ScalarPerceptron
from cosolve.models.rrnco.encoder import aggregate, neighbours


@pytest.fixture(scope="module")
def unfolded():
    """The published form, kept beside the benchmark that times it."""
    path = Path(__file__).parents[2] / "benchmarks" / "unfolded_bias.py"
    spec = importlib.util.spec_from_file_location("unfolded_bias", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("channels", [2, 3])
def test_the_folded_bias_is_the_unfolded_one(unfolded, channels):
    """Folding is algebra, not an approximation: else the network would not be the published one."""
    torch.manual_seed(channels)
    wide = unfolded.UnfoldedBias(64, channels)
    folded = unfolded.fold(wide)
    quantities = tuple(torch.randn(3, 17, 17) for _ in range(channels))
    torch.testing.assert_close(folded(quantities), wide(quantities), atol=1e-5, rtol=1e-5)


def test_pieces_are_the_perceptron_with_its_gradients():
    """Looking up pieces must train like evaluating every unit; flat units and kinks at an entry included."""
    torch.manual_seed(0)
    net = ScalarPerceptron(16, 2)
    with torch.no_grad():
        net.slope[:3] = torch.tensor([0.0, 0.0, 1e-7])
        net.shift[:2] = torch.tensor([0.5, -0.5])
        net.slope[3], net.shift[3] = 1.0, -0.25
    x = torch.cat([torch.linspace(-3, 3, 95), torch.tensor([0.25, 0.0, 5.0, -9.0, 1.0])]).view(4, 5, 5)
    weight = torch.randn(2, 4, 5, 5)

    def plain():
        hidden = torch.relu(x.unsqueeze(3) * net.slope + net.shift)
        return (hidden @ net.outer.t() + net.level).permute(3, 0, 1, 2)

    torch.testing.assert_close(torch.stack(net(x)), plain(), atol=1e-5, rtol=1e-5)
    gradients = []
    for values in (torch.stack(net(x)), plain()):
        net.zero_grad()
        (values * weight).sum().backward()
        gradients.append([p.grad.clone() for p in net.parameters()])
    for mine, autograd in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, autograd, atol=1e-4, rtol=1e-4)


def test_aggregation_is_its_definition():
    """Against the triple loop of the formula, with biases and keys whose exponentials alone would overflow."""
    torch.manual_seed(1)
    query, key, value = (torch.randn(2, 5, 3, dtype=torch.float64) for _ in range(3))
    bias = torch.randn(2, 5, 5, dtype=torch.float64)
    out = aggregate(query, key + 100.0, value, bias - 300.0)
    for b in range(2):
        for i in range(5):
            for e in range(3):
                weight = [math.exp(bias[b, i, j] + key[b, j, e]) for j in range(5)]
                mean = sum(w * float(value[b, j, e]) for j, w in enumerate(weight)) / sum(weight)
                expected = mean / (1 + math.exp(-query[b, i, e]))
                assert float(out[b, i, e]) == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_the_released_form_takes_softmaxes_first():
    """Official weights only make sense with it; no node then counts more than e squared times another."""
    torch.manual_seed(1)
    query, key, value = (torch.randn(2, 5, 3) for _ in range(3))
    bias = torch.randn(2, 5, 5)
    weight = (bias.softmax(2)[:, :, :, None] + key.softmax(1)[:, None]).exp()
    expected = torch.sigmoid(query) * (weight * value[:, None]).sum(2) / weight.sum(2)
    torch.testing.assert_close(aggregate(query, key, value, bias, "softmax"), expected, atol=1e-5, rtol=1e-5)


def test_sampled_neighbours_follow_their_probabilities():
    """Near nodes are likelier; the same ones come every time, whatever else is in the batch; never the node itself."""
    distance = torch.rand(50, 12, 12) + 0.01
    distance.diagonal(dim1=1, dim2=2).zero_()
    drawn = neighbours(distance, 4, "sampled")
    assert torch.equal(drawn, neighbours(distance, 4, "sampled"))
    assert torch.equal(drawn[7:8], neighbours(distance[7:8], 4, "sampled"))
    assert not (drawn == torch.arange(12)[None, :, None]).any()
    assert all(len(set(row)) == 4 for row in drawn.flatten(0, 1).tolist())
    nearest = neighbours(distance, 4, "nearest")
    means = [distance.gather(2, chosen).mean() for chosen in (nearest, drawn)]
    everyone = distance.sum() / (50 * 12 * 11)
    assert means[0] < means[1] < 0.8 * everyone
