"""Files of every version still load, and predict what they predicted."""

import importlib.util
import warnings
from pathlib import Path

import numpy as np
import pytest

from skastro.exceptions import ModelVersionWarning
from skastro.persistence import describe, load

_SPEC = importlib.util.spec_from_file_location("files", Path(__file__).with_name("write_files.py"))
files = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(files)

CASES = [
    pytest.param(path, id=f"{path.parent.name}-{path.stem}")
    for path in sorted(files.FOLDER.glob("*/*.skastro"))
]


def test_every_version_has_its_files():
    """Before a release its files are written: see write_files.py."""
    folder = files.FOLDER / files.base_version()
    assert (folder / "expected.npz").exists()
    assert len(list(folder.glob("*.skastro"))) == 10


def test_files_are_small():
    """What is kept of each version does not fill the repository."""
    for folder in files.FOLDER.iterdir():
        sizes = [path.stat().st_size for path in folder.iterdir()]
        assert max(sizes) < 40_000
        assert sum(sizes) < 250_000


@pytest.mark.parametrize("path", CASES)
def test_file_loads_and_predicts(path):
    """The model is there, with its record, and its outputs are those of then."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ModelVersionWarning)
        model = load(path)
    with np.load(path.with_name("expected.npz")) as file:
        expected = {name: file[name] for name in file.files if name.startswith(f"{path.stem}/")}
    found = files.outputs(model, expected.pop(f"{path.stem}/maps"))
    assert {f"{path.stem}/{name}" for name in found} == expected.keys()
    for name, out in found.items():
        wanted = expected[f"{path.stem}/{name}"]
        size = np.abs(wanted).max()  # sums are ordered otherwise on other processors
        np.testing.assert_allclose(out, wanted, rtol=1e-4, atol=1e-5 * size)
    record = describe(path).record
    assert record == model.training_record_
    assert record.n_groups == 6
