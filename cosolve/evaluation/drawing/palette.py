"""Colours that people with any colour vision tell apart, on light and on dark pages."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

#: Qualitative colours: those of Okabe and Ito that show on white and on black, and an olive of Tol's [1]_ [2]_.
#:
#: .. [1] Okabe, M., Ito, K. (2008). *Color Universal Design*. University of Tokyo.
#: .. [2] Tol, P. (2021). *Colour Schemes*. SRON technical note SRON/EPS/TN/09-002.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#999933")

#: What is chosen, what is wrong.
CHOSEN, WRONG = COLOURS[0], COLOURS[3]

#: Ends and middle of the sequential scale, dark blue to orange by way of teal.
_SCALE = np.array([[0, 84, 147], [0, 158, 135], [232, 163, 0]], float)

_NEIGHBOURS = 8


def spread(centres: np.ndarray) -> np.ndarray:
    """
    Colour of each of n shapes such that shapes near each other differ as far as seven colours go.

    One shape after the other takes the colour whose nearest earlier use among its neighbours is farthest away.

    Parameters
    ----------
    centres
        (n, 2) places of the shapes.

    Returns
    -------
    np.ndarray
        (n,) int64 positions in :data:`COLOURS`.
    """
    n = len(centres)
    colour = np.full(n, -1)
    if n == 0:
        return colour
    distance, near = cKDTree(centres).query(centres, k=min(_NEIGHBOURS + 1, n))
    used = np.zeros(len(COLOURS), np.int64)
    for k, (gaps, others) in enumerate(zip(distance.reshape(n, -1).tolist(), near.reshape(n, -1).tolist())):
        free = [np.inf] * len(COLOURS)
        for gap, other in zip(gaps, others):
            if colour[other] >= 0:
                free[colour[other]] = min(free[colour[other]], gap)
        # Among equally free colours the least used one, so that all of them appear.
        colour[k] = max(range(len(COLOURS)), key=lambda c: (free[c], -used[c], -c))
        used[colour[k]] += 1
    return colour


def scale(values: np.ndarray) -> list[str]:
    """Colours of numbers in [0, 1] on a sequential scale."""
    knots = np.linspace(0, 1, len(_SCALE))
    mixed = [np.interp(values, knots, _SCALE[:, channel]) for channel in range(3)]
    return [f"#{int(r):02X}{int(g):02X}{int(b):02X}" for r, g, b in np.rint(np.column_stack(mixed)).tolist()]


def ink(colour: str) -> str:
    """Black or white, whichever reads better on a colour "#RRGGBB"."""
    red, green, blue = (int(colour[k : k + 2], 16) for k in (1, 3, 5))
    return "#000000" if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else "#FFFFFF"


def tints(count: int) -> list[str]:
    """That many colours: the qualitative ones, then lighter and darker versions of them, then all again."""
    out = []
    for k in range(count):
        towards, share = ((0, 0.0), (255, 0.45), (0, 0.35))[k // len(COLOURS) % 3]
        channels = (int(COLOURS[k % len(COLOURS)][i : i + 2], 16) for i in (1, 3, 5))
        out.append("#" + "".join(f"{round(c + (towards - c) * share):02X}" for c in channels))
    return out
