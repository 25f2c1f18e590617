"""Predictions of an ONNX file in onnxruntime against those of the fitted estimator."""

import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
from _interleave import report

from skastro.nets import ConvNet, ResNet
from skastro.neural_network import CNNRegressor, export_onnx


def session_of(model, folder):
    """What predicts on one thread from the file of a model."""
    path = Path(folder) / "model.onnx"
    export_onnx(model, path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda maps: session.run(None, {name: maps})[0]


def main():
    """Print the tables."""
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(64, 64, 64)).astype(np.float32)
    nets = {"ConvNet()": ConvNet(), "ResNet": ResNet(n_filters=16, stem="small")}
    for name, net in nets.items():
        model = CNNRegressor(net, max_epochs=1, n_threads=1, random_state=0)
        model.fit(maps, maps.std(axis=(1, 2)))
        with tempfile.TemporaryDirectory() as folder:
            predict = session_of(model, folder)
            np.testing.assert_allclose(predict(maps).ravel(), model.predict(maps), rtol=1e-3)
            for n in (1, 64):
                some = maps[:n]
                arms = {
                    "predict": lambda some=some, model=model: model.predict(some),
                    "onnxruntime": lambda some=some, predict=predict: predict(some),
                }
                report(f"{name}, {n} of 64 x 64 cells", arms, "predict", 9)


if __name__ == "__main__":
    main()
