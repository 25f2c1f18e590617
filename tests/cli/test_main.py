"""What the command says of itself, how it ends, and what it loads."""

import json
import subprocess
import sys

import pytest

import skastro
from skastro._cli import _info, main

COMMANDS = ["info", "predict", "train", "demo"]


def test_help_loads_nothing_heavy():
    """``--help`` comes at once, so that neither torch nor NumPy is loaded for it."""
    code = (
        "import sys, json\nfrom skastro._cli import main\n"
        "try:\n    main(['train', '--help'])\nexcept SystemExit:\n    pass\n"
        "print(json.dumps([m for m in ('torch', 'numpy', 'sklearn', 'rich') if m in sys.modules]))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(out.stdout.splitlines()[-1]) == []


def test_module_is_the_command():
    """``python -m skastro`` runs it."""
    words = [sys.executable, "-m", "skastro", "--version"]
    out = subprocess.run(words, capture_output=True, text=True, check=True)
    assert out.stdout == f"skastro {skastro.__version__}\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_examples(command, capsys):
    """Each command shows how it is typed."""
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert f"examples:\n  skastro {command}" in capsys.readouterr().out


@pytest.mark.parametrize("words", [[], ["inform"], ["predict", "model.skastro"], ["train", "--x"]])
def test_wrong_words_are_usage(words, capsys):
    """Words that are not understood end with 2, and nothing on standard output."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert capsys.readouterr().out == ""


def test_ctrl_c(monkeypatch, capsys):
    """Ctrl-C ends with 130 and says how to go on."""

    def interrupted(path):
        raise KeyboardInterrupt

    monkeypatch.setattr(_info, "describe", interrupted)
    assert main(["info", "."]) == 130
    assert capsys.readouterr().err.startswith("interrupted: ")


def test_unexpected_errors(monkeypatch, capsys):
    """An error that nobody foresaw has no traceback but with --debug."""

    def broken(path):
        raise RuntimeError("half a file")

    monkeypatch.setattr(_info, "describe", broken)
    assert main(["info", "."]) == 1
    said = capsys.readouterr().err
    assert "error: RuntimeError: half a file" in said
    assert "--debug" in said
    assert "Traceback" not in said
    assert main(["info", ".", "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err
