"""Models of thinc and pipelines of spaCy, trained on fastnn's backend and on thinc's own."""

import contextlib
import random
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose
from peers import peer

import fastnn

api = peer("thinc.api")
import thinc.optimizers  # noqa: E402

import fastnn.thinc  # noqa: E402


@contextlib.contextmanager
def backend(side):
    """A side's backend, and its optimizers."""
    before = api.get_current_ops()
    api.set_current_ops(fastnn.thinc.FastnnOps() if side == "fastnn" else api.NumpyOps())
    try:
        yield fastnn.thinc if side == "fastnn" else thinc.optimizers
    finally:
        api.set_current_ops(before)


SIDES = ("original", "fastnn")
RATES = {"Adam": 0.01, "RAdam": 0.02, "SGD": 0.5}


# -- thinc ---------------------------------------------------------------------------------------


def network(kind):
    return {
        "relu": lambda: api.chain(api.Relu(40, dropout=0.2), api.Relu(40), api.Softmax()),
        "maxout": lambda: api.chain(
            api.Maxout(40, normalize=True, dropout=0.2), api.Mish(30), api.Softmax()
        ),
        "gelu": lambda: api.chain(api.Gelu(40), api.Swish(30), api.Softmax()),
        "clipped": lambda: api.chain(api.HardTanh(40), api.HardSwishMobilenet(30), api.Softmax()),
    }[kind]()


def losses(side, kind, optimizer, epochs=3):
    data = fastnn.data.load_digits()
    x, classes = data.x_train[:1000], np.eye(10, dtype=np.float32)[data.y_train[:1000]]
    with backend(side) as optimizers:
        api.fix_random_seed(0)
        model = network(kind)
        model.initialize(x[:2], classes[:2])
        assert type(model.ops).__name__ == {"original": "NumpyOps", "fastnn": "FastnnOps"}[side]
        step = getattr(optimizers, optimizer)(RATES[optimizer])
        history = []
        for _ in range(epochs):
            for inputs, targets in model.ops.multibatch(50, x, classes, shuffle=True):
                probabilities, backward = model.begin_update(inputs)
                backward((probabilities - targets) / len(inputs))
                model.finish_update(step)
                chosen = (probabilities * targets).sum(axis=1)
                history.append(-np.log(chosen.astype(np.float64)).mean())
        with model.use_params(step.averages):
            averaged = model.predict(x)
    return history, averaged, model


@pytest.mark.parametrize("optimizer", ["Adam", "RAdam", "SGD"])
@pytest.mark.parametrize("kind", ["relu", "maxout", "gelu", "clipped"])
def test_networks_learn_the_same(kind, optimizer):
    # The same initial weights, batches and masks of dropout: other masks change a loss by a tenth.
    # Rounding differs, and where an input is near a kink, or two pieces are as good as equal, that
    # comes to more. After 60 steps they were 2e-5 apart.
    (theirs, their_averages, _), (ours, averages, _) = (
        losses(side, kind, optimizer) for side in SIDES
    )
    assert theirs[-1] < 0.6 * theirs[0]
    assert_allclose(ours[:5], theirs[:5], rtol=2e-5)
    assert_allclose(ours, theirs, rtol=1e-3)
    assert_allclose(averages, their_averages, atol=1e-3)


def test_models_go_from_one_to_the_other():
    _, _, model = losses("fastnn", "maxout", "Adam", epochs=1)
    x = fastnn.data.load_digits().x_test
    with backend("original"):
        again = network("maxout")
        again.from_bytes(model.to_bytes())
        # Products of 64 numbers, layer by layer.
        assert_allclose(again.predict(x), model.predict(x), rtol=1e-4, atol=1e-6)
    with backend("fastnn"):
        copied = model.copy()
    assert copied.ops.name == "fastnn"
    assert np.array_equal(copied.predict(x), model.predict(x))


# -- in place of thinc's own ---------------------------------------------------------------------


@pytest.fixture
def installed():
    before = api.get_current_ops()
    api.set_current_ops(api.NumpyOps())
    fastnn.thinc.install()
    yield
    fastnn.thinc.uninstall()
    api.set_current_ops(before)


def test_installed_it_is_everybodys(installed):
    import threading

    seen = []
    thread = threading.Thread(target=lambda: seen.append(api.get_current_ops()))
    thread.start()
    thread.join()
    api.require_cpu()
    for ops in (api.get_current_ops(), api.get_ops("cpu"), api.Linear(2, 2).ops, *seen):
        assert type(ops) is fastnn.thinc.FastnnOps
    assert type(api.get_ops("numpy")) is api.NumpyOps
    assert thinc.optimizers.Optimizer.__call__ is fastnn.thinc.Optimizer.__call__


