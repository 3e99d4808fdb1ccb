"""
Routes as circular linked lists, which searches that take strings of customers out of them and back share.

There are n nodes, and node ``n + r`` stands for the depot in route r: an empty route is that node alone.
"""

from __future__ import annotations

import numpy as np

from cosolve.core.jit import jit, jit_allocating
from cosolve.search.random import below


@jit
def chain(following: np.ndarray, nodes: np.ndarray, offsets: np.ndarray, n: int) -> None:
    """Link the routes ``nodes[offsets[r]:offsets[r + 1]]``; routes beyond them are empty."""
    for r in range(len(following) - n):
        following[n + r] = n + r
    for r in range(len(offsets) - 1):
        last = n + r
        for k in range(offsets[r], offsets[r + 1]):
            following[last] = nodes[k]
            last = nodes[k]
        following[last] = n + r


@jit_allocating
def unchain(following: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and offsets of the routes, empty ones left out."""
    nodes = np.empty(n, np.int64)
    offsets = np.zeros(len(following) - n + 1, np.int64)
    filled, num_routes = 0, 0
    for sentinel in range(n, len(following)):
        node = following[sentinel]
        if node == sentinel:
            continue
        while node != sentinel:
            nodes[filled] = node
            filled += 1
            node = following[node]
        num_routes += 1
        offsets[num_routes] = filled
    return nodes[:filled], offsets[: num_routes + 1]


@jit
def save_routes(links: np.ndarray, routes: np.ndarray, num_changed: int, n: int) -> None:
    """Copy row 0 of ``links`` to row 3 for the first routes listed in ``routes[3]``, and unmark them in row 4."""
    for k in range(num_changed):
        r = routes[3, k]
        routes[4, r] = 0
        node = n + r
        while True:
            links[3, node] = links[0, node]
            node = links[0, node]
            if node == n + r:
                break


@jit
def choose_string(links: np.ndarray, random: np.ndarray, n: int, c: int, length: int) -> int:
    """First customer of a random string of that length that holds c; rows of ``links``: next and previous."""
    before, node = 0, c
    while before < length - 1 and links[1, node] < n:
        node = links[1, node]
        before += 1
    behind, node = 0, c
    while behind < length - 1 and links[0, node] < n:
        node = links[0, node]
        behind += 1
    least = max(0, length - 1 - behind)
    steps = least + below(random, before - least + 1)
    node = c
    for _ in range(steps):
        node = links[1, node]
    return node


@jit
def sort_by_key(nodes: np.ndarray, keys: np.ndarray, count: int) -> None:
    """Sort the first entries of both by key, in place and stably; for a few dozen."""
    for k in range(1, count):
        key, node = keys[k], nodes[k]
        j = k
        while j > 0 and keys[j - 1] > key:
            keys[j] = keys[j - 1]
            nodes[j] = nodes[j - 1]
            j -= 1
        keys[j] = key
        nodes[j] = node
