"""The documentation covers what is public, and names what exists."""

import re
import sys
from importlib import import_module
from pathlib import Path

import pytest

import skastro

ROOT = Path(__file__).parents[1]
DOCS, EXAMPLES = ROOT / "docs", ROOT / "examples"
pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason="There is no folder docs.")


@pytest.fixture
def extension(monkeypatch):
    """Import a module of docs/_extensions."""
    monkeypatch.syspath_prepend(DOCS / "_extensions")
    modules = {path.stem for path in (DOCS / "_extensions").glob("*.py")}
    yield import_module
    for name in modules:
        sys.modules.pop(name, None)


def known_options(script):
    """Options of an example and of the modules beside it that it imports."""
    text = (EXAMPLES / f"{script}.py").read_text(encoding="utf-8")
    for name in re.findall(r"^(?:from|import) (\w+)", text, re.MULTILINE):
        if (EXAMPLES / f"{name}.py").exists():
            text += (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
    return set(re.findall(r'"(--[a-z-]+)"', text))


def test_every_public_name_has_its_place(extension, tmp_path):
    """Each name of each `__all__` is in the table of its package, or described there."""
    extension("public_names").write_pages(tmp_path)
    packages = [name for name in skastro.__all__ if not name.startswith("__")]
    for package in packages:
        page = (tmp_path / f"skastro.{package}.rst").read_text(encoding="utf-8")
        listed = re.findall(r"^   (\w+)$|^\.\. py:data:: (\w+)$", page, re.MULTILINE)
        public = import_module(f"skastro.{package}").__all__
        assert sorted(a or b for a, b in listed) == sorted(public), package


def test_pages_of_what_is_gone_are_removed(extension, tmp_path):
    """A page that an earlier build left is not kept."""
    (tmp_path / "skastro.maps.Gone.rst").write_text("Gone\n====\n", encoding="utf-8")
    extension("public_names").write_pages(tmp_path)
    assert not (tmp_path / "skastro.maps.Gone.rst").exists()


def test_reference_lists_every_package():
    """The index of the reference has a line for each package."""
    index = (DOCS / "api" / "index.rst").read_text(encoding="utf-8")
    listed = re.findall(r"^   generated/skastro\.(\w+)$", index, re.MULTILINE)
    assert sorted(listed) == sorted(name for name in skastro.__all__ if not name.startswith("__"))


def test_members_are_our_own(extension):
    """A class page describes the methods of skastro, and only names those of scikit-learn."""
    members = extension("public_names").own_members("skastro.preprocessing.FieldScaler")
    assert {"fit", "transform"} <= set(members["methods"])
    assert {"get_params", "set_params"} <= set(members["inherited"])
    assert not any(re.fullmatch("set_.*_request", name) for name in members["methods"])


def test_shapes_are_no_emphasis(extension):
    """The star of a shape is escaped, and emphasis and code are left alone."""
    pytest.importorskip("sphinx")
    lines = ["X : array of shape (n, *spatial)", "(n, *code_shape_)", "*so* it is", "``f(*args)``"]
    extension("api_pages").escape_shapes(None, "", "", None, None, lines)
    expected = [r"X : array of shape (n, \*spatial)", r"(n, \*code_shape\_)"]
    assert lines == [*expected, "*so* it is", "``f(*args)``"]


def test_names_of_other_packages_exist(extension):
    """A reference to another package holds only for what that package has."""
    pytest.importorskip("sphinx")
    is_elsewhere = extension("api_pages").is_elsewhere
    assert all(is_elsewhere(name) for name in ("sklearn.utils.Bunch", "numpy.ndarray", "float"))
    assert not any(is_elsewhere(name) for name in ("sklearn.utils.Bnch", "Bunch", "unheard.of"))


def test_short_runs_are_of_options_that_exist(extension):
    """Every option of a short run, or for real data, is one of its example."""
    pytest.importorskip("sphinx_gallery")
    gallery = extension("example_gallery")
    for script, options in gallery.FAST.items():
        assert set(re.findall(r"--[a-z-]+", options)) <= known_options(script), script
    for script, options in gallery.DATA.items():
        assert set(options) <= known_options(script), script


def test_notebooks_bring_what_they_import(extension):
    """A notebook holds the modules beside its example, also those of modules."""
    pytest.importorskip("sphinx_gallery")
    text = (EXAMPLES / "plot_noise_matrix.py").read_text(encoding="utf-8")
    found = extension("example_gallery").needed(text, EXAMPLES)
    assert set(found) == {"luminosity_function_study", "study_tables"}


@pytest.mark.parametrize("page", sorted((DOCS / "results").glob("*.rst")), ids=lambda p: p.stem)
def test_commands_of_results_exist(page):
    """Scripts and options of the commands that made the measured results are there."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    commands = re.findall(r"^   \$ python (\S+)(.*)$", text, re.MULTILINE)
    assert commands
    for script, options in commands:
        assert (ROOT / script).is_file()
        if script.startswith("examples/"):
            named = set(re.findall(r"--[a-z-]+", options))
            assert named <= known_options(Path(script).stem), script
