"""Where and how networks compute: CPU threads, precision, and what the hardware is."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch

from cosolve.models.schedule import derived_seed


def device_of(name: str) -> torch.device:
    """
    Device by name.

    Raises
    ------
    ValueError
        If it is no "cpu", "cuda" or "cuda:N", or this machine has no such GPU.
    """
    kind, _, number = name.partition(":")
    if kind not in ("cpu", "cuda") or (number and not number.isdecimal()) or (kind == "cpu" and number):
        raise ValueError(f"device must be cpu, cuda or cuda:N, got {name!r}.")
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        raise ValueError(f"device {name}: PyTorch {torch.__version__} finds {torch.cuda.device_count()} GPUs here.")
    return torch.device(name)


def autocast(device: torch.device, precision: str) -> AbstractContextManager[None]:
    """Context in which a network computes in this precision, "float32" or "bfloat16"."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


def caution(device: torch.device, precision: str) -> str:
    """What to know before computing there in this precision; empty if nothing."""
    level = torch.backends.cpu.get_cpu_capability()
    # Processors with instructions for bfloat16 have AVX-512, unless they are of another kind altogether.
    is_emulated = platform.machine() in ("x86_64", "AMD64") and "AVX512" not in level
    if device.type == "cpu" and precision == "bfloat16" and is_emulated:
        return f"bfloat16 is emulated on this CPU ({level}): float32 is faster here."
    return ""


def stream(device: torch.device, seed: int) -> torch.Generator:
    """Random numbers by a seed of any size: PyTorch takes 64 bits."""
    return torch.Generator(device).manual_seed(seed if seed < 2**64 else derived_seed(seed))


@contextmanager
def cpu_threads(count: int) -> Iterator[None]:
    """Let PyTorch use so many threads for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def hardware(device: torch.device) -> str:
    """What a device is, in words."""
    if device.type != "cpu":
        return f"{torch.cuda.get_device_name(device)}, PyTorch {torch.__version__}"
    cores = f"{torch.get_num_threads()} of {os.cpu_count()} cores"
    return f"CPU ({platform.machine()}), PyTorch {torch.__version__} on {cores}"
