"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_dir():
    """Folder with the full data sets, which the repository does not ship."""
    beside_the_repository = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("SKASTRO_DATA") or beside_the_repository)
    if not folder.is_dir():
        pytest.skip(
            f"The full data sets are not at {str(folder)!r}. Set the environment variable "
            "SKASTRO_DATA to the folder that holds them."
        )
    return folder
