"""What the commands ``fastnn train``, ``evaluate``, ``predict`` and ``info`` do."""

import contextlib
import csv
import dataclasses
import io
import json
import math
import sys

import numpy as np

from fastnn import data as datasets
from fastnn import functional, metrics, scoring
from fastnn._config import show_config
from fastnn._fitting import Fitting, as_examples, encode, set_aside
from fastnn._terminal import CommandError, confusion_table, explain
from fastnn._threads import set_num_threads
from fastnn.data._targets import TASKS
from fastnn.data.source import source_kind
from fastnn.io import load, load_metadata, save
from fastnn.io.atomic import check_writable, replacing
from fastnn.losses import LOSSES, Loss
from fastnn.trainer import Trainer

# More classes than this make a confusion matrix that no terminal shows well.
_CONFUSION_CLASSES = 30


@contextlib.contextmanager
def _wrong_usage():
    """What goes wrong in here is due to the options, the data or the model file."""
    try:
        yield
    except (ValueError, OSError) as error:
        raise CommandError(explain(error)) from error


def train(args) -> None:
    """Train a model, save it, tell how good it is."""
    with _wrong_usage():
        _set_threads(args)
        _check_outputs(args)
        data = _with_test_part(datasets.read(args.data, args.label, task=args.task), args)
        fitting = Fitting(data, args)
    if not args.quiet:
        print(f"{data}\n\n{fitting.model.summary(data.x_train.shape[1:])}\n", flush=True)
    interrupt = None
    try:
        fitting.run()
    except KeyboardInterrupt:
        interrupt = KeyboardInterrupt(
            f"interrupted after {len(fitting.history)} of {args.epochs} epochs; "
            f"the model so far is in {args.out}"
        )
    facts = {
        "data": data.name,
        "task": "regression" if data.classes is None else "classification",
        "classes": data.classes,
        "features": data.feature_names,
        "label": args.label,
        "loss": next(name for name, cls in LOSSES.items() if type(fitting.loss) is cls),
    }
    save(fitting.model, args.out, metadata=facts)
    if args.history:
        write = fitting.history.to_json if _ending(args.history) == "json" else None
        (write or fitting.history.to_csv)(args.history)
    if args.plot and len(fitting.history):
        fitting.history.plot(args.plot)
    if interrupt is not None:
        raise interrupt
    if fitting.history.stopped and not args.quiet:
        print(f"ended early: {fitting.history.stopped}\n")
    x = as_examples(data.x_test, args.dtype, args.data)
    y, classes = data.y_test, data.classes
    result, outputs = _measure(fitting.model, fitting.loss, x, y, classes)
    _print_result("test", result, y, outputs, classes, tables=not args.quiet)
    print(f"model saved to {args.out}")


def evaluate(args) -> None:
    """Tell how good a model is on some data."""
    with _wrong_usage():
        _set_threads(args)
        model, facts = _load(args.model)
        is_table = source_kind(args.data) == "csv"
        data = datasets.read(
            args.data,
            args.label or (facts.get("label") if is_table else None),
            features=facts.get("features") if is_table else None,
            task=facts.get("task", "auto"),
        )
        tested = data.x_test is not None
        x, y = (data.x_test, data.y_test) if tested else (data.x_train, data.y_train)
        classes = facts.get("classes") or data.classes
        if (classes is None) != (data.classes is None):
            kinds = ("numbers", "classes") if classes is None else ("classes", "numbers")
            raise CommandError(f"{args.data}: expected {kinds[0]} to predict, got {kinds[1]}")
        if classes is not None:
            y = _renumber(y, data.classes, classes, args.data)
        outputs = math.prod(model.output_shape(x.shape[1:]))  # raises if x doesn't fit
        targets = math.prod(y.shape[1:]) if classes is None else len(classes)
        if outputs != targets:
            raise CommandError(
                f"{args.model}: gives {outputs} numbers for an example, where {args.data} has "
                f"{targets} {'numbers to predict' if classes is None else 'classes'}"
            )
        loss = LOSSES[facts.get("loss", "mse" if classes is None else "cross_entropy")]()
        x = as_examples(x, model.dtype, args.data)
        result, outputs = _measure(model, loss, x, y, classes)
    if args.json:
        json.dump({"data": data.name, "samples": len(x)} | result, sys.stdout, indent=1)
        print()
        return
    _print_result("test" if tested else "all rows", result, y, outputs, classes, tables=True)


def predict(args) -> None:
    """Write what a model says about some data, as csv."""
    with _wrong_usage():
        _set_threads(args)
        model, facts = _load(args.model)
        if args.out:
            check_writable(args.out)
        x = datasets.load_inputs(args.data, facts.get("features"))
        model.output_shape(x.shape[1:])  # raises if x doesn't fit
        x = as_examples(x, model.dtype, args.data)
        outputs = model.predict(x).reshape(len(x), -1)
        columns = _columns(outputs, facts, args.probabilities)
    if not args.out:
        _write_csv(columns, sys.stdout)
        return
    with replacing(args.out) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        _write_csv(columns, text)
        text.detach()  # flushes, and leaves the file open for `replacing`


