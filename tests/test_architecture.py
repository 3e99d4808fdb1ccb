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


def kernels(path: Path, decorator: str) -> list[ast.FunctionDef]:
    functions = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]
    return [function for function in functions if decorator in map(ast.unparse, function.decorator_list)]


def module(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)


#: Kernels that return arrays.
CREATORS = {
    f"{module(path)}.{kernel.name}"
    for path in MODULES
    for kernel in kernels(path, "jit_allocating")
    if kernel.returns is not None and "ndarray" in ast.unparse(kernel.returns)
}


def creators_in(path: Path) -> set[str]:
    """What a module calls the kernels that return arrays."""
    own = module(path)
    names = {creator.removeprefix(f"{own}.") for creator in CREATORS if creator.rpartition(".")[0] == own}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                full, known = f"{node.module}.{alias.name}", alias.asname or alias.name
                names |= {
                    known + creator.removeprefix(full) for creator in CREATORS if f"{creator}.".startswith(f"{full}.")
                }
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_kernels_that_hand_arrays_on_count_references(path):
    """By ``jit``, one that is returned would be freed behind its owner's back, and one that was called for never."""
    creators = creators_in(path)
    for kernel in kernels(path, "jit"):
        assert kernel.returns is not None, f"{path.name}: {kernel.name}"
        parts = {part.id for part in ast.walk(kernel.returns) if isinstance(part, ast.Name)}
        assert parts <= {"int", "float", "bool", "tuple"}, f"{path.name}: {kernel.name} returns {parts}"
        calls = {ast.unparse(call.func) for call in ast.walk(kernel) if isinstance(call, ast.Call)}
        assert not calls & creators, f"{path.name}: {kernel.name} calls {calls & creators}"


def test_data_folders_at_the_root_hold_no_code():
    """They share their names with packages of cosolve: code there would be importable by accident."""
    root = PACKAGE.parent
    for folder in ("instances", "models", "evaluation"):
        assert not list((root / folder).rglob("*.py"))
