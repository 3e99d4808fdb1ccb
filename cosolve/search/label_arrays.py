"""Arrays that travel together between the kernels of :mod:`cosolve.search.labelling`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Data(NamedTuple):
    """
    An instance in the direction of a pass, times counted from the earliest start.

    Parameters
    ----------
    travel, opens, closes, horizon, service, prize, segment_ptr, segment_length, segment_rate
        As in :class:`cosolve.instances.orienteering.OPTWVPInstance`. Backwards, travel is transposed and windows are
        ``horizon - closes`` .. ``horizon - opens``. Prizes may be negative.
    least
        Shortest travel times over any places between.
    """

    travel: np.ndarray
    opens: np.ndarray
    closes: np.ndarray
    horizon: float
    service: np.ndarray
    prize: np.ndarray
    segment_ptr: np.ndarray
    segment_length: np.ndarray
    segment_rate: np.ndarray
    least: np.ndarray


class Labels(NamedTuple):
    """
    Room for the labels of a pass; label 0 is the depot at its start.

    Parameters
    ----------
    leave, base, top
        Earliest time of departure, F then, and the most that F comes to.
    closed
        Profit of the route that goes home from here; -inf if it is too far by the direct way.
    due
        Multipliers of the visits.
    node, parent
        Customer, and the label before; -1 at the depot.
    removed
        Whether another label dominates it.
    begin, end
        Its segments among ``length`` and ``rate``.
    barred
        Bit sets (labels, words): customers that may not follow.
    length, rate
        Segments of all labels.
    heap, following
        Labels to be extended, and the next in the list of a customer and span of time.
    """

    leave: np.ndarray
    base: np.ndarray
    top: np.ndarray
    closed: np.ndarray
    due: np.ndarray
    node: np.ndarray
    parent: np.ndarray
    removed: np.ndarray
    begin: np.ndarray
    end: np.ndarray
    barred: np.ndarray
    length: np.ndarray
    rate: np.ndarray
    heap: np.ndarray
    following: np.ndarray


class Known(NamedTuple):
    """
    What is known of the rest of a route before a pass begins.

    Parameters
    ----------
    completion
        (n, spans): most profit after leaving a place within a span of time or later; (n, 0) for nothing.
    most
        (n, spans + 1): most profit of a label of the other direction at a customer by a time of that direction;
        (n, 1) of -inf without such labels.
    highest
        (n, spans + 1): the highest ``top`` of such a label.
    ptr
        (n, spans + 2): labels of a customer that leave within span q are ``ptr[k, q]`` .. ``ptr[k, q + 1] - 1``, by
        falling ``top``.
    leave, base, top, begin, end, barred
        Of those labels, as :class:`Labels` has them.
    length, rate
        Their segments.
    """

    completion: np.ndarray
    most: np.ndarray
    highest: np.ndarray
    ptr: np.ndarray
    leave: np.ndarray
    base: np.ndarray
    top: np.ndarray
    begin: np.ndarray
    end: np.ndarray
    barred: np.ndarray
    length: np.ndarray
    rate: np.ndarray
