"""
Constraint reduction: which rows of a MILP are tight and matter, and which binaries are 1, by a graph network [1]_ [2]_.

References
----------
.. [1] Li, J. et al. (2026). Constraint matters: multi-modal representation for reducing mixed-integer linear
       programming. *ICLR*.
.. [2] Han, Q. et al. (2023). A GNN-guided predict-and-search framework for mixed-integer linear programming. *ICLR*.
"""
