"""scikit-learn's MLPClassifier, an epoch a call of ``partial_fit``.

``fit`` says nothing between epochs; what ``partial_fit`` does beside them, a check of the data and
the labels made into a table, is part of the time. Two classes make scikit-learn's net another one,
with a single output and the logistic function, so that its losses are not to be compared. Adam's
epsilon is added before the bias is corrected, which moves losses by 1e-4 of themselves.
"""

import numpy as np
import sklearn
from sklearn.neural_network import MLPClassifier

VERSION = sklearn.__version__

_ACTIVATIONS = {"relu": "relu", "sigmoid": "logistic", "tanh": "tanh"}


def _classifier(job) -> MLPClassifier:
    """One that is about to take its first step, from the job's weights."""
    net = job.net
    classifier = MLPClassifier(
        net.sizes[1:-1],
        activation=_ACTIVATIONS[net.activation],
        solver=net.optimizer,
        learning_rate_init=net.lr,
        batch_size=net.batch,
        shuffle=job.shuffle,
        alpha=0,
        momentum=0,
        nesterovs_momentum=False,
        random_state=0,
    )
    # There is no way to give initial weights, but arrays that a first step made can be written to.
    classifier.partial_fit(job.x[: net.batch], job.y[: net.batch], classes=np.arange(net.sizes[-1]))
    if net.sizes[-1] > 2:
        for weight, bias, (initial, zeros) in zip(
            classifier.coefs_, classifier.intercepts_, job.weights, strict=True
        ):
            weight[...], bias[...] = initial.T, zeros
    del classifier._optimizer  # with its state; the next step makes a new one
    return classifier


def train(job, tick):
    classifier = _classifier(job)
    for _ in range(job.epochs):
        classifier.partial_fit(job.x, job.y)
        loss = classifier.loss_ if job.net.sizes[-1] > 2 else None
        if tick(loss, classifier.predict_proba):
            return


def predictor(job):
    classifier, row = _classifier(job), job.x[:1]
    return lambda: classifier.predict_proba(row)
