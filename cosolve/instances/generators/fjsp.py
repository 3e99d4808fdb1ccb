"""Flexible job shops of the learning literature (SD2), and Taillard's job shops."""

from __future__ import annotations

import numpy as np

from cosolve.core.jit import jit, jit_allocating
from cosolve.instances.fjsp import FJSPInstance
from cosolve.instances.generators import Generator

_MODULUS = 2**31 - 1

#: Jobs, machines, and operations of a job.
_MAX_COUNT = 10_000_000


def sd2(*, seed: int = 0, jobs: int = 20, machines: int = 10, operations: int = 10) -> FJSPInstance:
    """
    Random flexible job shop: 1 to ``machines`` eligible machines for each operation, times 1 to 99.

    Parameters
    ----------
    jobs, machines, operations
        Numbers of jobs, of machines, and of operations of each job, all >= 1.

    References
    ----------
    .. [1] Wang, R., Wang, G., Sun, J., Deng, F., Chen, J. (2023). Flexible job shop scheduling via dual
           attention network-based reinforcement learning. *IEEE Transactions on Neural Networks and Learning
           Systems* (data set SD2).
    """
    _check(jobs=jobs, machines=machines, operations=operations)
    rng = np.random.default_rng(seed)
    num_ops = jobs * operations
    counts = rng.integers(1, machines, size=num_ops, endpoint=True)
    # The first count[o] machines of a random order of all machines: a uniform subset of that size.
    rank = np.argsort(rng.random((num_ops, machines)), axis=1)
    chosen = np.arange(machines) < counts[:, None]
    times = rng.integers(1, 99, size=(num_ops, machines), endpoint=True)
    return FJSPInstance(
        name=f"sd2-{jobs}x{machines}x{operations}-{seed}",
        job_ptr=np.arange(jobs + 1) * operations,
        alt_ptr=np.concatenate(([0], np.cumsum(counts))),
        alt_machine=rank[chosen],
        alt_time=times[chosen],
        num_machines=machines,
    )


def taillard(
    *, seed: int = 0, jobs: int = 15, machines: int = 15, time_seed: int = 0, machine_seed: int = 0
) -> FJSPInstance:
    """
    Job shop from Taillard's published generator: times 1 to 99, a random order of the machines for each job.

    Parameters
    ----------
    jobs, machines
        Numbers of jobs and machines, >= 1.
    time_seed, machine_seed
        Seeds in [1, 2^31 - 2] of the two published streams (840612802 and 398197754 make ta01); 0 draws them
        from ``seed``.

    References
    ----------
    .. [1] Taillard, E. (1993). Benchmarks for basic scheduling problems. *European Journal of Operational
           Research* 64(2): 278-285.
    """
    _check(jobs=jobs, machines=machines)
    for name, value in (("time_seed", time_seed), ("machine_seed", machine_seed)):
        if not 0 <= value < _MODULUS:
            raise ValueError(f"{name} must be in [0, {_MODULUS - 1}], got {value}.")
    drawn = np.random.default_rng(seed).integers(1, _MODULUS, size=2)
    times, order = _taillard(jobs, machines, time_seed or int(drawn[0]), machine_seed or int(drawn[1]))
    return FJSPInstance(
        name=f"taillard-{jobs}x{machines}-{time_seed or drawn[0]}-{machine_seed or drawn[1]}",
        job_ptr=np.arange(jobs + 1) * machines,
        alt_ptr=np.arange(jobs * machines + 1),
        alt_machine=order.ravel(),
        alt_time=times.ravel(),
        num_machines=machines,
    )


def _check(**numbers: int) -> None:
    for name, value in numbers.items():
        if not 1 <= value <= _MAX_COUNT:
            raise ValueError(f"{name} must be >= 1 and <= {_MAX_COUNT}, got {value}.")


@jit
def _draw(state: np.ndarray, low: int, high: int) -> int:
    # Bratley, Fox & Schrage's x <- 16807 x mod (2^31 - 1); the product fits 64 bits, so no need for their split.
    state[0] = 16807 * state[0] % 2147483647
    return low + int(state[0] / 2147483647 * (high - low + 1))


@jit_allocating
def _taillard(jobs: int, machines: int, time_seed: int, machine_seed: int) -> tuple[np.ndarray, np.ndarray]:
    times = np.empty((jobs, machines), np.int64)
    order = np.empty((jobs, machines), np.int64)
    state = np.array([time_seed], np.int64)
    for job in range(jobs):
        for k in range(machines):
            times[job, k] = _draw(state, 1, 99)
    state[0] = machine_seed
    for job in range(jobs):
        for k in range(machines):
            order[job, k] = k
        for k in range(machines):
            other = _draw(state, k, machines - 1)
            order[job, k], order[job, other] = order[job, other], order[job, k]
    return times, order


SD2 = Generator(
    "fjsp",
    "sd2",
    "flexible job shop of the learning literature (SD2)",
    sd2,
    {
        "jobs": (int, 20, "number of jobs"),
        "machines": (int, 10, "number of machines"),
        "operations": (int, 10, "operations of each job"),
    },
)

TAILLARD = Generator(
    "fjsp",
    "taillard",
    "job shop of Taillard (1993)",
    taillard,
    {
        "jobs": (int, 15, "number of jobs"),
        "machines": (int, 15, "number of machines"),
        "time_seed": (int, 0, "seed of the times; 0: drawn from the seed"),
        "machine_seed": (int, 0, "seed of the machine orders; 0: drawn from the seed"),
    },
)
