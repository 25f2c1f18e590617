"""Fits in threads of one process, which share torch's global generator."""

import threading
import time

import joblib
import numpy as np
import torch
from sklearn.base import clone
from torch import nn

from skastro.nets import ConvNet
from skastro.neural_network import CNNRegressor, Symmetries
from skastro.neural_network._torch import own_generator, thread_count

CPU = torch.device("cpu")


def model(seed, **parameters):
    """A model with dropout and augmentation."""
    return CNNRegressor(
        ConvNet(1, 3, dropout=0.3, hidden_layer_sizes=(5,)),
        augmentation=Symmetries(shift=True),
        **{"batch_size": 8, "max_epochs": 8, "n_threads": 1, "random_state": seed} | parameters,
    )


def data():
    """Forty maps and targets."""
    rng = np.random.default_rng(7)
    return rng.normal(size=(40, 8, 9)).astype("float32"), rng.normal(size=40)


def test_two_fits_at_once():
    """Threads do not change each other's weights, masks or symmetries."""
    X, y = data()
    alone = [model(seed).fit(X, y).predict(X) for seed in range(4)]
    before = torch.get_rng_state()
    fitted = joblib.Parallel(n_jobs=2, backend="threading")(
        joblib.delayed(model(seed).fit)(X, y) for seed in range(4)
    )
    assert torch.equal(torch.get_rng_state(), before)
    for want, found in zip(alone, fitted, strict=True):
        np.testing.assert_array_equal(found.predict(X), want)


def test_weights_are_drawn_undisturbed():
    """A net whose building takes its time gets its own weights while another fit runs."""
    X, y = data()

    def slow(map_shape, n_outputs):
        layers = [nn.Flatten()]
        for _ in range(4):
            layers.append(nn.Linear(72, 72))
            time.sleep(0.05)
        return nn.Sequential(*layers, nn.Linear(72, n_outputs))

    patient = model(0, max_epochs=1).set_params(net=slow)
    want = clone(patient).fit(X, y).predict(X)
    stop = threading.Event()

    def loop():
        while not stop.is_set():
            model(1, max_epochs=2).fit(X, y)

    busy = threading.Thread(target=loop)
    busy.start()
    try:
        found = patient.fit(X, y).predict(X)
    finally:
        stop.set()
        busy.join()
    np.testing.assert_array_equal(found, want)


def test_overlapping_fits_leave_the_generator():
    """The one that ends last puts back what the first one found, in whichever order they end."""
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first, second = own_generator(CPU), own_generator(CPU)
    first.__enter__()
    torch.manual_seed(4)
    second.__enter__()
    first.__exit__(None, None, None)
    assert not torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(5)
    second.__exit__(None, None, None)
    assert torch.equal(torch.get_rng_state(), before)
    with own_generator(CPU):
        torch.manual_seed(6)
    assert torch.equal(torch.get_rng_state(), before)


def test_overlapping_fits_leave_the_number_of_threads():
    """Threads that start later find the number that was set before any fit."""
    before = torch.get_num_threads()
    inside, outside = threading.Event(), threading.Event()

    def second():
        with thread_count(before + 1):
            inside.set()
            outside.wait(timeout=30)

    with thread_count(before + 1):
        other = threading.Thread(target=second)
        other.start()
        inside.wait(timeout=30)
    outside.set()
    other.join()
    found = []
    late = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    late.start()
    late.join()
    assert found == [torch.get_num_threads()] == [before]


def test_predictions_in_threads():
    """One fitted model predicts from several threads."""
    X, y = data()
    fitted = model(0).fit(X, y)
    want = fitted.predict(X)
    found = joblib.Parallel(n_jobs=4, backend="threading")(
        joblib.delayed(fitted.predict)(X) for _ in range(12)
    )
    for predicted in found:
        np.testing.assert_array_equal(predicted, want)
