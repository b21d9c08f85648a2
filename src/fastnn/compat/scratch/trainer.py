"""The book's ``common.trainer``."""
# ruff: noqa: NPY002  (the book's scripts seed NumPy's global random numbers)

import numpy as np

from fastnn.compat.scratch import optimizer as _optimizer
from fastnn.compat.scratch.optimizer import *  # noqa: F403

__all__ = ["Trainer", *_optimizer.__all__]

_OPTIMIZERS = {
    "sgd": _optimizer.SGD,
    "momentum": _optimizer.Momentum,
    "nesterov": _optimizer.Nesterov,
    "adagrad": _optimizer.AdaGrad,
    "rmsprop": _optimizer.RMSprop,
    "rmsprpo": _optimizer.RMSprop,  # so it is spelt in some editions, and in scripts for them
    "adam": _optimizer.Adam,
}


class Trainer:
    """Trains a net on batches drawn at random, with repetition.

    Parameters
    ----------
    network : object
        Of any class with ``params`` and the methods ``gradient(x, t)``, ``loss(x, t)`` and
        ``accuracy(x, t)``.
    x_train, t_train, x_test, t_test : ndarray
    epochs, mini_batch_size : int
        An epoch is ``len(x_train) / mini_batch_size`` steps, one at least.
    optimizer : str
        Sgd, momentum, nesterov, adagrad, rmsprop or adam, in any case.
    optimizer_param : dict
        Its settings.
    evaluate_sample_num_per_epoch : int, optional
        How many samples, the first ones, accuracy is measured on in each epoch; all without.
    verbose : bool
        Whether to print each step's loss and each epoch's accuracies.

    Attributes
    ----------
    train_loss_list : list of float
        The loss of each batch after its step.
    train_acc_list, test_acc_list : list of float
        Accuracies at the beginning of each epoch, after its first step.
    optimizer, current_iter, current_epoch, max_iter, iter_per_epoch

    Raises
    ------
    KeyError
        If there is no such optimizer.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.compat.scratch.multi_layer_net import MultiLayerNet
    >>> from fastnn.compat.scratch.trainer import Trainer
    >>> np.random.seed(0)
    >>> x, t = np.random.rand(60, 4), np.random.randint(0, 3, 60)
    >>> trainer = Trainer(
    ...     MultiLayerNet(4, [8], 3), x, t, x, t, epochs=2, mini_batch_size=20, verbose=False
    ... )
    >>> trainer.train()
    >>> len(trainer.train_loss_list), len(trainer.test_acc_list)
    (6, 2)
    """

    def __init__(
        self,
        network,
        x_train,
        t_train,
        x_test,
        t_test,
        epochs=20,
        mini_batch_size=100,
        optimizer="SGD",
        optimizer_param={"lr": 0.01},  # noqa: B006  (the book's signature; it is only read)
        evaluate_sample_num_per_epoch=None,
        verbose=True,
    ):
        self.network = network
        self.verbose = verbose
        self.x_train = x_train
        self.t_train = t_train
        self.x_test = x_test
        self.t_test = t_test
        self.epochs = epochs
        self.batch_size = mini_batch_size
        self.evaluate_sample_num_per_epoch = evaluate_sample_num_per_epoch
        self.optimizer = _OPTIMIZERS[optimizer.lower()](**optimizer_param)
        self.train_size = x_train.shape[0]
        self.iter_per_epoch = max(self.train_size / mini_batch_size, 1)
        self.max_iter = int(epochs * self.iter_per_epoch)
        self.current_iter = 0
        self.current_epoch = 0
        self.train_loss_list = []
        self.train_acc_list = []
        self.test_acc_list = []

    def train_step(self):
        """One batch, and accuracies where an epoch begins."""
        batch = np.random.choice(self.train_size, self.batch_size)
        x, t = self.x_train[batch], self.t_train[batch]
        grads = self.network.gradient(x, t)
        self.optimizer.update(self.network.params, grads)
        loss = self.network.loss(x, t)
        self.train_loss_list.append(loss)
        self._print("train loss:" + str(loss))
        if self.current_iter % self.iter_per_epoch == 0:
            self._begin_epoch()
        self.current_iter += 1

    def train(self):
        """All steps of all epochs, and the accuracy on the test set."""
        for _ in range(self.max_iter):
            self.train_step()
        accuracy = self.network.accuracy(self.x_test, self.t_test)
        self._print("=============== Final Test Accuracy ===============")
        self._print("test acc:" + str(accuracy))

    def _begin_epoch(self):
        self.current_epoch += 1
        some = slice(self.evaluate_sample_num_per_epoch)  # None: all
        train = self.network.accuracy(self.x_train[some], self.t_train[some])
        test = self.network.accuracy(self.x_test[some], self.t_test[some])
        self.train_acc_list.append(train)
        self.test_acc_list.append(test)
        self._print(f"=== epoch:{self.current_epoch}, train acc:{train}, test acc:{test} ===")

    def _print(self, line):
        if self.verbose:
            print(line)
