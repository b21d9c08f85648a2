"""`network` and `network2` of M. A. Nielsen's "Neural Networks and Deep Learning" (2015).

What a script of the book imports, with the arithmetic of fastnn:

    from fastnn.compat.nielsen import network

or, with ``import network`` left as it is, ``fastnn.patch("nielsen")`` before it, or
``python -m fastnn.patch nielsen script.py``.

Names, argument orders, shapes, what is printed, files and the use of the random generators are the
book's, in float64: after ``random.seed`` and ``numpy.random.seed`` both have the same initial
weights and the same batches, and the weights that come of them agree but for rounding. At rates as
high as the book's 3.0 rounding grows: after some thousand steps such trainings part, as the book's
own do when a weight is off in its last digit.

An epoch is one compiled program, for which `SGD` copies the data into one array. Where a subclass
or a module has a gradient, a cost or a sigmoid of its own, or data is of another form than the
book's, the book's algorithm runs in NumPy instead. Versions for Python 3 differ in some details;
as in the book, a list of training data is shuffled in place, ``network2`` prints an empty line
after each epoch, and regularisation is counted once in `total_cost`.

Examples
--------
>>> import random
>>> import numpy as np
>>> from fastnn.compat.nielsen import network
>>> random.seed(1), np.random.seed(1)
(None, None)
>>> corners = [np.array([[i], [j]]) for i in (0, 1) for j in (0, 1)]
>>> data = [(x, x.sum(keepdims=True) % 2) for x in corners] * 100
>>> net = network.Network([2, 4, 1])
>>> net.SGD(data, 20, 10, 3.0)  # doctest: +ELLIPSIS
Epoch 0 complete
...
Epoch 19 complete
>>> [float(net.feedforward(x).round()[0, 0]) for x in corners]
[0.0, 1.0, 1.0, 0.0]
"""
