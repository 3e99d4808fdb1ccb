"""The summary as a LaTeX table; needs the package booktabs alone."""

from __future__ import annotations

from cosolve.evaluation.report.tables import Table

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"{\char34}",  # \textquotedbl is an error without T1 fonts
    **{character: f"\\{character}" for character in "&%$#_{}"},
}


def escape(text: str) -> str:
    """
    Text that LaTeX sets as it stands.

    pdfLaTeX stops at letters that its fonts don't have: those beyond Latin-1 become question marks, control characters
    spaces.
    """
    return "".join(_SPECIAL.get(c, c) if c.isascii() and c.isprintable() else _other(c) for c in text)


def _other(character: str) -> str:
    if character.isalpha() and ord(character) < 256:
        return character
    return "?" if character.isprintable() else " "


def latex_text(table: Table, *, caption: str) -> str:
    """
    A floating table with rules between groups; the lowest mean gap of each group is bold.

    Parameters
    ----------
    table
        The summary.
    caption
        Its caption, not escaped yet.
    """
    header = " & ".join(escape(name) for name in table.header)
    lines = [
        r"% \usepackage{booktabs}",
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{{escape(caption)}}}",
        rf"  \begin{{tabular}}{{ll{'r' * (len(table.header) - 2)}}}",
        r"    \toprule",
        rf"    {header} \\",
    ]
    bold_column = table.header.index("mean gap")
    for rows, best in zip(table.groups, table.best):
        lines.append(r"    \midrule")
        for row, is_best in zip(rows, best):
            cells = [escape(cell).replace(" \\%", r"\,\%").replace(" .. ", "--") for cell in row]
            if is_best:
                cells[bold_column] = rf"\textbf{{{cells[bold_column]}}}"
            lines.append(rf"    {' & '.join(cells)} \\")
    lines += [r"    \bottomrule", r"  \end{tabular}", r"\end{table}", ""]
    return "\n".join(lines)
