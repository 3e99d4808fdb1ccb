"""Search algorithms as compiled kernels over plain arrays: numpy and numba only, no I/O, no instance types."""
