"""Classification of maps with a network."""

import numpy as np
from scipy.special import log_softmax, softmax
from sklearn.base import ClassifierMixin
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from ..utils._params import StrOptions
from ._base import NetEstimator
from ._losses import CLASSIFICATION_LOSSES


class CNNClassifier(ClassifierMixin, NetEstimator):
    """Classes from maps, by a network that is trained through skorch.

    Parameters
    ----------
    net : Net or callable, default=None
        Architecture; None is ``ConvNet()``. A callable takes ``(map_shape, n_outputs)`` and
        returns a torch module whose outputs are logits.
    loss : {"log_loss"} or callable, default="log_loss"
        Cross-entropy, or a function of logits ``(n, n_classes)`` and class numbers ``(n,)``
        that returns one loss for each sample.
    optimizer : {"adam", "adamw", "sgd"} or callable, default="adamw"
        Optimizer [1]_, or a class of ``torch.optim``. "sgd" has Nesterov momentum 0.9.
    lr : float, default=1e-3
        Learning rate; with a schedule, the greatest one.
    weight_decay : float, default=0.01
        Decay of the weights, as the optimizer defines it.
    batch_size : int, default=32
        Samples in a batch.
    max_epochs : int, default=50
        Number of epochs in all, also where `warm_start` continues a run.
    schedule : {"one_cycle", "cosine"} or None, default="one_cycle"
        How the learning rate changes from batch to batch over the run: up and down again
        [2]_, where the momentum of a named optimizer goes down and up, down along a cosine,
        or not at all.
    early_stopping : bool, default=False
        Whether a part of the training samples is set aside, training stops when the loss on
        it no longer falls, and the weights of the best epoch are kept. With a schedule that
        ends at `max_epochs`, the best epoch is often one of the last.
    validation_fraction : float, default=0.1
        Share of the samples, or of the groups where `groups` are given to fit, set aside.
    patience : int, default=10
        Epochs without a lower validation loss after which training stops.
    augmentation : Symmetries or None, default=None
        Random symmetries of the training maps, drawn anew for each sample and epoch.
    device : str, default="auto"
        Where to train: "auto" is the GPU where there is one, else the processor; or a name
        that torch knows, such as "cpu" or "cuda:1".
    n_threads : int, default=None
        Threads that torch may use; None leaves them as they are set.
    callbacks : list of skorch.callbacks.Callback, default=None
        Callbacks, copied before use; the copies are in ``net_.callbacks``. Leave stopping to
        `early_stopping`: that of skorch would end fit with a KeyboardInterrupt.
    warm_start : bool, default=False
        Whether a further fit goes on from the weights that are there, in the same net whatever
        `net` has become, with a new optimizer and a schedule over the epochs that are left.
    random_state : int, numpy.random.RandomState or None, default=None
        Covers weights, order of samples, augmentation, dropout, noise and what is set aside.
        An int gives equal results on equal numbers of threads. Global states are left alone.
    verbose : {0, 1, 2}, default=0
        0 is silent, 1 shows a progress bar, 2 prints a line for each epoch.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Classes that fit saw.
    net_ : skorch.NeuralNet
        The trained net; ``net_.module_`` is the torch module.
    history_ : list of dict
        Number, losses and duration in seconds of each epoch.
    n_iter_ : int
        Epochs that were run.
    sample_shape_ : tuple of int
        Shape of a training sample.
    n_features_in_ : int
        Length of the first axis of a sample.

    See Also
    --------
    CNNRegressor : Numbers from maps.
    skastro.ensemble.SliceClassifier : Classes of cubes by way of their slices.

    References
    ----------
    .. [1] D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR (2015);
       I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", ICLR (2019).
    .. [2] L. N. Smith, N. Topin, "Super-convergence", arXiv:1708.07120 (2017).

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.nets import ConvNet
    >>> from skastro.neural_network import CNNClassifier
    >>> rng = np.random.default_rng(0)
    >>> label = rng.choice(["calm", "rough"], size=200)
    >>> spread = np.where(label == "calm", 1.0, 2.0)
    >>> maps = spread[:, None, None] * rng.normal(size=(200, 8, 8))
    >>> net = ConvNet(n_layers=1, readout="mean")
    >>> model = CNNClassifier(net, lr=0.02, max_epochs=40, n_threads=1, random_state=0)
    >>> model.fit(maps[:150], label[:150]).score(maps[150:], label[150:]) > 0.9
    True
    """

    _losses = CLASSIFICATION_LOSSES

    _parameter_constraints = NetEstimator._parameter_constraints | {
        "loss": [StrOptions(set(CLASSIFICATION_LOSSES)), callable],
    }

    def __init__(
        self,
        net=None,
        *,
        loss="log_loss",
        optimizer="adamw",
        lr=1e-3,
        weight_decay=0.01,
        batch_size=32,
        max_epochs=50,
        schedule="one_cycle",
        early_stopping=False,
        validation_fraction=0.1,
        patience=10,
        augmentation=None,
        device="auto",
        n_threads=None,
        callbacks=None,
        warm_start=False,
        random_state=None,
        verbose=0,
    ):
        self.net = net
        self.loss = loss
        self.optimizer = optimizer
        self.lr = lr
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.schedule = schedule
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.augmentation = augmentation
        self.device = device
        self.n_threads = n_threads
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X, y, sample_weight=None, groups=None):
        """Train the net.

        Parameters
        ----------
        X : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps. Two axes are signals; how more axes are read depends on ``net.dim``.
        y : array-like of shape (n_samples,)
            Classes, numbers or strings.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples in the loss, of which only ratios matter. Samples of weight
            zero are left out.
        groups : array-like of shape (n_samples,), default=None
            Which simulation a sample is from. Early stopping then validates on whole groups.

        Returns
        -------
        self
            The fitted estimator.

        Raises
        ------
        MapShapeError
            If the maps do not fit the net.
        ValueError
            If a value is not finite, a parameter is out of its range or the device is absent.
        DivergenceError
            If the loss becomes NaN or infinite.
        """
        X, sample_weight = self._check_fit(X, y, sample_weight, groups)
        y = column_or_1d(y, warn=True)
        assert_all_finite(y, input_name="y", estimator_name="CNNClassifier")
        check_classification_targets(y)
        classes, y = np.unique(y, return_inverse=True)
        if self._continues and not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"CNNClassifier(warm_start=True) was fitted on the classes {self.classes_} and "
                f"cannot go on with {classes}. Set warm_start=False."
            )
        self.classes_ = classes
        self._fit_net(X, y.astype(np.int64), len(classes), sample_weight, groups)
        return self

    def predict_proba(self, X):
        """Probability of each class.

        Parameters
        ----------
        X : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps of the shape that was fitted.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probabilities, in the order of ``classes_``.

        Raises
        ------
        MapShapeError
            If samples have not the shape that was fitted.
        DivergenceError
            If the net makes NaN or infinity of the maps.
        """
        return softmax(self._forward(X).astype(np.float64), axis=1)

    def predict_log_proba(self, X):
        """Logarithm of the probability of each class.

        Parameters
        ----------
        X : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps of the shape that was fitted.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Natural logarithms, in the order of ``classes_``.
        """
        return log_softmax(self._forward(X).astype(np.float64), axis=1)

    def predict(self, X):
        """Predict the most probable class.

        Parameters
        ----------
        X : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps of the shape that was fitted.

        Returns
        -------
        ndarray of shape (n_samples,)
            Classes.
        """
        logits = self._forward(X)
        return self.classes_[logits.argmax(axis=1)]
