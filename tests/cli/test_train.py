"""``skastro train``: what it writes, how it goes on, and what it says of wrong configurations."""

import csv
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from skastro._cli import main
from skastro._cli._main import EXAMPLES
from skastro._cli._plan import read_plan
from skastro.persistence import load

MAPS = "Maps_Mtot_IllustrisTNG_LH_z=0.00.npy"
LAST_STEP = '[[pipeline]]\nclass = "CNNRegressor"'


def predictions(folder):
    """What the model in a folder predicts for the first maps of the data beside it."""
    maps = np.load(folder.parent / "CMD" / MAPS)[:20, np.newaxis]
    return load(folder / "model.skastro").predict(maps)


def test_files(trained):
    """The model with its card, figures, and a table of scores beside the dummy."""
    out = trained / "out"
    with (out / "scores.csv").open(encoding="utf-8") as file:
        rows = {row.pop("candidate"): row for row in csv.DictReader(file)}
    assert list(rows) == ["CNNRegressor", "summary", "dummy"]
    assert list(rows["dummy"]) == ["2 folds", "2 folds spread", "held out, 2 groups"]
    assert all(np.isfinite(float(value)) for row in rows.values() for value in row.values())
    assert float(rows["dummy"]["2 folds"]) <= 0
    assert "| dummy |" in (out / "scores.md").read_text(encoding="utf-8")
    assert (out / "model.md").read_text(encoding="utf-8").startswith("# Model card")
    assert (out / "config.toml").read_text() == (trained / "config.toml").read_text()
    for name in ("comparison", "recovery", "model_loss"):
        assert (out / f"{name}.png").stat().st_size > 1000


def test_held_out_simulations_are_not_trained_on(trained):
    """The record of the model knows the simulations of training, without those set aside."""
    record = load(trained / "out" / "model.skastro").training_record_
    assert record.trained_on(np.arange(8)).tolist() == [True] * 6 + [False] * 2


def test_finished_training_is_not_repeated(trained, capsys, monkeypatch):
    """The same again prints the scores and trains nothing."""
    monkeypatch.setattr("skastro._cli._train_steps.compare", None)
    assert main(["train", str(trained / "config.toml")]) == 0
    captured = capsys.readouterr()
    assert "nothing is to be done" in captured.err
    assert "dummy" in captured.out


def test_killed_training_goes_on(config, tmp_path):
    """Killed while it trains, and typed again: the bits of a training that was never killed."""
    path = config(
        ("max_epochs = 2", "max_epochs = 25"), ('folder = "out"', 'folder = "out"\nfigures = false')
    )
    checkpoint = tmp_path / "killed" / "checkpoint"
    words = ["train", str(path), "--output"]
    process = subprocess.Popen([sys.executable, "-m", "skastro", *words, str(checkpoint.parent)])
    while not list(checkpoint.glob("CNNRegressor-*.safetensors")) and process.poll() is None:
        time.sleep(0.005)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert not (checkpoint.parent / "model.skastro").exists()
    assert main([*words, str(checkpoint.parent)]) == 0
    assert main([*words, str(tmp_path / "whole")]) == 0
    assert np.array_equal(predictions(checkpoint.parent), predictions(tmp_path / "whole"))


def test_folder_of_another_configuration(trained, tmp_path, capsys):
    """Results are not mixed: a changed configuration, or a folder of something else."""
    text = (trained / "config.toml").read_text(encoding="utf-8")
    changed = trained / "changed.toml"
    changed.write_text(text.replace("max_epochs = 2", "max_epochs = 3"), encoding="utf-8")
    before = (trained / "out" / "model.skastro").read_bytes()
    assert main(["train", str(changed)]) == 2
    said = capsys.readouterr().err
    assert "differs in pipeline" in said
    assert "--force" in said
    assert (trained / "out" / "model.skastro").read_bytes() == before
    (tmp_path / "thesis.tex").write_text("", encoding="utf-8")
    assert main(["train", str(trained / "config.toml"), "--output", str(tmp_path)]) == 2
    assert "not empty" in capsys.readouterr().err


