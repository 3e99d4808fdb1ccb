"""The command line: one module per verb; it knows the registries and the public calls, no problem and no solver."""

from __future__ import annotations

import os
import sys
import threading


def main() -> None:
    """Entry point of ``cosolve`` and ``python -m cosolve``."""
    try:
        from cosolve.cli.app import run

        code = run(sys.argv[1:])
    except KeyboardInterrupt:  # before or after all that handles it
        code = 130
    left_behind = any(t.name.startswith("cosolve-") for t in threading.enumerate() if t.is_alive())
    if left_behind:
        # A solver that did not stop still runs native code: an orderly exit under its feet may crash or wait.
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:
                pass
        os._exit(code)
    sys.exit(code)
