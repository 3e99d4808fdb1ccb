"""
What the nodes of one side hear from the other: a sum over edges of a normalised, rectified sum of three vectors.

On a CPU one pass over the edges keeps nothing of an edge. Operation by operation, as on a GPU, each would write and
read a vector for every edge several times over: nine times as long for 26,000 edges of 32 numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch_geometric.utils import scatter

from cosolve.core.jit import jit


class Edges(NamedTuple):
    """
    Edges that end on one side, in the order of their ends.

    Parameters
    ----------
    first
        (num_own + 1,) where the edges of each node begin.
    own, other
        (num_edges,) each: the node that hears, and the one that is heard.
    coefs
        (num_edges,) of the matrix.
    """

    first: Tensor
    own: Tensor
    other: Tensor
    coefs: Tensor


def edges_to(own: Tensor, other: Tensor, coefs: Tensor, num_own: int) -> Edges:
    """Edges in any order, sorted."""
    order = torch.argsort(own, stable=True)
    first = torch.zeros(num_own + 1, dtype=torch.long, device=own.device)
    torch.cumsum(torch.bincount(own, minlength=num_own), 0, out=first[1:])
    return Edges(first, own[order], other[order], coefs[order])


def heard(own: Tensor, other: Tensor, weight: Tensor, norm: nn.LayerNorm, edges: Edges) -> Tensor:
    """
    Sum over the edges (i, j) of each i of ``relu(LN(own_i + other_j + c_ij weight))``.

    Parameters
    ----------
    own, other
        (num_own, width) and (num_other, width).
    weight
        (width,).
    norm
        LN.
    edges
        From ``other`` to ``own``; no gradient reaches their coefficients. On a CPU all in one precision, single or
        double.

    Returns
    -------
    Tensor
        (num_own, width).
    """
    if own.device.type != "cpu":
        return heard_by_operations(own, other, weight, norm, edges)
    parts = (part - part.mean(-1, keepdim=True) for part in (own, other, weight))
    return _Heard.apply(*parts, norm.weight, norm.bias, norm.eps, edges)


def heard_by_operations(own: Tensor, other: Tensor, weight: Tensor, norm: nn.LayerNorm, edges: Edges) -> Tensor:
    """:func:`heard` on any device."""
    along = own[edges.own] + other[edges.other] + edges.coefs[:, None] * weight
    return scatter(norm(along).relu(), edges.own, dim_size=len(own), reduce="sum")


class _Given(NamedTuple):
    """What the kernels read, and arrays (width,) for their notes."""

    own: np.ndarray
    other: np.ndarray
    weight: np.ndarray
    gain: np.ndarray
    shift: np.ndarray
    eps: float
    first: np.ndarray
    neighbours: np.ndarray
    coefs: np.ndarray
    z: np.ndarray
    back: np.ndarray


class _Grads(NamedTuple):
    """Derivatives by the arrays of the same names."""

    own: np.ndarray
    other: np.ndarray
    weight: np.ndarray
    gain: np.ndarray
    shift: np.ndarray


class _Heard(torch.autograd.Function):
    """:func:`heard` of vectors whose numbers have the mean 0, so that those of their sums have."""

    @staticmethod
    def forward(
        ctx: Any, own: Tensor, other: Tensor, weight: Tensor, gain: Tensor, shift: Tensor, eps: float, edges: Edges
    ) -> Tensor:
        ctx.save_for_backward(own, other, weight, gain, shift)
        ctx.eps, ctx.edges = eps, edges
        out = torch.zeros_like(own)
        _hear(_given((own, other, weight, gain, shift), eps, edges), out.numpy())
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
        given = _given(ctx.saved_tensors, ctx.eps, ctx.edges)
        # What is a sum over all edges is summed in double precision.
        sides, common = (np.zeros_like(a) for a in given[:2]), (np.zeros(a.shape) for a in given[2:5])
        grads = _Grads(*sides, *common)
        _hear_backward(given, _array(grad), grads)
        return *(torch.from_numpy(array).to(own.dtype) for array, own in zip(grads, ctx.saved_tensors)), None, None


def _given(tensors: Sequence[Tensor], eps: float, edges: Edges) -> _Given:
    own, other, weight, gain, shift = (_array(tensor) for tensor in tensors)
    ends = _array(edges.first), _array(edges.other), _array(edges.coefs)
    return _Given(own, other, weight, gain, shift, eps, *ends, np.empty_like(weight), np.empty_like(weight))


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().contiguous().numpy()


@jit
def _add_up(g: _Given, i: int, j: int, coef: float) -> float:
    """Let z be ``own[i] + other[j] + coef * weight``, and return the factor that normalises it."""
    square = g.z.dtype.type(0)
    for d in range(len(g.z)):
        g.z[d] = g.own[i, d] + g.other[j, d] + coef * g.weight[d]
    for d in range(len(g.z)):
        square += g.z[d] * g.z[d]
    return g.z.dtype.type(1 / math.sqrt(square / len(g.z) + g.eps))


@jit
def _hear(g: _Given, out: np.ndarray) -> None:
    """Add to ``out`` what is heard."""
    zero = g.z.dtype.type(0)
    for i in range(len(out)):
        for k in range(g.first[i], g.first[i + 1]):
            factor = _add_up(g, i, g.neighbours[k], g.coefs[k])
            for d in range(len(g.z)):
                out[i, d] += max(g.z[d] * factor * g.gain[d] + g.shift[d], zero)


@jit
def _hear_backward(g: _Given, grad: np.ndarray, to: _Grads) -> None:
    """Add the derivatives, where ``grad`` are those by what is heard."""
    width, zero = len(g.z), g.z.dtype.type(0)
    for i in range(len(grad)):
        for k in range(g.first[i], g.first[i + 1]):
            j, coef = g.neighbours[k], g.coefs[k]
            factor = _add_up(g, i, j, coef)
            along = zero
            for d in range(width):
                g.z[d] *= factor
                passed = grad[i, d] if g.z[d] * g.gain[d] + g.shift[d] > 0 else zero
                to.gain[d] += passed * g.z[d]
                to.shift[d] += passed
                g.back[d] = passed * g.gain[d]
            for d in range(width):
                along += g.back[d] * g.z[d]
            along /= width
            for d in range(width):
                g.back[d] = factor * (g.back[d] - along * g.z[d])
                to.own[i, d] += g.back[d]
                to.other[j, d] += g.back[d]
                to.weight[d] += coef * g.back[d]