def test_search_and_candidates(config, tmp_path, capsys):
    """A grid in short names, a further model, a classifier's task, data in a file of one's own."""
    rng = np.random.default_rng(0)
    kind = np.arange(24) % 2
    maps = rng.normal(size=(24, 8, 8)) * (1 + 3 * kind)[:, None, None]
    names = np.array(["quiet", "loud"])[kind]
    np.savez(tmp_path / "data.npz", x=maps, kind=names, run=np.arange(24) // 2)
    text = """
    [data]
    file = "data.npz"
    maps = "x"
    target = "kind"
    groups = "run"
    [split]
    test = 0
    n_folds = 2
    [[pipeline]]
    class = "Moments"
    [[pipeline]]
    class = "LogisticRegression"
    [search.parameters]
    C = [1e-6, 1.0]
    [compare]
    summary = false
    [compare.candidates.neighbours]
    pipeline = [{class = "Moments"}, {class = "KNeighborsClassifier", n_neighbors = 3}]
    """
    path = config(text=text)
    assert main(["train", str(path)]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in ("C=1e-06", "C=1.0", "neighbours", "dummy", "accuracy"))
    assert "was chosen by these folds" in out
    assert (tmp_path / "config_output" / "confusion.png").exists()
    model = load(tmp_path / "config_output" / "model.skastro")
    assert model[-1].C == 1.0
    assert set(model.predict(maps)) == {"quiet", "loud"}


def test_halving(config, tmp_path, capsys):
    """A search that gives more epochs to better nets leaves one candidate to compare."""
    search = "[search]\nmethod = 'halving'\n[search.parameters]\nlr = [1e-9, 1e-3, 1e-2]\n[output]"
    path = config(("[output]", search), ('folder = "out"', 'folder = "out"\nfigures = false'))
    assert main(["train", str(path)]) == 0
    captured = capsys.readouterr()
    assert "Halving 3 candidates" in captured.err
    assert captured.out.count("lr=") >= 1
    assert "lr=1e-09" not in captured.out


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_are_understood(name, tmp_path, capsys):
    """Each example makes a pipeline with seeds, and its comments are configurations too."""
    assert main(["train", "--example", name]) == 0
    path = tmp_path / "example.toml"
    path.write_text(capsys.readouterr().out, encoding="utf-8")
    plan = read_plan(path)
    assert plan.model.steps[-1][1].random_state == 0


def test_example_of_reionization_finds_its_data(tmp_path, capsys):
    """The example on the shipped slices runs as it stands."""
    main(["train", "--example", "reionization"])
    path = tmp_path / "example.toml"
    path.write_text(capsys.readouterr().out, encoding="utf-8")
    assert main(["train", str(path), "--check"]) == 0
    assert "612 samples" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("seed = 0", "sead = 0", "'seed'"),
        ("seed = 0", "seed = -1", "from 0 to"),
        ("seed = 0", "seed = 'x'", "seed must be an integer"),
        ("seed = 0", "seed = ", "no TOML"),
        ("[split]", "[spilt]", "Did you mean 'split'"),
        ('"load_cmd"', '"load_cdm"', "Did you mean 'load_cmd'"),
        ("fields =", "field =", "Did you mean 'fields'"),
        ('"Omega_m"', '"Omega_b"', "Columns: Omega_m, sigma_8, A_SN1"),
        ("test = [6, 7]", "test = [99]", "no groups [99]"),
        ("test = [6, 7]", "test = 7", "split.test must be from 0 to 0.9"),
        ("test = [6, 7]", "groups = 'group'", "write groups = false"),
        ("n_folds = 2", "n_folds = 1", "split.n_folds must be from 2"),
        ('"CNNRegressor"', '"CNNRegresor"', "Did you mean 'CNNRegressor'"),
        ('"ConvNet"', '"os.system"', "no class that a configuration may name"),
        ("n_layers", "n_layer", "pipeline[1].net.n_layer: ConvNet has no parameter"),
        ("n_layers = 1", "n_layers = 'two'", "'n_layers' parameter of ConvNet"),
        ("max_epochs = 2", "max_epochs = -2", "'max_epochs' parameter of CNNRegressor"),
        (LAST_STEP, LAST_STEP.replace("CNNRegressor", "FieldScaler") + "\n#", "no parameter"),
        ("[output]", "[search]\nscoring = 'acuracy'\n[output]", "Did you mean 'accuracy'"),
        ("[output]", "[search.parameters]\nlrr = [1]\n[output]", "Did you mean 'lr'"),
        ("[output]", "[search.parameters]\nlr = 1\n[output]", "lr must be a list"),
        (
            "[output]",
            "[compare.candidates.dummy]\npipeline = [{class = 'Ridge'}]\n[output]",
            "name",
        ),
    ],
)
def test_wrong_configurations(old, new, said, config, capsys):
    """File, key, what is allowed and what may have been meant; status 2 and nothing written."""
    path = config((old, new))
    assert main(["train", str(path)]) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert str(path) in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""
    assert not (path.parent / "out").exists()


def test_missing_files(config, tmp_path, capsys):
    """No configuration, and no data where it says."""
    assert main(["train", str(tmp_path / "absent.toml")]) == 1
    assert "--example" in capsys.readouterr().err
    assert main(["train", str(config(('"CMD"', '"CDM"')))]) == 1
    assert "CDM" in capsys.readouterr().err
    assert main(["train"]) == 2


def test_samples_without_groups(config, capsys):
    """Samples are split one by one only where the configuration says so."""
    path = config(("test = [6, 7]", "test = 0.25\ngroups = false"))
    assert main(["train", str(path), "--check"]) == 0
    assert "30 are set aside" in capsys.readouterr().err
