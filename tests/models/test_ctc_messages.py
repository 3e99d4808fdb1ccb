"""Messages of half-convolutions: one pass over the edges is what the operations say, and so are its derivatives."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cosolve.models.ctc.messages import edges_to, heard, heard_by_operations

WIDTH, OWN, OTHER, EDGES = 6, 7, 5, 20


def given(seed, dtype=torch.float64):
    """Vectors of both sides, the coefficients' weight, a norm and edges in any order; one node hears of none."""
    draw = torch.Generator().manual_seed(seed)
    own, other, weight = (
        torch.randn(*shape, dtype=dtype, generator=draw, requires_grad=True)
        for shape in ((OWN, WIDTH), (OTHER, WIDTH), (WIDTH,))
    )
    norm = nn.LayerNorm(WIDTH).to(dtype)
    for part in norm.parameters():
        nn.init.normal_(part, generator=draw)
    ends = torch.randint(0, OWN - 1, (EDGES,), generator=draw), torch.randint(0, OTHER, (EDGES,), generator=draw)
    return own, other, weight, norm, (*ends, torch.randn(EDGES, dtype=dtype, generator=draw))


def test_edges_are_sorted_by_their_ends():
    _, _, _, _, (heads, tails, coefs) = given(0)
    edges = edges_to(heads, tails, coefs, OWN)
    assert edges.first.tolist() == [int((heads < i).sum()) for i in range(OWN + 1)]
    assert sorted(zip(*(part.tolist() for part in edges[1:]), strict=True)) == sorted(
        zip(heads.tolist(), tails.tolist(), coefs.tolist(), strict=True)
    )
    assert (edges.own.diff() >= 0).all()


@pytest.mark.parametrize("hear", [heard, heard_by_operations])
def test_a_node_hears_the_sum_over_its_edges(hear):
    own, other, weight, norm, (heads, tails, coefs) = given(1)
    sums = hear(own, other, weight, norm, edges_to(heads, tails, coefs, OWN))
    expected = torch.zeros(OWN, WIDTH, dtype=torch.float64)
    for i, j, coef in zip(heads.tolist(), tails.tolist(), coefs.tolist(), strict=True):
        expected[i] += norm(own[i] + other[j] + coef * weight).relu()
    torch.testing.assert_close(sums, expected)
    assert not sums[-1].any()


def test_derivatives_are_those_of_the_operations():
    own, other, weight, norm, ends = given(2)
    edges = edges_to(*ends, OWN)
    parts = [own, other, weight, norm.weight, norm.bias]
    towards = torch.randn(OWN, WIDTH, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    found, expected = (
        torch.autograd.grad((hear(own, other, weight, norm, edges) * towards).sum(), parts)
        for hear in (heard, heard_by_operations)
    )
    torch.testing.assert_close(found, expected)
    assert torch.autograd.gradcheck(lambda *given: heard(*given, norm, edges), (own, other, weight))


def test_single_precision_and_strided_vectors():
    own, other, weight, norm, ends = given(4, torch.float32)
    edges = edges_to(*ends, OWN)
    strided = own.T.contiguous().T, other.T.contiguous().T, weight
    assert not strided[0].is_contiguous()
    sums = heard(*strided, norm, edges)
    assert sums.dtype is torch.float32
    torch.testing.assert_close(sums, heard_by_operations(own, other, weight, norm, edges), rtol=1e-5, atol=1e-6)
    found, expected = (
        torch.autograd.grad(hear(*strided, norm, edges).T.sum(dim=0).sum(), [own, other, weight, norm.weight])
        for hear in (heard, heard_by_operations)
    )
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