def info(args) -> None:
    """Show what this fastnn is made of and runs on."""
    show_config()


def _load(path):
    """A model and those of its metadata that mean something here; `save` takes any."""
    facts = load_metadata(path)

    def are_names(value):
        return isinstance(value, list) and all(isinstance(name, str) for name in value)

    valid = {
        "classes": are_names,
        "features": are_names,
        "label": lambda value: isinstance(value, str),
        "loss": list(LOSSES).__contains__,
        "task": TASKS.__contains__,
    }
    facts = {key: facts[key] for key, is_valid in valid.items() if is_valid(facts.get(key))}
    return load(path), facts


def _write_csv(columns, file):
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))


def _set_threads(args):
    if args.threads is not None:
        set_num_threads(args.threads)


def _ending(path):
    return path.rpartition(".")[2].lower()


def _check_outputs(args):
    """Find out before training what would go wrong after it."""
    for path in filter(None, (args.out, args.plot, args.history)):
        check_writable(path)
    if args.history and _ending(args.history) not in ("csv", "json"):
        raise CommandError(f"--history: expected a file .csv or .json, got {args.history}")
    if args.plot:
        try:
            from matplotlib.backend_bases import FigureCanvasBase
        except ImportError as error:
            raise CommandError(
                "--plot: expected matplotlib: pip install 'fastnn[plot]'", code=1
            ) from error
        kinds = FigureCanvasBase.get_supported_filetypes()
        if _ending(args.plot) not in kinds:
            raise CommandError(
                f"--plot: expected a file .{', .'.join(sorted(kinds))}, got {args.plot}"
            )


def _with_test_part(data, args):
    if data.classes is not None and len(data.classes) < 2:
        raise CommandError(
            f"{args.data}: expected at least 2 classes to tell apart, got {data.classes}"
        )
    if data.x_test is not None:
        return data
    x, x_test, y, y_test = set_aside(
        data.x_train, data.y_train, args.test_size,
        data.y_train if data.classes is not None else None, args.seed,
    )  # fmt: skip
    return dataclasses.replace(data, x_train=x, y_train=y, x_test=x_test, y_test=y_test)


def _renumber(y, names, classes, source) -> np.ndarray:
    """Indices into the names of the classes of some data, as indices into a model's."""
    numbers = {name: number for number, name in enumerate(classes)}
    renumbered = np.array([numbers.get(name, -1) for name in names])[y]
    if (renumbered < 0).any():
        raise CommandError(
            f"{source}: expected the model's classes {', '.join(classes)}, "
            f"got {names[y[renumbered.argmin()]]!r}"
        )
    return renumbered


def _measure(model, loss: Loss, x, y, classes) -> tuple[dict, np.ndarray]:
    """The loss and all metrics that make sense, and the model's outputs."""
    if classes is None:
        targets = y.astype(model.dtype)
    else:
        targets = encode(loss, y, len(classes), model.dtype)
    result = {"loss": Trainer(model, loss, "sgd").evaluate(x, targets)["loss"]}
    outputs = model.predict(x)
    if classes is None:
        return result | scoring.details(loss, targets, outputs), outputs
    return result | metrics.classification_metrics(y, outputs, classes), outputs


def _print_result(part, result, y, outputs, classes, *, tables):
    if classes is not None and tables:
        print(metrics.classification_report(y, outputs, classes))
        if len(classes) <= _CONFUSION_CLASSES:
            print("confusion (true classes down, predicted ones across):")
            print(confusion_table(result["confusion_matrix"], classes), end="\n\n")
    line = f"{part}: loss {result['loss']:.4g}"
    if "accuracy" in result:
        right = round(result["accuracy"] * len(y))
        line += f", accuracy {result['accuracy']:.2%} ({right:,} of {len(y):,})"
    if "r2" in result:
        line += f", R2 {result['r2']:.4g}"
    print(line)


def _columns(outputs, facts, probabilities) -> dict:
    """The columns to write, by name."""
    classes = facts.get("classes")
    if classes is None:
        if probabilities:
            raise CommandError("--probabilities: expected a model of classes, got another")
        count = outputs.shape[1]
        names = ["prediction"] if count == 1 else [f"prediction_{i}" for i in range(count)]
        return dict(zip(names, outputs.T, strict=True))
    columns = {"prediction": [classes[i] for i in outputs.argmax(axis=1)]}
    if probabilities:
        functions = {
            "cross_entropy": functional.softmax,
            "bce_with_logits": functional.sigmoid,
        }
        loss = facts.get("loss", "cross_entropy")
        if loss not in functions:
            raise CommandError(
                f"--probabilities: expected a model trained with {' or '.join(functions)}, "
                f"got {loss}"
            )
        values = functions[loss](outputs)
        columns |= {f"p_{name}": values[:, i] for i, name in enumerate(classes)}
    return columns
