"""The records of one or several files, and what can be made of them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from cosolve.evaluation.report.collect import Collection, RunId, collect
from cosolve.evaluation.report.tables import Table, frontierco_table, summary_table

Metrics = Literal["strict", "frontierco"]


@dataclass(frozen=True)
class Report:
    """
    A report in several forms.

    Parameters
    ----------
    collection
        The records.
    folders
        Folder of the files of each run, where its solution lies.
    title
        Heading.
    metrics
        "strict" for ours; "frontierco" for the two numbers of that benchmark by its own formulas, in the tables in
        place of ours, in the page beside them.
    """

    collection: Collection
    folders: Mapping[RunId, Path]
    title: str
    metrics: Metrics = "strict"

    @classmethod
    def load(
        cls, paths: Sequence[str | os.PathLike[str]], *, title: str | None = None, metrics: Metrics = "strict"
    ) -> Self:
        """
        Read files of records.

        Parameters
        ----------
        paths
            At least one.
        title
            Heading; by default the names of the suites.
        metrics
            As above.

        Raises
        ------
        ValueError
            If a file holds something else, or there is no record at all.
        OSError
            If a file can't be read.
        """
        from cosolve.evaluation.report.drawings import folders_of
        from cosolve.evaluation.store import read_records

        if metrics not in ("strict", "frontierco"):
            raise ValueError(f"metrics must be 'strict' or 'frontierco', got {metrics!r}.")
        files = {Path(path): read_records(path) for path in paths}
        collection = collect(files, own_references=metrics == "strict")
        suites = dict.fromkeys(record.suite for record in collection.records if record.suite)
        return cls(collection, folders_of(files), title or ", ".join(suites) or Path(paths[0]).stem, metrics)

    def table(self) -> Table:
        """Summary of each group and solver."""
        make = frontierco_table if self.metrics == "frontierco" else summary_table
        return make(self.collection.records)

    def csv(self) -> str:
        """One line per record."""
        from cosolve.evaluation.report.flat import csv_text

        return csv_text(self.collection.records)

    def latex(self) -> str:
        """The summary as a table for the package booktabs."""
        from cosolve.evaluation.report.latex import latex_text

        return latex_text(self.table(), caption=self.title)

    def html(self, *, drawings: bool = True) -> str:
        """
        One self-contained page.

        Parameters
        ----------
        drawings
            Draw the best solution of each instance; the instances are read or generated again for it.
        """
        from cosolve.evaluation.report.page import page

        folders = self.folders if drawings else {}
        return page(self.collection, title=self.title, folders=folders, frontierco=self.metrics == "frontierco")
