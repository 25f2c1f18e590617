"""A folder of maps as CAMELS has them, a configuration, and what a training makes of both."""

import numpy as np
import pytest

from skastro._cli import main

CONFIG = """
seed = 0
[data]
loader = "load_cmd"
folder = "CMD"
fields = ["Mtot"]
[target]
columns = ["Omega_m", "sigma_8"]
[split]
test = [6, 7]
n_folds = 2
[[pipeline]]
class = "SignedLog"
[[pipeline]]
class = "CNNRegressor"
net = {class = "ConvNet", n_layers = 1, n_filters = 2, readout = "mean"}
loss = "gaussian_nll"
max_epochs = 2
n_threads = 1
[output]
folder = "out"
"""


def write_cmd(folder, n_simulations=8):
    """Files of maps of one field and of their parameters, as small as can be."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    table = rng.uniform([0.1, 0.6, 0.5, 0.5, 0.5, 0.5], [0.5, 1, 2, 2, 2, 2], (n_simulations, 6))
    scale = np.repeat(table[:, 0], 15)[:, None, None]
    maps = scale * rng.lognormal(size=(15 * n_simulations, 8, 8))
    np.save(folder / "Maps_Mtot_IllustrisTNG_LH_z=0.00.npy", maps.astype(np.float32))
    np.savetxt(folder / "params_LH_IllustrisTNG.txt", table)
    return folder


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Folder with the data, the configuration and the results of its training in ``out``."""
    folder = tmp_path_factory.mktemp("trained")
    write_cmd(folder / "CMD")
    (folder / "config.toml").write_text(CONFIG, encoding="utf-8")
    assert main(["train", str(folder / "config.toml")]) == 0
    return folder


@pytest.fixture
def config(tmp_path):
    """Write a configuration with some of its text replaced, beside data; returns its path."""

    def write(*replacements, text=CONFIG):
        if not (tmp_path / "CMD").exists():
            write_cmd(tmp_path / "CMD")
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "config.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write
