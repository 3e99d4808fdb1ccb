"""What a run has reached so far, on stderr: a live panel on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from cosolve.cli.console import number, percent

if TYPE_CHECKING:
    from cosolve.core.instance import Instance

#: Seconds of work after which it is said that it goes on.
NOTICE_AFTER = 2.0

#: Least seconds between two lines where stderr is no terminal.
LINE_PAUSE = 1.0

#: Seconds between two lines of a training where stderr is no terminal.
_TRAINING_PAUSE = 30.0

_BARS = "▁▂▃▄▅▆▇█"


class _Display(ABC):
    """
    What is shown while something goes on: on a terminal one picture that renews itself, elsewhere lines of a thread.

    Parameters
    ----------
    quiet
        Show nothing.
    """

    #: Whether what is printed on stdout meanwhile is news for the terminal, and no result that may go to a file.
    _takes_stdout = True

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._start = monotonic()
        self._live: Any = None
        self._has_bars = False
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()

    def __enter__(self) -> Self:
        self._start = monotonic()
        if self._quiet:
            return self
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live

            console = Console(stderr=True, highlight=False, markup=False)
            self._has_bars = console.encoding.startswith("utf")
            self._live = Live(
                console=console,
                get_renderable=self._panel,
                refresh_per_second=4,
                transient=True,
                redirect_stdout=self._takes_stdout,
            )
            self._live.start()
        else:
            self._thread = threading.Thread(target=self._print_lines, name="progress", daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        if self._live is not None:
            self._live.stop()
        if self._thread is not None:
            self._thread.join()

    @abstractmethod
    def _panel(self) -> Any:
        """What a terminal shows now."""

    @abstractmethod
    def _print_lines(self) -> None:
        """Print lines until the display is closed."""


class Progress(_Display):
    """
    Live progress of one run.

    Parameters
    ----------
    title
        Instance and solver.
    time_limit
        Seconds, for the clock.
    quiet
        Show nothing.
    """

    def __init__(self, title: str, time_limit: float, *, quiet: bool = False) -> None:
        self.title = title
        self.time_limit = time_limit
        super().__init__(quiet=quiet)
        self._lock = threading.Lock()
        self._objectives: list[float] = []
        self._bound: float | None = None
        self._last_improvement = 0.0
        self._printed_at: float | None = None
        self._printed: tuple[int, float | None] = (0, None)

    # -- what the run says; called from any of its threads ------------------------------------------------------

    def on_incumbent(self, incumbent: Any) -> None:
        """Note a better solution."""
        with self._lock:
            self._objectives.append(incumbent.objective)
            self._bound = incumbent.bound if incumbent.bound is not None else self._bound
            self._last_improvement = incumbent.time

    def on_bound(self, time: float, bound: float) -> None:
        """Note a better bound."""
        with self._lock:
            self._bound = bound

    # -- showing ------------------------------------------------------------------------------------------------

    def line(self) -> str:
        """The state in one line."""
        from cosolve.core.gap import relative_gap

        with self._lock:
            objective = self._objectives[-1] if self._objectives else None
            bound, count = self._bound, len(self._objectives)
        gap = None if bound is None or objective is None else relative_gap(objective, bound)
        return (
            f"{monotonic() - self._start:8.2f} s   objective {number(objective)}   bound {number(bound)}   "
            f"gap {percent(gap)}   solutions {count}"
        )

    def _print_lines(self) -> None:
        while not self._closed.wait(0.1):
            if self._printed_at is None or monotonic() - self._printed_at >= LINE_PAUSE:
                self._print_line()
        self._print_line()

    def _print_line(self) -> None:
        with self._lock:
            state = (len(self._objectives), self._bound)
        if state != self._printed:
            if self._printed_at is None:
                print(self.title, file=sys.stderr)
            self._printed, self._printed_at = state, monotonic()
            print(self.line(), file=sys.stderr, flush=True)

    def _panel(self) -> Any:
        from rich.text import Text

        with self._lock:
            history = list(self._objectives)
            since = monotonic() - self._start - self._last_improvement if history else None
        limit = "" if self.time_limit == float("inf") else f" of {self.time_limit:g} s"
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append(f"{self.title}{limit}", style="bold")
        if since is not None:
            text.append(f"   last improvement {max(0.0, since):.0f} s ago", style="dim")
        text.append(f"\n{self.line()}")
        bars = sparkline(history)
        if bars and self._has_bars:
            text.append(f"\n{bars}", style="cyan")
        return text


class TrainingProgress(_Display):
    """
    What a training does now: on a terminal a line that renews itself, elsewhere one every half minute.

    Parameters
    ----------
    quiet
        Show nothing.
    """

    _takes_stdout = False

    def __init__(self, *, quiet: bool = False) -> None:
        super().__init__(quiet=quiet)
        self._what, self._done, self._total = "", 0, 0
        self._since, self._first = self._start, 0

    def show(self, what: str, done: int, total: int) -> None:
        """Note what is done now, and how much of it is done already."""
        if what != self._what:
            self._since, self._first = monotonic(), done
        self._what, self._done, self._total = what, done, total

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Make room for other lines on the terminal."""
        if self._live is None:
            yield
            return
        self._live.stop()
        try:
            yield
        finally:
            self._live.start()

    def line(self) -> str:
        """The state in one line."""
        now = monotonic()
        text = f"{now - self._start:7.0f} s   {self._what}"
        if self._total:
            text += f" {self._done} of {self._total}"
            made = self._done - self._first
            if made and now > self._since:
                text += f", {made / (now - self._since):.3g} a second"
        return text

    def _panel(self) -> str:
        return self.line()

    def _print_lines(self) -> None:
        pause = NOTICE_AFTER
        while not self._closed.wait(pause):
            if self._what:
                print(self.line(), file=sys.stderr, flush=True)
            pause = _TRAINING_PAUSE


def prepare(solver: str, instance: Instance, *, quiet: bool = False) -> None:
    """Have a solver load or compile what it needs, and say so if that takes a while."""
    from cosolve.core.solver import solvers

    adapter = solvers.get(solver)()
    if not adapter.available().ok or instance.problem not in adapter.problems:
        return  # the call of solve says it better
    with notice("loading the solver (its first use on this machine may compile search kernels, too) ...", quiet=quiet):
        adapter.warm_up(instance)


@contextmanager
def notice(text: str, *, quiet: bool = False) -> Iterator[None]:
    """Say on stderr what is done if it takes a while."""
    timer = threading.Timer(NOTICE_AFTER, lambda: print(text, file=sys.stderr, flush=True))
    timer.daemon = True
    if not quiet:
        timer.start()
    try:
        yield
    finally:
        timer.cancel()


def sparkline(values: Sequence[float], width: int = 40) -> str:
    """The last values as bars, one each; empty if there are fewer than two or they are all equal."""
    shown = values[-width:]
    if len(shown) < 2 or min(shown) == max(shown):
        return ""
    low, high = min(shown), max(shown)
    return "".join(_BARS[round((value - low) / (high - low) * (len(_BARS) - 1))] for value in shown)
