"""Long streams, a text for one, as batches of parts that follow one another."""

import operator

import numpy as np


def stream_batches(stream, batch_size, steps, *, targets=None):
    """Cut a stream into batches for truncated back-propagation through time.

    The stream is cut into `batch_size` long pieces, and these into parts of so many steps. Row
    r of each batch is a part of piece r, and goes on where row r of the batch before ended::

        model = fastnn.Sequential(fastnn.Embedding(...), fastnn.LSTM(..., stateful=True), ...)
        x, y = fastnn.data.stream_batches(text, 32, 50)
        trainer.fit(x, y, batch_size=32, shuffle=False, epochs=10)

    Parameters
    ----------
    stream : array (N, ...)
        What happens at each step: indices of characters (N,), or features (N, F).
    batch_size, steps : int
        Rows of a batch, and steps of a row. At least 1.
    targets : array (N, ...), optional
        What is to be predicted at each step. By default what comes next in the stream.

    Returns
    -------
    x, y : ndarray (batches batch_size, steps, ...)
        The end of the stream that doesn't fill a batch is left out.

    Raises
    ------
    TypeError
        If sizes aren't whole numbers.
    ValueError
        If a size is below 1, the lengths differ, or the stream doesn't fill one batch.

    Examples
    --------
    >>> x, y = stream_batches(np.arange(13), 2, 3)
    >>> x.tolist()  # batches of two rows: 0, 1, 2 goes on with 3, 4, 5
    [[0, 1, 2], [6, 7, 8], [3, 4, 5], [9, 10, 11]]
    >>> y[0].tolist()
    [1, 2, 3]
    """
    batch_size, steps = _whole("batch_size", batch_size), _whole("steps", steps)
    stream = np.asarray(stream)
    if stream.ndim == 0:
        raise ValueError("stream: expected shape (N, ...), got ()")
    if targets is None:
        stream, targets = stream[:-1], stream[1:]
    targets = np.asarray(targets)
    if targets.ndim == 0 or len(targets) != len(stream):
        raise ValueError(f"targets: expected {len(stream)} rows as in stream, got {targets.shape}")
    batches = len(stream) // (batch_size * steps)
    if batches == 0:
        raise ValueError(
            f"stream: expected at least {batch_size * steps} steps that have a target, "
            f"{steps} for each of {batch_size} rows, got {len(stream)}"
        )

    def cut(values):
        tail = values.shape[1:]
        pieces = values[: batches * batch_size * steps].reshape(batch_size, batches, steps, *tail)
        return pieces.swapaxes(0, 1).reshape(batches * batch_size, steps, *tail)

    return cut(stream), cut(targets)


def _whole(name, value):
    try:
        value = operator.index(value)
    except TypeError as error:
        raise TypeError(f"{name}: expected a whole number, got {value!r}") from error
    if value < 1:
        raise ValueError(f"{name}: expected at least 1, got {value}")
    return value
