"""Compiled formatting of integers against Python's."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cosolve.instances.formats._integer_rows import integer_rows

INT64 = st.integers(-(2**63), 2**63 - 1)


@given(st.lists(st.tuples(INT64, INT64, st.integers(-20, 20)), min_size=0, max_size=20), st.sampled_from(["", "e "]))
def test_rows_are_written_as_python_writes_them(rows, prefix):
    """A digit lost in writing would come back as another instance."""
    array = np.array(rows, np.int64).reshape(-1, 3)
    expected = "".join(f"{prefix}{a} {b} {c}\n" for a, b, c in rows)
    assert "".join(integer_rows(array, prefix)) == expected
