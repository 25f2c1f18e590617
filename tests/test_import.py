"""What importing skastro loads, and what its packages promise to hold."""

import importlib
import inspect
import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.version import Version

import skastro

ROOT = Path(skastro.__file__).parent
SUBPACKAGES = [name for name in skastro.__all__ if name != "__version__"]
LINES_ALLOWED = 450

# What an import must not load; one interpreter goes through them in this order, the lightest first.
UNWANTED = {
    "import skastro": {"torch", "skorch", "matplotlib", "sklearn", "scipy", "numpy"},
    "import skastro.exceptions": {"torch", "skorch", "matplotlib", "sklearn", "scipy"},
    "import skastro.utils": {"torch", "skorch", "matplotlib"},
    "import skastro.maps": {"torch", "skorch", "matplotlib"},
    "import skastro.datasets": {"torch", "skorch", "matplotlib"},
    "import skastro.preprocessing": {"torch", "skorch", "matplotlib"},
    "import skastro.statistics": {"torch", "skorch", "matplotlib", "kymatio"},
    "import skastro.metrics": {"torch", "skorch", "matplotlib"},
    "import skastro.instrument": {"torch", "skorch", "matplotlib"},
    "from skastro.neural_network import *": {"matplotlib"},
    "from skastro.inspection import *": {"matplotlib"},
}


@pytest.fixture(scope="module")
def loaded():
    """Names of the top-level modules that an interpreter holds after each of the imports."""
    code = "import json, sys"
    for statement in UNWANTED:
        code += f"\n{statement}\nprint(json.dumps(list(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names = [
        {name.partition(".")[0] for name in json.loads(line)}
        for line in out.stdout.split("\n")[:-1]
    ]
    return dict(zip(UNWANTED, names, strict=True))


def public_callables():
    """Pairs of dotted name and public class, function or method, over all subpackages."""
    for subpackage in SUBPACKAGES:
        module = importlib.import_module(f"skastro.{subpackage}")
        for name in module.__all__:
            owner = getattr(module, name)
            if not callable(owner):
                continue
            yield f"{module.__name__}.{name}", owner
            for method, function in inspect.getmembers(owner, inspect.isfunction):
                if not method.startswith("_") and function.__module__.startswith("skastro."):
                    yield f"{module.__name__}.{name}.{method}", function


def lacks_documentation(thing):
    """Whether a class, function or method has no docstring, or parameters but no such section."""
    documentation = inspect.getdoc(thing)
    own = thing.__init__ if inspect.isclass(thing) else thing
    takes_parameters = inspect.isfunction(own) and set(inspect.signature(own).parameters) - {"self"}
    return not documentation or (takes_parameters and "Parameters\n-----" not in documentation)


@pytest.mark.parametrize("statement", UNWANTED)
def test_import_leaves_heavy_packages_alone(statement, loaded):
    """Neither this import nor those above it load what it does not need."""
    assert "skastro" in loaded[statement]
    assert not loaded[statement] & UNWANTED[statement]


def test_loaded_torch_is_seen(loaded):
    """What is loaded is found among the modules."""
    assert "torch" in loaded["from skastro.neural_network import *"]


def test_subpackage_loads_on_first_use():
    code = "import sys, skastro; assert 'skastro.maps' not in sys.modules; skastro.maps.open_maps"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_all_lists_every_subpackage():
    modules = {module.name for module in pkgutil.iter_modules([str(ROOT)])}
    assert {name for name in modules if not name.startswith("_")} == set(SUBPACKAGES)


def test_names_of_dir_resolve():
    assert dir(skastro) == sorted(skastro.__all__)
    for name in dir(skastro):
        assert getattr(skastro, name) is not None


def test_unknown_name_is_named():
    with pytest.raises(AttributeError, match="module 'skastro' has no attribute 'neural_netwrok'"):
        skastro.neural_netwrok  # noqa: B018


@pytest.mark.parametrize("subpackage", SUBPACKAGES)
def test_public_names_exist(subpackage):
    module = importlib.import_module(f"skastro.{subpackage}")
    assert [name for name in module.__all__ if not hasattr(module, name)] == []


def test_public_names_are_documented():
    assert [name for name, thing in public_callables() if lacks_documentation(thing)] == []


def test_files_are_short():
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in ROOT.rglob("*.py")
    }
    assert len(lengths) > len(SUBPACKAGES)
    assert {name: n for name, n in lengths.items() if n > LINES_ALLOWED} == {}


def test_version_follows_pep_440():
    assert str(Version(skastro.__version__)) == skastro.__version__
