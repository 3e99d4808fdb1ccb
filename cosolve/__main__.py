"""``python -m cosolve`` is the command line."""

from cosolve.cli import main

if __name__ == "__main__":
    main()
