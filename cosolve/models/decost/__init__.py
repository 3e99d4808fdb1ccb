"""DeCoST: routes by a network with parallel decoders for the next customer and its service time, then exact times [1]_.

References
----------
.. [1] Gao, S., Ruan, R., Floor, P., Roveri, M., Palopoli, L., Fontanelli, D. (2026). Learning to solve the
       orienteering problem with time windows and variable profits. *ICLR*.
"""
