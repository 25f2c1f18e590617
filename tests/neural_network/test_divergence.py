"""Training that runs away is an error, never a model that answers NaN."""

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError
from skorch.callbacks import Callback

from skastro.exceptions import DivergenceError
from skastro.nets import DenseNet
from skastro.neural_network import CNNClassifier, CNNRegressor
from skastro.neural_network._split import validation_units
from skastro.neural_network._torch import draw_seed


class SpoilWeights(Callback):
    """Makes all weights NaN at the end of an epoch."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch_end(self, net, **kwargs):
        """Spoil the weights."""
        if len(net.history) == self.epoch:
            with torch.no_grad():
                for weights in net.module_.parameters():
                    weights.fill_(np.nan)


class SpoilLoss(SpoilWeights):
    """Makes all weights NaN in the first batch of the epoch that follows."""

    def on_epoch_end(self, net, **kwargs):
        """Leave the weights as they are."""

    def on_batch_begin(self, net, training=False, **kwargs):
        """Spoil the weights."""
        if training and len(net.history) == self.epoch + 1:
            with torch.no_grad():
                for weights in net.module_.parameters():
                    weights.fill_(np.nan)


@pytest.mark.parametrize("estimator_class", [CNNClassifier, CNNRegressor])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_huge_rate(estimator_class, early_stopping, rough, options):
    """The epoch and what to do are named."""
    model = estimator_class(early_stopping=early_stopping, **options | {"lr": 1e30})
    with pytest.raises(DivergenceError, match=r"epoch 1\. Lower lr=1e\+30") as error:
        model.fit(rough.X, rough.label)
    for word in (estimator_class.__name__, "FieldScaler", "'adamw'", "nan|inf"):
        assert any(part in str(error.value) for part in word.split("|"))
    assert model.n_iter_ == 1


def test_epoch_is_named(rough, options):
    """The epoch is the one in which the loss broke, counted from one."""
    model = CNNRegressor(callbacks=[SpoilLoss(2)], **options)
    with pytest.raises(DivergenceError, match="loss became nan in epoch 3"):
        model.fit(rough.X, rough.y)
    assert [np.isfinite(epoch["train_loss"]) for epoch in model.history_] == [True, True, False]


@pytest.mark.parametrize("estimator_class", [CNNClassifier, CNNRegressor])
def test_worthless_weights(estimator_class, rough, options):
    """Weights that broke after the last loss was taken are an error, and do not predict."""
    model = estimator_class(callbacks=[SpoilWeights(3)], **options)
    with pytest.raises(DivergenceError, match="sum of the weights became nan in epoch 3"):
        model.fit(rough.X, rough.label)
    with pytest.raises(NotFittedError, match=estimator_class.__name__):
        model.predict(rough.X)


def test_overflow_in_prediction(rough, options):
    """Maps in a very different unit than those of the fit do not silently become inf or NaN."""
    model = CNNClassifier(**options | {"net": DenseNet((5,))}).fit(rough.X, rough.label)
    with torch.no_grad():
        model.net_.module_[-1].weight *= 1e3
    assert np.isfinite(model.predict_proba(rough.X)).all()
    with pytest.raises(DivergenceError, match="Scale the maps"):
        model.predict(rough.X * np.float32(1e37))


def test_best_weights_do_not_hide_it(rough, options):
    """Early stopping has good weights of an earlier epoch, and raises the error all the same."""
    model = CNNRegressor(early_stopping=True, callbacks=[SpoilLoss(2)], **options)
    with pytest.raises(DivergenceError, match="epoch 3"):
        model.fit(rough.X, rough.y)
    with pytest.raises(NotFittedError):
        model.predict(rough.X)


def test_validation_loss(rough, options):
    """A loss that is infinite on what was set aside alone is an error too."""
    model = CNNRegressor(
        early_stopping=True,
        loss=lambda p, y: (p - y) ** 2 * torch.where(y > 1e4, np.inf, 1.0),
        normalize_y=False,
        **options,
    )
    y = np.where(np.arange(60) >= 55, 1e5, rough.y)
    groups = np.where(np.arange(60) >= 55, 0, 1)
    seeds = [s for s in range(20) if validation_units([0, 1], 0.1, draw_seed(s))[0]]
    model.set_params(random_state=seeds[0])
    with pytest.raises(DivergenceError, match="validation loss became inf in epoch 1"):
        model.fit(rough.X, y, groups=groups)
