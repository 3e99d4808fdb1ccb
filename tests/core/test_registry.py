import importlib.metadata
import subprocess
import sys
from types import ModuleType

import pytest

from cosolve.core.errors import UnsupportedProblemError
from cosolve.core.registry import Registry


def registry(**kwargs) -> Registry:
    return Registry("gadget", "cosolve.gadgets", UnsupportedProblemError, **kwargs)


def test_target_is_imported_only_when_asked_for(tmp_path, monkeypatch):
    """Listing solvers must not import their backends."""
    (tmp_path / "lazy_gadget.py").write_text("THING = 42\n")
    monkeypatch.syspath_prepend(tmp_path)
    gadgets = registry()
    gadgets.register("lazy", "lazy_gadget:THING")
    assert gadgets.names() == ["lazy"]
    assert "lazy" in gadgets
    assert "lazy_gadget" not in sys.modules
    assert gadgets.get("lazy") == 42
    monkeypatch.delitem(sys.modules, "lazy_gadget")
    assert gadgets.get("lazy") == 42


def test_unknown_name_lists_the_known_ones():
    """The user has most likely mistyped one of them."""
    gadgets = registry()
    gadgets.register("one", 1)
    gadgets.register("two", 2)
    with pytest.raises(UnsupportedProblemError, match="unknown gadget 'three'; known: one, two"):
        gadgets.get("three")


@pytest.mark.parametrize("second", ["module:NAME", 2])
def test_taken_name_is_refused(second):
    """A plug-in must not replace a built-in solver silently."""
    gadgets = registry()
    gadgets.register("one", 1)
    with pytest.raises(ValueError, match="registered already"):
        gadgets.register("one", second)


def test_entry_points_of_other_packages_are_found_and_never_win(monkeypatch):
    """Third parties add theirs by installing; the built-in name stays ours."""
    points = [
        importlib.metadata.EntryPoint("theirs", "math:pi", "cosolve.gadgets"),
        importlib.metadata.EntryPoint("ours", "math:e", "cosolve.gadgets"),
    ]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: points)
    gadgets = registry()
    gadgets.register("ours", 1)
    assert gadgets.names() == ["theirs", "ours"]
    assert gadgets.get("ours") == 1
    assert gadgets.get("theirs") == pytest.approx(3.14159, abs=1e-5)


def test_home_registers_the_built_in_names_at_the_first_use(monkeypatch):
    """Whatever module a program imports first, all names must be there."""
    gadgets = registry(home="gadget_home")

    class Home(ModuleType):
        pass

    def imported(name: str) -> ModuleType:
        if name not in sys.modules:
            monkeypatch.setitem(sys.modules, name, Home(name))
            gadgets.register("built-in", 1)
        return sys.modules[name]

    monkeypatch.setattr("cosolve.core.registry.importlib.import_module", imported)
    with pytest.raises(ValueError, match="registered already"):
        gadgets.register("built-in", 2)
    assert gadgets.get("built-in") == 1


def test_registries_are_full_and_import_is_light():
    """``import cosolve`` once loaded every kernel's compiler, and still left the solver registry empty."""
    program = (
        "import sys, cosolve\n"
        "heavy = {'torch', 'ortools', 'pyscipopt', 'pandas', 'numba', 'highspy', 'typer'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "from cosolve.core.solver import solvers\n"
        "from cosolve.core.problem import problems\n"
        "from cosolve.instances.formats.base import formats, solution_formats\n"
        "assert 'cpsat' in solvers and 'tsp' in problems and 'tsplib' in formats and 'json' in solution_formats\n"
        "heavy = {'torch', 'ortools', 'pyscipopt', 'pandas', 'highspy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_every_public_name_resolves():
    """The table behind the lazy imports must agree with the modules."""
    import cosolve

    assert sorted(cosolve.__all__) == sorted(cosolve._MODULE_OF)
    for name in cosolve.__all__:
        assert getattr(cosolve, name) is not None
    assert set(cosolve.__all__) <= set(dir(cosolve))
    with pytest.raises(AttributeError, match="no_such_name"):
        cosolve.no_such_name  # noqa: B018


def test_what_is_not_registered_is_found_by_module_and_attribute(tmp_path, monkeypatch):
    """A solver of one's own takes part in a suite without a package around it; it is not listed for that."""
    (tmp_path / "own_gadget.py").write_text("THING = 42\n")
    monkeypatch.syspath_prepend(tmp_path)
    gadgets = registry()
    assert gadgets.get("own_gadget:THING") == 42
    assert gadgets.names() == []
    with pytest.raises(UnsupportedProblemError, match="module 'own_gadget' has no 'OTHER'"):
        gadgets.get("own_gadget:OTHER")
    with pytest.raises(ImportError):
        gadgets.get("nowhere_at_all:THING")
