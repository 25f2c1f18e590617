"""Training that runs away is an error, never a model that answers NaN."""

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from skastro.exceptions import DivergenceError
from skastro.nets import DenseNet
from skastro.neural_network import CNNClassifier, CNNRegressor


class Spoil(Callback):
    """Makes all weights NaN at the end of an epoch."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch_end(self, net, **kwargs):
        """Spoil the weights."""
        if len(net.history) == self.epoch:
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
    model = CNNRegressor(callbacks=[Spoil(2)], **options)
    with pytest.raises(DivergenceError, match="epoch 3"):
        model.fit(rough.X, rough.y)
    assert [np.isfinite(epoch["train_loss"]) for epoch in model.history_] == [True, True, False]


def test_worthless_weights_do_not_predict(rough, options):
    """Weights that broke after the last loss was taken are found when they are used."""
    for model in (
        CNNRegressor(callbacks=[Spoil(3)], **options),
        CNNClassifier(callbacks=[Spoil(3)], **options),
    ):
        model.fit(rough.X, rough.label)
        with pytest.raises(DivergenceError, match=type(model).__name__):
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
    model = CNNRegressor(early_stopping=True, callbacks=[Spoil(2)], **options)
    with pytest.raises(DivergenceError, match="epoch 3"):
        model.fit(rough.X, rough.y)
