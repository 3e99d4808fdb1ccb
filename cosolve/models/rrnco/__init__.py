"""
RRNCO: routes on road networks by a network that sees distances, durations and coordinates [1]_.

References
----------
.. [1] Son, J., Zhao, Z., Berto, F., Hua, C., Cao, Z., Kwon, C., Park, J. (2026). Towards real-world routing with neural
       combinatorial optimization. *ICLR*.
"""
