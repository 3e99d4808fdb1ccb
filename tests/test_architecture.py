"""The rooms of the package know only what they may: see the layout in CONTRIBUTING.md."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import cosolve

PACKAGE = Path(cosolve.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

#: Room to the rooms of cosolve that its modules may import.
ALLOWED = {
    "core": {"core"},
    "instances": {"core", "instances"},
    "search": {"core", "search"},
    "trees": {"core", "trees"},
    "models": {"core", "instances", "search", "models"},
    "solvers": {"core", "instances", "search", "trees", "models", "solvers"},
    "evaluation": {"core", "instances", "evaluation"},
    "testing": {"core", "instances", "testing"},
    "cli": {"core", "instances", "models", "evaluation", "cli"},
}

#: Backends that may be imported inside functions only.
BACKENDS = {
    "ortools",
    "pyscipopt",
    "highspy",
    "pulp",
    "pyvrp",
    "hygese",
    "chszlablib",
    "elkai",
    "torch",
    "pandas",
    "pystreed",
    "ray",
}


def imports(path: Path, *, top_level_only: bool = False) -> set[str]:
    """Absolute names of all modules that a file imports, type checking aside."""
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_level_only else [n for n in ast.walk(tree) if not isinstance(n, ast.If)]
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def room(path: Path) -> str:
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else ""


@pytest.mark.parametrize("path", [m for m in MODULES if room(m)], ids=lambda p: str(p.relative_to(PACKAGE)))
def test_module_imports_only_rooms_that_it_may_know(path):
    """A wall in the wrong place makes every later change touch three rooms."""
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "cosolve" and len(parts) > 1 and (PACKAGE / parts[1]).is_dir():
            assert parts[1] in ALLOWED[room(path)], f"{path.name} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_backends_are_imported_inside_functions_only(path):
    """A backend at the top would be loaded by whoever lists solvers, and be missed by whoever lacks it."""
    allowed = {"torch"} if room(path) == "models" else set()
    loaded = {name.split(".")[0] for name in imports(path, top_level_only=True)} & (BACKENDS - allowed)
    assert not loaded, f"{path.name} imports {loaded} at its top"


@pytest.mark.parametrize("path", sorted((PACKAGE / "search").glob("*.py")), ids=lambda p: p.name)
def test_search_knows_arrays_only(path):
    """Kernels over plain arrays can be used and tested without an instance."""
    allowed = {"numpy", "numba", "cosolve"} | set(sys.stdlib_module_names)
    names = imports(path)
    assert {name.split(".")[0] for name in names} <= allowed, names
    for name in names:
        if name.startswith("cosolve.core"):
            assert name.startswith(("cosolve.core.jit", "cosolve.core.metric", "cosolve.core.union_find")), name


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_kernels_that_return_arrays_count_references(path):
    """One by ``jit`` would hand out an array that is freed behind its back."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef) and "jit" in map(ast.unparse, node.decorator_list):
            assert node.returns is not None, f"{path.name}: {node.name}"
            parts = {part.id for part in ast.walk(node.returns) if isinstance(part, ast.Name)}
            assert parts <= {"int", "float", "bool", "tuple"}, f"{path.name}: {node.name} returns {parts}"


def test_data_folders_at_the_root_hold_no_code():
    """They share their names with packages of cosolve: code there would be importable by accident."""
    root = PACKAGE.parent
    for folder in ("instances", "models", "evaluation"):
        assert not list((root / folder).rglob("*.py"))
