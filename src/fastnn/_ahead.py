"""Work done ahead of those who need it: training data that is made anew while training runs."""

import copy
import threading
from collections import deque
from collections.abc import Callable, Iterator

import numpy as np

from fastnn.passes import check_batch

# Bytes of inputs that are made in one go: enough for the way from thread to thread to cost
# nothing beside the steps, few enough to be in the third-level cache when they are read.
_BYTES = 4 << 20


class Ahead:
    """The items of an iterator, made on a thread of its own while those before are in use.

    Parameters
    ----------
    items : iterator
        Begins when the first item is read, and goes on until one is ready beside the one in use.
        What it raises is raised where that item would be read.
    """

    def __init__(self, items: Iterator):
        self._items = items
        self._ready: deque = deque()
        self._changed = threading.Condition()
        self._wanted, self._ended = True, False
        self._error: BaseException | None = None
        # A daemon, so that even a fit that is cut off does not keep the interpreter from ending.
        self._thread = threading.Thread(target=self._work, name="fastnn-ahead", daemon=True)

    def _work(self) -> None:
        try:
            for item in self._items:
                with self._changed:
                    self._ready.append(item)
                    self._changed.notify_all()
                    self._changed.wait_for(lambda: not (self._ready and self._wanted))
                    if not self._wanted:
                        return
        except BaseException as error:
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def __iter__(self) -> "Ahead":
        return self

    def __next__(self):
        if self._thread.ident is None:  # only now, when there is somebody who will close it
            self._thread.start()
        with self._changed:
            self._changed.wait_for(lambda: self._ready or self._ended)
            if self._ready:
                self._changed.notify_all()
                return self._ready.popleft()
        if self._error is not None:
            raise self._error
        raise StopIteration

    def close(self) -> None:
        """End the thread. It finishes what it is doing, some milliseconds' work."""
        with self._changed:
            self._wanted = False
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()


class AugmentedArrays:
    """Batches out of arrays whose inputs are made anew in each epoch, ahead of training.

    The inputs of an epoch are numbered by the steps of the optimizer before it, so that training
    that goes on, in another `fit` or from a file, goes on with new ones.

    Parameters
    ----------
    arrays : (array, array, array or None)
        Inputs, targets and weights, prepared.
    batch_size : int
    shuffle : bool
    augment : callable
        See `Trainer.fit`.
    epochs : int
    dtype : dtype
        The model's.
    """

    def __init__(
        self, arrays: tuple, batch_size: int, shuffle: bool, augment: Callable, epochs: int, dtype
    ):
        if not callable(augment):
            raise TypeError(f"augment: expected a callable, got {type(augment).__name__}")
        self.arrays, self.batch_size, self.shuffle = arrays, batch_size, shuffle
        self.augment, self.epochs, self.dtype = augment, epochs, dtype
        self.total = len(arrays[0])
        self.steps = -(-self.total // batch_size)
        self._ahead: Ahead | None = None
        sample = self._renew(np.zeros(1, np.int64), 0)  # raises now what would go wrong later
        self._rows = batch_size * max(1, _BYTES // (sample.nbytes * batch_size))

    def run(self, trainer):
        """The steps of an epoch."""
        if self._ahead is None:
            chunks = self._chunks(copy.deepcopy(trainer.rng), trainer.optimizer.steps)
            self._ahead = Ahead(chunks)
        if self.shuffle:
            trainer.rng.permutation(self.total)  # what the other thread draws from its copy
        for _ in range(0, self.total, self._rows):
            x, target, weight = next(self._ahead)
            program = trainer._prepare(x, target, weight, self.batch_size)
            program.check_rows(self.total, self.batch_size)  # of the whole epoch, while it begins
            yield from trainer._steps(program, len(x), self.batch_size, None)

    def release(self, trainer) -> None:
        if self._ahead is not None:
            self._ahead.close()
        if trainer._program is not None:
            trainer._program.release()

    def _chunks(self, rng, step: int):
        _, target, weight = self.arrays
        for _ in range(self.epochs):
            order = rng.permutation(self.total) if self.shuffle else np.arange(self.total)
            for first in range(0, self.total, self._rows):
                index = order[first : first + self._rows]
                part = None if weight is None else weight[index]
                yield self._renew(index, step), target[index], part
            step += self.steps

    def _renew(self, index, step: int) -> np.ndarray:
        x = self.arrays[0]
        new = self.augment(x, index=index, epoch=step, dtype=self.dtype)
        new = check_batch(new, x.shape[1:], self.dtype, name="augment")
        if len(new) != len(index):
            raise ValueError(f"augment: expected {len(index)} samples, got {len(new)}")
        return new
