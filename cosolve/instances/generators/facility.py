"""Capacitated facility location written as a MILP."""

from __future__ import annotations

import numpy as np

from cosolve.instances.generators import Generator
from cosolve.instances.generators._blocks import Block, assemble, named
from cosolve.instances.generators.cflp import CORNUEJOLS, cornuejols
from cosolve.instances.milp import MILPInstance


def facility(*, seed: int = 0, facilities: int = 100, customers: int = 100, ratio: float = 5.0) -> MILPInstance:
    """
    The instances of ``cflp/cornuejols`` with the rows of [1]_: demand may be split among facilities.

    Rows: each customer is served in full ("demand"), capacities of open facilities ("capacity") and in total
    ("total_capacity"), and nothing from a closed facility ("affinity"). Columns: "serve_i_j" is the share of
    customer i's demand from facility j, "open_j" is binary.

    Parameters
    ----------
    facilities, customers, ratio
        See :func:`cosolve.instances.generators.cflp.cornuejols`.

    References
    ----------
    .. [1] Gasse, M., Chetelat, D., Ferroni, N., Charlin, L., Lodi, A. (2019). Exact combinatorial optimization
           with graph convolutional neural networks. *NeurIPS 32*.
    """
    location = cornuejols(seed=seed, facilities=facilities, customers=customers, ratio=ratio)
    n, m = customers, facilities
    shares = np.arange(n * m).reshape(n, m)
    opens = n * m + np.arange(m)
    sites = np.arange(m)
    pairs = np.arange(n * m)
    blocks = [
        Block(named("demand", range(n)), np.repeat(np.arange(n), m), shares.ravel(), lower=1.0),
        Block(
            named("capacity", range(m)),
            np.concatenate((np.tile(sites, n), sites)),
            np.concatenate((shares.ravel(), opens)),
            np.concatenate((np.repeat(location.demand, m), -location.capacity)),
            upper=0.0,
        ),
        Block(["total_capacity"], np.zeros(m, np.int64), opens, location.capacity, lower=sum(location.demand.tolist())),
        Block(
            named("affinity", *np.divmod(pairs, m)),
            np.tile(pairs, 2),
            np.concatenate((shares.ravel(), np.tile(opens, n))),
            np.repeat((1.0, -1.0), n * m),
            upper=0.0,
        ),
    ]
    return assemble(
        blocks,
        named("serve", *np.divmod(pairs, m)) + named("open", range(m)),
        cost=np.concatenate((location.cost.T.ravel(), location.fixed_cost)),
        col_upper=1.0,
        is_integer=np.arange(n * m + m) >= n * m,
        name=f"facility-{facilities}-{customers}-{ratio:g}-{seed}",
        meta={"seed": seed, "ratio": ratio},
    )


FACILITY = Generator(
    "milp",
    "facility",
    "capacitated facility location, split demand (Cornuejols et al. 1991)",
    facility,
    CORNUEJOLS.parameters,
)
