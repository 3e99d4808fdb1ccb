"""Small job shops for the tests of the formats, the judge and the solvers."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from cosolve.instances.fjsp import FJSPInstance, Schedule


def shop(jobs: list[list[dict[int, int]]], num_machines: int) -> FJSPInstance:
    """Instance from nested lists: jobs[j][o] = {machine: time}."""
    ops = [op for job in jobs for op in job]
    return FJSPInstance(
        job_ptr=np.cumsum([0] + [len(job) for job in jobs]),
        alt_ptr=np.cumsum([0] + [len(op) for op in ops]),
        alt_machine=np.array([k for op in ops for k in op], np.int64),
        alt_time=np.array([t for op in ops for t in op.values()], np.int64),
        num_machines=num_machines,
    )


# Two jobs on two machines, solved by hand: job 0 is 3 on machine 0 (or 4 on 1), then 2 on machine 1;
# job 1 is 2 on machine 1, then 4 on machine 0. Machine 0 busy 0-3 and 3-7: makespan 7, the longest path.
TWO = shop([[{0: 3, 1: 4}, {1: 2}], [{1: 2}, {0: 4}]], 2)
GOOD = Schedule(machine=[0, 1, 1, 0], start=[0, 3, 0, 3])


@st.composite
def shops(draw, max_jobs: int = 3, max_ops: int = 3, max_machines: int = 3):
    num_machines = draw(st.integers(1, max_machines))
    machine = st.integers(0, num_machines - 1)
    op = st.dictionaries(machine, st.integers(0, 9), min_size=1, max_size=num_machines)
    return shop(draw(st.lists(st.lists(op, max_size=max_ops), min_size=1, max_size=max_jobs)), num_machines)


def sequential(instance: FJSPInstance) -> Schedule:
    """One operation after the other, each on its first machine."""
    first = instance.alt_ptr[:-1]
    ends = np.cumsum(instance.alt_time[first])
    return Schedule(machine=instance.alt_machine[first], start=ends - instance.alt_time[first])
