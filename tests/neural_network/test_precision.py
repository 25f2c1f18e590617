"""In what numbers products are computed, and what is chosen by itself."""

import subprocess
import sys
from unittest import mock

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from skastro.neural_network import CNNClassifier, CNNRegressor, _precision
from skastro.neural_network._precision import computing_in, resolve_precision

CPU, CUDA = torch.device("cpu"), torch.device("cuda:0")


class Dtypes(Callback):
    """Keeps the types of what the first convolution puts out, in training and outside."""

    def __init__(self):
        self.seen_ = {True: set(), False: set()}

    def on_train_begin(self, net, **kwargs):
        """Watch the first convolution."""

        def note(module, inputs, output):
            self.seen_[module.training].add(output.dtype)

        first = next(m for m in net.module_.modules() if isinstance(m, torch.nn.Conv2d))
        first.register_forward_hook(note)


def capability(*numbers):
    """A GPU of some capability, for what asks for it."""
    return mock.patch("torch.cuda.get_device_capability", return_value=numbers)


def test_auto():
    """TensorFloat-32 where there is any, else float32; never mixed precision."""
    assert resolve_precision("auto", CPU, "CNNRegressor") == "float32"
    with capability(9, 0):
        assert resolve_precision("auto", CUDA, "CNNRegressor") == "tf32"
    with capability(7, 5):
        assert resolve_precision("auto", CUDA, "CNNRegressor") == "float32"


def test_tf32_needs_a_gpu(rough, options):
    """It is refused elsewhere, before training."""
    with pytest.raises(ValueError, match=r"'precision' parameter of CNNRegressor.*'cpu'.*'auto'"):
        CNNRegressor(precision="tf32", device="cpu", **options).fit(rough.X, rough.y)
    with capability(7, 5), pytest.raises(ValueError, match=r"capability 8\.0"):
        resolve_precision("tf32", CUDA, "CNNRegressor")
    with pytest.raises(ValueError, match="precision"):
        CNNRegressor(precision="float64", **options).fit(rough.X, rough.y)


@pytest.mark.parametrize(
    ("precision", "allowed"), [("float32", False), ("tf32", True), ("bfloat16", True)]
)
@pytest.mark.parametrize("before", [(False, True), (True, False)])
def test_switches_are_put_back(precision, allowed, before):
    """The switches of torch, which are the process's, are as they were, also after an error."""

    def switches():
        return torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32

    def fail():
        with computing_in(precision, CUDA):
            assert switches() == (allowed, allowed)
            raise RuntimeError("inside")

    found = switches()
    try:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before
        with pytest.raises(RuntimeError, match="inside"):
            fail()
        assert switches() == before
        with computing_in(precision, CPU):
            assert switches() == before
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = found


NEWER_SWITCHES = f"""
import runpy
import torch

computing_in = runpy.run_path({_precision.__file__!r})["computing_in"]
cuda, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
def used():
    return [part.fp32_precision for part in (cuda, cudnn.conv, cudnn.rnn)]

for part in (cudnn.conv, cuda, cudnn, torch.backends):
    for set_to in ("tf32", "ieee"):
        part.fp32_precision = set_to
        before = used()
        for precision, inside in (("float32", "ieee"), ("tf32", "tf32")):
            with computing_in(precision, torch.device("{CUDA}")):
                assert used() == [inside] * 3, (part, set_to, precision, used())
                assert cuda.allow_tf32 == cudnn.allow_tf32 == (inside == "tf32")
            assert used() == before, (part, set_to, precision, used(), before)
"""


@pytest.mark.skipif(
    not hasattr(torch.backends.cuda.matmul, "fp32_precision"), reason="needs the newer switches"
)
def test_newer_switches():
    """Whoever has used the newer switches of torch can train, and finds them as they were."""
    subprocess.run([sys.executable, "-c", NEWER_SWITCHES], check=True)


@pytest.mark.parametrize("precision", ["auto", "float32", "bfloat16"])
def test_what_is_computed(precision, rough, options):
    """Mixed precision is for training alone; weights and predictions are float32."""
    model = CNNClassifier(
        precision=precision,
        callbacks=[Dtypes()],
        early_stopping=True,
        device="cpu",
        **options,
    ).fit(rough.X, rough.label)
    model.predict(rough.X)
    seen = model.net_.callbacks[0].seen_
    assert model.precision_ == ("float32" if precision == "auto" else precision)
    assert seen[True] == {torch.bfloat16 if precision == "bfloat16" else torch.float32}
    assert seen[False] == {torch.float32}
    weights = model.net_.module_.state_dict().values()
    assert {value.dtype for value in weights} == {torch.float32}


def test_mixed_precision_learns(rough, options):
    """The losses are close to those of float32, but not the same."""
    histories = [
        [
            e["train_loss"]
            for e in CNNRegressor(precision=p, **options).fit(rough.X, rough.y).history_
        ]
        for p in ("float32", "bfloat16")
    ]
    np.testing.assert_allclose(histories[0], histories[1], rtol=0.02)
    assert histories[0] != histories[1]