def test_uninstalled_all_is_as_it_was():
    def state():
        return (
            thinc.backends.get_ops,
            api.get_ops,
            thinc.optimizers.Optimizer.__call__,
            type(api.get_current_ops()),
        )

    before = state()
    fastnn.thinc.uninstall()
    assert state() == before
    fastnn.thinc.install()
    fastnn.thinc.install()
    assert all(now is not then for now, then in zip(state(), before, strict=True))
    fastnn.thinc.uninstall()
    assert state() == before


def test_a_backend_of_somebody_else_stays():
    class Other(api.NumpyOps):
        pass

    before, other = api.get_current_ops(), Other()
    api.set_current_ops(other)
    fastnn.thinc.install()
    assert api.get_current_ops() is other
    fastnn.thinc.uninstall()
    assert api.get_current_ops() is other
    api.set_current_ops(before)


def test_importing_fastnn_does_not_import_thinc():
    program = "import sys, fastnn; sys.exit('thinc' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


# -- spaCy ---------------------------------------------------------------------------------------


def texts(count):
    """Two kinds of texts, which share half of their words."""
    source = random.Random(5)
    words = ["".join(source.choices("abcdefghij", k=5)) for _ in range(90)]
    return [
        (" ".join(source.choices(words[30 * (at % 2) : 30 * (at % 2) + 60], k=15)), at % 2)
        for at in range(count)
    ]


CONFIGURATION = """
[nlp]
lang = "en"
pipeline = ["textcat"]

[components]

[components.textcat]
factory = "textcat"

[components.textcat.model]
@architectures = "spacy.TextCatCNN.v2"
exclusive_classes = true
nO = null

[components.textcat.model.tok2vec]
@architectures = "spacy.HashEmbedCNN.v2"
pretrained_vectors = null
width = 32
depth = 2
embed_size = 300
window_size = 1
maxout_pieces = 3
subword_features = true

[training]

[training.optimizer]
@optimizers = "Adam.v1"
learn_rate = 0.002
"""


def pipeline(side, component="textcat"):
    """Train one: its losses by epoch, and itself."""
    import spacy
    from spacy.training import Example

    text = CONFIGURATION
    if side == "fastnn":
        text = text.replace('"Adam.v1"', '"fastnn.Adam.v1"')
    with backend(side):
        api.fix_random_seed(0)
        if component == "textcat":
            nlp = spacy.util.load_model_from_config(api.Config().from_str(text), auto_fill=True)
        else:
            nlp = spacy.blank("en")
            nlp.add_pipe(component)
        examples = []
        for words, kind in texts(120):
            doc = nlp.make_doc(words)
            said = {"cats": {"A": float(kind == 0), "B": float(kind == 1)}}
            if component == "tagger":
                said = {"tags": [token.text[0] for token in doc]}
            examples.append(Example.from_dict(doc, said))
        optimizer = nlp.initialize(lambda: examples)
        history = []
        for _ in range(4):
            loss = {}
            for first in range(0, len(examples), 20):
                nlp.update(examples[first : first + 20], sgd=optimizer, losses=loss, drop=0.1)
            history.append(loss[component])
    return history, nlp, optimizer


@pytest.mark.parametrize("component", ["textcat", "tagger"])
def test_pipelines_learn_the_same(component):
    peer("spacy")
    (theirs, *_), (ours, nlp, optimizer) = (pipeline(side, component) for side in SIDES)
    models = [node.ops for _, pipe in nlp.pipeline for node in pipe.model.walk()]
    assert {ops.name for ops in models} == {"fastnn"}
    if component == "textcat":
        assert type(optimizer) is fastnn.thinc.Optimizer
    assert theirs[-1] < 0.9 * theirs[0]
    # As above: in epochs 3e-4 of the first loss apart. Adam's first steps are as long for a
    # gradient that is nothing but rounding as for any other.
    assert_allclose(ours[0], theirs[0], rtol=1e-4)
    assert_allclose(ours, theirs, atol=2e-3 * theirs[0])


def test_pipelines_are_saved_and_loaded():
    peer("spacy")
    _, nlp, _ = pipeline("fastnn")
    docs = [words for words, _ in texts(9)]
    expected = [doc.cats for doc in nlp.pipe(docs)]
    saved = nlp.to_bytes()
    for side in SIDES:
        _, again, _ = pipeline(side)
        again.from_bytes(saved)
        for doc, cats in zip(again.pipe(docs), expected, strict=True):
            assert doc.cats == pytest.approx(cats, rel=1e-4)  # float32, some layers
