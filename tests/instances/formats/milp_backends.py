"""MILP files as SCIP and HiGHS read them, for comparison with ours."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cosolve.instances.milp import MILPInstance

#: Lower, upper, cost or coefficients by name: the order of columns is each reader's own.
Model = dict[str, dict]


def ours(instance: MILPInstance) -> Model:
    dense = instance.matrix.tolil()
    columns = {
        name: (low, high, cost, bool(is_integer))
        for name, low, high, cost, is_integer in zip(
            instance.col_names,
            instance.col_lower.tolist(),
            instance.col_upper.tolist(),
            instance.cost.tolist(),
            instance.is_integer,
            strict=True,
        )
    }
    names = instance.col_names
    rows = {
        name: (low, high, {names[c]: v for c, v in zip(dense.rows[row], dense.data[row], strict=True)})
        for row, (name, low, high) in enumerate(
            zip(instance.row_names, instance.row_lower.tolist(), instance.row_upper.tolist(), strict=True)
        )
    }
    return {"sense": instance.sense, "offset": instance.offset, "columns": columns, "rows": rows}


def by_highs(path: Path) -> Model:
    import highspy
    from scipy.sparse import csc_array

    highs = highspy.Highs()
    highs.setOptionValue("output_flag", False)
    assert highs.readModel(str(path)) == highspy.HighsStatus.kOk
    lp = highs.getLp()
    a = lp.a_matrix_
    parts = (np.array(a.value_), np.array(a.index_), np.array(a.start_))
    integer = [str(kind).endswith("kInteger") for kind in lp.integrality_] or [False] * lp.num_col_
    instance = MILPInstance.from_scipy(
        csc_array(parts, shape=(lp.num_row_, lp.num_col_)),
        cost=np.array(lp.col_cost_),
        col_lower=np.array(lp.col_lower_),
        col_upper=np.array(lp.col_upper_),
        is_integer=np.array(integer),
        row_lower=np.array(lp.row_lower_),
        row_upper=np.array(lp.row_upper_),
        offset=lp.offset_,
        maximize=lp.sense_ == highspy.ObjSense.kMaximize,
        row_names=tuple(lp.row_names_),
        col_names=tuple(lp.col_names_),
    )
    return ours(instance)


def by_scip(path: Path) -> Model:
    from pyscipopt import Model as Scip

    scip = Scip()
    scip.hideOutput()
    scip.readProblem(str(path))

    def finite(value: float) -> float:
        return value if abs(value) < 1e20 else float(np.copysign(np.inf, value))

    columns = {
        v.name: (finite(v.getLbOriginal()), finite(v.getUbOriginal()), v.getObj(), v.vtype() in ("INTEGER", "BINARY"))
        for v in scip.getVars()
    }
    rows = {
        c.name: (finite(scip.getLhs(c)), finite(scip.getRhs(c)), {k: v for k, v in scip.getValsLinear(c).items() if v})
        for c in scip.getConss()
    }
    sense = "max" if scip.getObjectiveSense() == "maximize" else "min"
    return {"sense": sense, "offset": scip.getObjoffset(), "columns": columns, "rows": rows}
