"""The same through fastnn's public API."""

import itertools

import fastnn
from benchmarks.modular import ModularNet

VERSION = fastnn.__version__

# Modules that have parameters, so a dtype.
_LEARNING = ("Linear", "Conv2d", "LSTM", "GRU")


def model(job) -> fastnn.Sequential:
    """The net of a job, with its initial weights."""
    if isinstance(job.net, ModularNet):
        return _modular(job.net, job.x.dtype)
    sizes, activation = job.net.sizes, fastnn.layers.ACTIVATION_LAYERS[job.net.activation]
    dtype, layers = job.x.dtype, []
    for n, m in itertools.pairwise(sizes):
        layers += [fastnn.Linear(n, m, dtype=dtype), activation()]
    net = fastnn.Sequential(*layers[:-1])
    arrays = itertools.chain.from_iterable(job.weights)
    net.load_state_dict(dict(zip(net.named_parameters(), arrays, strict=True)))
    return net


def _modular(described: ModularNet, dtype) -> fastnn.Sequential:
    layers = []
    for name, *arguments in described.modules:
        options = {"dtype": dtype} if name in _LEARNING else {}
        if name in ("LSTM", "GRU"):
            options["output"] = "last"
        layers.append(getattr(fastnn, name)(*arguments, **options))
    net = fastnn.Sequential(*layers)
    state = described.values((key, p.shape) for key, p in net.named_parameters().items())
    net.load_state_dict({key: value.astype(dtype) for key, value in state.items()})
    return net


def optimizer(job) -> fastnn.Optimizer:
    kinds = {"adam": fastnn.Adam, "sgd": fastnn.SGD}
    return kinds[job.net.optimizer](lr=job.net.lr)


class _Ticks(fastnn.Callback):
    def __init__(self, tick):
        self.tick = tick

    def on_epoch_end(self, trainer, record):
        if self.tick(record["loss"], trainer.model.predict):
            raise fastnn.StopTraining("told to")


def train(job, tick):
    trainer = fastnn.Trainer(
        model(job), fastnn.CrossEntropyLoss(), optimizer(job), callbacks=[_Ticks(tick)]
    )
    trainer.fit(
        job.x,
        job.y,
        epochs=job.epochs,
        batch_size=job.net.batch,
        shuffle=job.shuffle,
        progress=False,
    )


def predictor(job):
    net, row = model(job), job.x[:1]
    return lambda: net.predict(row)
