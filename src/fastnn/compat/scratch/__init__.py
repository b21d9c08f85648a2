"""The package ``common`` of the book "Deep Learning from Scratch" (O'Reilly Japan), faster.

Its modules have the names, arguments, attributes and results of the book's. Scripts written for
those run on these after ``fastnn.patch("common")``, under ``python -m fastnn.patch common``, or
with their imports changed to ``fastnn.compat.scratch``. Everything is float64, as there, and equal
to rounding; NumPy's global random numbers are drawn in the same order, so seeds give the same
weights, batches and masks.

What a script can tell apart:

- Layers return their outputs in C order, where the book's convolution and pool return views.
- What can be made again is computed when it is asked for (``Relu.mask``, ``Pooling.arg_max``,
  ``Convolution.col``), and so is the gradient with respect to inputs that aren't float64, which is
  an array in all but its type. Until then, and until `backward`, the arrays that a layer was given
  are to be left alone.
- `Nesterov` is the one of the book's repository, which changes the velocity before the parameter.

Examples
--------
>>> import numpy as np
>>> from fastnn.compat.scratch.multi_layer_net import MultiLayerNet
>>> from fastnn.compat.scratch.optimizer import Adam
>>> np.random.seed(0)
>>> net, optimizer = MultiLayerNet(4, [16], 3), Adam()
>>> x, t = np.random.rand(32, 4), np.random.randint(0, 3, 32)
>>> before = net.loss(x, t)
>>> for _ in range(100):
...     optimizer.update(net.params, net.gradient(x, t))
>>> bool(net.loss(x, t) < before)
True
"""
