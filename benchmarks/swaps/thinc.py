"""Networks of thinc, and pipelines of spaCy that stand on it, with thinc's backend and fastnn's.

``fastnn.thinc.install()`` is the line that differs. Texts are made here: 400 of 20 to 80 words.
"""

import random

import numpy as np

from benchmarks import QUICK
from benchmarks.swaps import Swap

_EPOCHS = 1 if QUICK else 3


def _seed(side: str) -> None:
    """Everything at random begins anew, and models will be made with the side's backend."""
    from thinc.api import fix_random_seed

    if side == "fastnn":
        from fastnn.thinc import install

        install()
    fix_random_seed(0)


def _network(*layers: tuple[str, int], rows: int, columns: int):
    """The losses of the epochs of a network of thinc, learning noise."""

    def prepare(side):
        import thinc.api

        _seed(side)
        rng = np.random.default_rng(0)
        x = rng.random((rows, columns), dtype=np.float32)
        y = np.eye(10, dtype=np.float32)[rng.integers(0, 10, rows)]

        def run():
            _seed(side)
            model = thinc.api.chain(
                *(getattr(thinc.api, name)(width, dropout=0.2) for name, width in layers),
                thinc.api.Softmax(),
            )
            model.initialize(x[:2], y[:2])
            optimizer, losses = thinc.api.Adam(0.001), []
            for _ in range(_EPOCHS):
                losses.append(0.0)
                for inputs, targets in model.ops.multibatch(128, x, y, shuffle=True):
                    probabilities, backward = model.begin_update(inputs)
                    backward(probabilities - targets)
                    model.finish_update(optimizer)
                    losses[-1] -= float(np.log((probabilities * targets).sum(axis=1)).sum())
            return losses

        return run

    return prepare


def _texts(count: int) -> list[tuple[str, int]]:
    """Texts of two kinds, which share half of their words."""
    source = random.Random(0)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(source.choices(letters, k=source.randint(2, 9))) for _ in range(3000)]
    made = []
    for at in range(count):
        kind = at % 2
        some = source.choices(words[1000 * kind : 1000 * kind + 2000], k=source.randint(20, 80))
        made.append((" ".join(some), kind))
    return made


def _pipeline(component: str, config: str | None = None):
    """The losses of the epochs of a pipeline of spaCy; `config` names one of the component's."""

    def prepare(side):
        import spacy
        import spacy.pipeline.textcat as configs
        from spacy.training import Example
        from thinc.api import Config

        texts = _texts(60 if QUICK else 400)

        def run():
            _seed(side)
            nlp = spacy.blank("en")
            model = Config().from_str(getattr(configs, config)) if config else {}
            nlp.add_pipe(component, config=model)
            examples = []
            for words, kind in texts:
                doc = nlp.make_doc(words)
                said = {"cats": {"A": float(kind == 0), "B": float(kind == 1)}}
                if component == "tagger":
                    said = {"tags": [str(len(token)) for token in doc]}
                examples.append(Example.from_dict(doc, said))
            optimizer, history = nlp.initialize(lambda: examples), []
            for _ in range(_EPOCHS):
                losses = {}
                for first in range(0, len(examples), 32):
                    nlp.update(examples[first : first + 32], sgd=optimizer, losses=losses, drop=0.2)
                history.append(losses[component])
            return history

        return run

    return prepare


# Products of matrices and sums are in another order, and Adam makes as long a step of a gradient
# that is nothing but rounding as of any other. Other masks of dropout change a loss by a tenth.
_NETWORK = {"project": "thinc", "peer": "thinc", "needs": ("thinc",), "rtol": 1e-3}
_PIPELINE = {
    "project": "spaCy", "peer": "thinc", "needs": ("thinc", "spacy"), "rtol": 1e-2, "atol": 2e-2,
    "rounds": 1,
}  # fmt: skip

SWAPS = [
    Swap(
        "thinc, 784-100-100-10 ReLU",
        prepare=_network(("Relu", 100), ("Relu", 100), rows=4000, columns=784),
        **_NETWORK,
    ),
    Swap(
        "thinc, 300-128-128-10 maxout",
        prepare=_network(("Maxout", 128), ("Maxout", 128), rows=4000, columns=300),
        **_NETWORK,
    ),
    Swap(
        "spaCy, text classifier, bag of words",
        prepare=_pipeline("textcat", "single_label_bow_config"),
        **_PIPELINE,
    ),
    Swap(
        "spaCy, text classifier, CNN",
        prepare=_pipeline("textcat", "single_label_cnn_config"),
        **_PIPELINE,
    ),
    Swap(
        "spaCy, text classifier, ensemble",
        prepare=_pipeline("textcat", "single_label_default_config"),
        **_PIPELINE,
    ),
    Swap("spaCy, tagger", prepare=_pipeline("tagger"), **_PIPELINE),
]
