"""The command line: what it prints, writes and returns."""

import csv
import gzip
import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import fastnn
from fastnn import _arguments, data
from fastnn._standardize import Standardization
from fastnn._terminal import confusion_table
from fastnn.cli import main
from fastnn.io import load, load_metadata, save
from fastnn.losses import LOSSES
from fastnn.optim import OPTIMIZERS

FAST = ["--epochs", "3", "--hidden", "16", "--quiet"]


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # For child processes, where the package is found by a relative path.
    monkeypatch.setenv("PYTHONPATH", str(Path(fastnn.__file__).parents[1]))
    threads = fastnn.get_num_threads()
    yield
    fastnn.set_num_threads(threads)


@pytest.fixture
def run(capsys):
    """Runs a command in this process; returns exit code, output, errors."""

    def run(*argv):
        code = main([str(arg) for arg in argv])
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def succeed(run):
    def succeed(*argv):
        code, out, err = run(*argv)
        assert (code, err) == (0, ""), err
        return out

    return succeed


def process(*argv, **options):
    return subprocess.run(
        [sys.executable, "-m", "fastnn", *map(str, argv)], capture_output=True, text=True, **options
    )


def write_csv(path, columns):
    with (gzip.open if str(path).endswith(".gz") else open)(path, "wt", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def read_csv(text):
    return list(csv.DictReader(text.splitlines()))


def blobs(n=240, seed=0):
    """Three kinds of flowers, easy to tell apart, in units that need scaling."""
    rng = np.random.default_rng(seed)
    kind = np.arange(n) % 3
    petal = 5000 + 40 * kind + rng.normal(0, 4, n)
    sepal = 1e-3 * (kind != 1) + rng.normal(0, 1e-4, n)
    return {
        "petal": petal, "sepal": sepal, "constant": np.full(n, 0.1),
        "species": np.array(["iris", "lily", "rose"])[kind],
    }  # fmt: skip


def line(n=300, seed=0):
    rng = np.random.default_rng(seed)
    a, b = rng.uniform(900, 1100, n), rng.uniform(-1, 1, n)
    return {"a": a, "b": b, "price": 50_000 + 300 * a + 8_000.5 * b}


# -- train ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_digits_without_options(seed, succeed):
    out = succeed("train", "digits", "--seed", seed, "--quiet")
    test = data.load_digits()
    outputs = load("model.safetensors").predict(test.x_test)
    right = (outputs.argmax(1) == test.y_test).sum()
    assert right / 360 > 0.97
    assert f"accuracy {right / 360:.2%} ({right} of 360)" in out
    assert out.endswith("model saved to model.safetensors\n")


def test_mnist(mnist_folder, succeed):
    options = "--hidden 100 --epochs 10 --batch-size 200 --lr 0.003 --schedule linear --quiet"
    succeed("train", mnist_folder, *options.split())
    result = json.loads(succeed("evaluate", "model.safetensors", mnist_folder, "--json"))
    assert result["samples"] == 10_000
    assert result["accuracy"] >= 0.975


def test_what_train_prints(run):
    code, out, err = run("train", "digits", "--epochs", "2", "--hidden", "8,6")
    assert code == 0
    assert "Dataset 'digits': 1437 to train, 360 to test" in out
    assert re.search(r"Linear\(64, 8\).*ReLU\(\).*Linear\(8, 6\).*ReLU.*Linear\(6, 10\)", out, re.S)
    assert "weighted avg" in out
    assert "confusion" in out
    assert re.fullmatch(r"(epoch \d/2  loss \S+  val_loss \S+  val_accuracy \S+  \S+ s\n){2}", err)


def test_same_seed_same_file(succeed):
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        succeed("train", "digits", *FAST, "--dropout", "0.1", "--seed", seed, "--out", name)
    contents = {name: Path(name).read_bytes() for name in "abc"}
    assert contents["a"] == contents["b"] != contents["c"]


def test_the_network(succeed):
    succeed(
        "train", "digits", "--epochs", "1", "--quiet", "--hidden", "7,5", "--activation", "tanh",
        "--dropout", "0.25", "--dtype", "float64",
    )  # fmt: skip
    assert repr(load("model.safetensors")) == (
        "Sequential(Linear(64, 7), Tanh(), Dropout(0.25), "
        "Linear(7, 5), Tanh(), Dropout(0.25), Linear(5, 10))"
    )
    assert load("model.safetensors").dtype == np.float64
    succeed("train", "digits", "--epochs", "1", "--quiet", "--hidden", "none")
    assert repr(load("model.safetensors")) == "Sequential(Linear(64, 10))"


def test_metadata(succeed):
    write_csv("flowers.csv", blobs())
    succeed("train", "flowers.csv", "--label", "species", *FAST)
    assert load_metadata("model.safetensors") == {
        "data": "flowers",
        "task": "classification",
        "classes": ["iris", "lily", "rose"],
        "features": ["petal", "sepal", "constant"],
        "label": "species",
        "loss": "cross_entropy",
    }


@pytest.mark.parametrize("name", LOSSES)
def test_losses_of_classes(name, succeed):
    write_csv("flowers.csv", blobs())
    succeed(
        "train", "flowers.csv", "--label", "species", "--loss", name, "--quiet", "--epochs", "30",
        "--batch-size", "8", "--out", "m",
    )  # fmt: skip
    assert load_metadata("m")["loss"] == name
    assert json.loads(succeed("evaluate", "m", "flowers.csv", "--json"))["accuracy"] > 0.97


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_optimizers(optimizer, succeed):
    rate = {"adadelta": "1", "lion": "0.001", "rprop": "0.001"}.get(optimizer, "0.01")
    out = succeed(
        "train", "digits", "--optimizer", optimizer, "--lr", rate,
        "--l1", "1e-6", "--l2", "1e-6", "--clip-norm", "5", "--epochs", "20", "--quiet",
        *(["--momentum", "0.9"] if optimizer in ("sgd", "rmsprop") else []),
        *(["--weight-decay", "0.0001"] if optimizer != "rprop" else []),
        *(["--batch-size", "4000"] if optimizer == "rprop" else []),
    )  # fmt: skip
    assert float(re.search(r"accuracy ([\d.]+)%", out)[1]) > 90


@pytest.mark.parametrize(
    ("schedule", "first", "last"),
    [
        # The rates of the last steps of epochs 1 and 3, of 10 steps each, by the formulas.
        ("constant", 0.1, 0.1),
        ("linear", 0.1 * (1 - 0.99 * 9 / 30), 0.1 * (1 - 0.99 * 29 / 30)),
        ("step", 0.1, 0.001),
        ("exponential", 0.1 * 0.01 ** (9 / 30), 0.1 * 0.01 ** (29 / 30)),
        ("cosine", 0.05 * (1 + np.cos(np.pi * 9 / 30)), 0.05 * (1 + np.cos(np.pi * 29 / 30))),
        ("one-cycle", None, 0.1 / 25 / 1e4),
    ],
)
@pytest.mark.parametrize("warm_up", [0, 20])
def test_schedules(schedule, first, last, warm_up, succeed):
    np.savez("d.npz", x=np.random.default_rng(0).normal(size=(125, 2)), y=np.arange(125) % 2)
    succeed(
        "train", "d.npz", "--schedule", schedule, "--lr", "0.1", "--warm-up", warm_up, *FAST,
        "--validation", "0", "--batch-size", "10", "--history", "h.csv",
    )  # fmt: skip
    rates = [float(row["lr"]) for row in read_csv(Path("h.csv").read_text())]
    assert rates[2] == pytest.approx(last, rel=1e-9)
    if first is not None and not warm_up:
        assert rates[0] == pytest.approx(first, rel=1e-9)
    if warm_up and schedule == "constant":
        assert rates[:2] == pytest.approx([0.05, 0.1], rel=1e-9)


def test_patience(run):
    code, out, _ = run("train", "digits", "--epochs", "500", "--patience", "2", "--lr", "0.02",
                       "--history", "h.json")  # fmt: skip
    history = json.loads(Path("h.json").read_text())
    losses = [epoch["val_loss"] for epoch in history["epochs"]]
    assert code == 0
    assert len(losses) == history["best_epoch"] + 2 < 500
    assert losses[history["best_epoch"] - 1] == min(losses)
    assert "ended early: val_loss has not improved for 2 epochs" in out


def test_validation_rows_are_held_out(succeed):
    succeed("train", "digits", *FAST, "--history", "h.csv", "--validation", "0")
    assert list(read_csv(Path("h.csv").read_text())[0]) == ["epoch", "loss", "lr", "seconds"]
    succeed("train", "digits", *FAST, "--history", "h.csv")
    assert {"val_loss", "val_accuracy"} < read_csv(Path("h.csv").read_text())[0].keys()


def test_threads_do_not_change_the_result(succeed):
    for threads in (1, 2):
        succeed("train", "digits", *FAST, "--threads", threads, "--out", str(threads))
        assert fastnn.get_num_threads() == threads
    assert Path("1").read_bytes() == Path("2").read_bytes()


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_plot(ending, succeed):
    succeed("train", "digits", *FAST, "--plot", f"curve.{ending}")
    start = {"png": b"\x89PNG", "svg": b"<?xml"}[ending]
    assert Path(f"curve.{ending}").read_bytes().startswith(start)


def test_rare_classes_are_no_obstacle(succeed):
    flowers = blobs(60)
    flowers["species"] = ["orchid", *flowers["species"][1:]]
    write_csv("flowers.csv", flowers)
    succeed("train", "flowers.csv", "--label", "species", *FAST)
    assert load_metadata("model.safetensors")["classes"] == ["iris", "lily", "orchid", "rose"]


# -- scaling --------------------------------------------------------------------------------------


def test_tables_are_scaled_and_models_take_them_as_they_are(succeed):
    write_csv("flowers.csv.gz", blobs())
    options = ["train", "flowers.csv.gz", "--label", "species", "--quiet", "--epochs", "30"]
    succeed(*options)
    assert len(load("model.safetensors")) == 3  # no layer was added
    result = json.loads(succeed("evaluate", "model.safetensors", "flowers.csv.gz", "--json"))
    assert result["accuracy"] > 0.97
    succeed(*options, "--scaling", "none")
    result = json.loads(succeed("evaluate", "model.safetensors", "flowers.csv.gz", "--json"))
    assert result["accuracy"] < 0.97


@pytest.mark.parametrize("hidden", ["none", "32"])
def test_regression(hidden, succeed):
    write_csv("houses.csv", line())
    out = succeed(
        "train", "houses.csv", "--label", "price", "--epochs", "100", "--hidden", hidden,
        "--lr", "0.01", "--schedule", "linear", "--quiet",
    )  # fmt: skip
    assert float(re.search(r"R2 ([\d.]+)", out)[1]) > 0.99
    new = line(20, seed=1)
    write_csv("new.csv", new)
    prices = [float(row["prediction"]) for row in read_csv(succeed("predict", "model.safetensors",
                                                                   "new.csv"))]  # fmt: skip
    # In the table's own units, whose standard deviation is about 18,000.
    np.testing.assert_allclose(prices, new["price"], atol=2_000)
    result = json.loads(succeed("evaluate", "model.safetensors", "new.csv", "--json"))
    difference = np.float32(prices) - np.float32(new["price"])
    assert result["loss"] == pytest.approx(np.mean(np.float64(difference) ** 2), rel=1e-5)


@pytest.mark.parametrize("targets", [(), (1,), (3,)])
def test_standardization_folds_into_weights(targets, rng):
    x = rng.normal(size=(50, 4)) * [1, 10, 1e-3, 0] + [0, 5, 2, 0.1]
    y = rng.normal(size=(50, *targets)) * 7 - 3
    model = fastnn.Sequential(
        fastnn.Linear(4, 6, dtype="float64"), fastnn.Tanh(),
        fastnn.Linear(6, *targets or (1,), dtype="float64"),
    )  # fmt: skip
    inputs, outputs = Standardization.of(x), Standardization.of(y)
    scaled = inputs.apply(x, np.float64)
    np.testing.assert_allclose(scaled.mean(0), 0, atol=1e-9)
    np.testing.assert_allclose(scaled.std(0), [1, 1, 1, 0], atol=1e-9)
    expected = model.predict(scaled) * outputs.scale + outputs.mean
    inputs.fold_into_input(model[0])
    outputs.fold_into_output(model[2])
    np.testing.assert_allclose(model.predict(x), expected, rtol=1e-11)


# -- data of all kinds ----------------------------------------------------------------------------


def write_idx_folder(folder, n=60):
    rng = np.random.default_rng(0)
    folder.mkdir()
    for part in ("train", "t10k"):
        y = (np.arange(n) % 3).astype(np.uint8)
        x = rng.integers(0, 60, (n, 6, 6)).astype(np.uint8)
        x[np.arange(n), y] += 180
        head = bytes([0, 0, 8, 3]) + np.array(x.shape, ">u4").tobytes()
        (folder / f"{part}-images-idx3-ubyte").write_bytes(head + x.tobytes())
        head = bytes([0, 0, 8, 1]) + np.array(y.shape, ">u4").tobytes()
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(head + y.tobytes())


def test_idx_folder(tmp_path, succeed):
    write_idx_folder(tmp_path / "bars")
    out = succeed("train", "bars", "--epochs", "20", "--batch-size", "8", "--quiet")
    assert "accuracy 100.00% (60 of 60)" in out
    assert repr(load("model.safetensors")).startswith("Sequential(Flatten(), Linear(36, 256)")
    out = succeed("evaluate", "model.safetensors", "bars")
    assert "test: loss" in out
    assert "accuracy 100.00%" in out
    rows = read_csv(succeed("predict", "model.safetensors", "bars"))
    assert [row["prediction"] for row in rows] == ["0", "1", "2"] * 20


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_npz(dtype, succeed):
    flowers = blobs()
    x = np.stack([1e4 * flowers["sepal"], flowers["petal"]], 1).astype(dtype)
    np.savez("train.npz", x=x, y=flowers["species"])
    np.savez("new.npz", x=x[:30])
    succeed("train", "train.npz", "--epochs", "30", "--quiet")
    rows = read_csv(succeed("predict", "model.safetensors", "new.npz"))
    predicted = np.array([row["prediction"] for row in rows])
    assert (predicted == flowers["species"][:30]).mean() > 0.9


def test_several_numbers_to_predict(succeed):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    np.savez("d.npz", x=x, y=x @ rng.normal(size=(3, 2)) * 100 + 7)
    out = succeed("train", "d.npz", "--hidden", "none", "--lr", "0.05", "--quiet")
    assert float(re.search(r"R2 ([\d.]+)", out)[1]) > 0.99
    rows = read_csv(succeed("predict", "model.safetensors", "d.npz"))
    assert list(rows[0]) == ["prediction_0", "prediction_1"]


def test_data_without_targets():
    write_csv("a.csv", {"b": [1, 2], "note": ["x", "y"], "a": [3, 4], "label": ["p", "q"]})
    np.testing.assert_array_equal(data.load_inputs("a.csv", ["a", "b"]), [[3, 1], [4, 2]])
    with pytest.raises(ValueError, match=r"a.csv: line 2, column 'note': expected a number"):
        data.load_inputs("a.csv")  # every column but the label
    np.savez("x.npz", data=np.ones((2, 3)), data_test=np.zeros((1, 3)), y=np.ones(2))
    np.testing.assert_array_equal(data.load_inputs("x.npz"), np.zeros((1, 3)))
    np.savez("y.npz", y=np.ones(2))
    with pytest.raises(ValueError, match=r"y.npz: expected one of x_test, .*, data, got y"):
        data.load_inputs("y.npz")


# -- evaluate -------------------------------------------------------------------------------------


@pytest.fixture
def flowers(succeed):
    """A model of flowers and the table it was trained on."""
    write_csv("flowers.csv", blobs())
    succeed("train", "flowers.csv", "--label", "species", "--epochs", "30", "--quiet")
    return blobs()


def test_evaluate_equals_what_train_said(succeed):
    trained = succeed("train", "digits", *FAST)
    evaluated = succeed("evaluate", "model.safetensors", "digits")
    assert trained.splitlines()[0] == evaluated.splitlines()[-1]
    assert "confusion" in evaluated


def test_evaluate_json(flowers, succeed):
    result = json.loads(succeed("evaluate", "model.safetensors", "flowers.csv", "--json"))
    assert result["samples"] == 240
    assert list(result["classes"]) == ["iris", "lily", "rose"]
    assert np.sum(result["confusion_matrix"]) == 240
    assert result["accuracy"] == np.trace(result["confusion_matrix"]) / 240


def test_columns_and_classes_go_by_name(flowers, succeed):
    # Another order of columns, one more, and a class missing, so that numbers would be wrong.
    rows = flowers["species"] != "iris"
    table = {"note": np.full(rows.sum(), "x")}
    table |= {name: flowers[name][rows] for name in ("species", "constant", "sepal", "petal")}
    write_csv("more.csv", table)
    result = json.loads(succeed("evaluate", "model.safetensors", "more.csv", "--json"))
    assert result["accuracy"] > 0.97
    assert result["classes"]["iris"]["support"] == 0
    del table["species"]
    write_csv("new.csv", table)
    predicted = [row["prediction"] for row in read_csv(succeed("predict", "model.safetensors",
                                                               "new.csv"))]  # fmt: skip
    assert np.mean(predicted == flowers["species"][rows]) > 0.97


def test_another_name_for_the_label(flowers, run):
    flowers["kind"] = flowers.pop("species")
    write_csv("more.csv", flowers)
    assert run("evaluate", "model.safetensors", "more.csv", "--label", "kind")[0] == 0
    code, _, err = run("evaluate", "model.safetensors", "more.csv")
    assert code == 2
    assert "expected a column 'species'" in err


def test_a_model_from_python_without_metadata(succeed):
    save(fastnn.Sequential(fastnn.Linear(64, 10)), "m", metadata={"classes": 10, "loss": {}})
    result = json.loads(succeed("evaluate", "m", "digits", "--json"))
    assert 0 <= result["accuracy"] < 0.5
    rows = read_csv(succeed("predict", "m", "digits"))
    assert list(rows[0]) == [f"prediction_{i}" for i in range(10)]
    outputs = load("m").predict(data.load_digits().x_test)
    np.testing.assert_array_equal(np.float32(list(rows[0].values())), outputs[0])


# -- predict --------------------------------------------------------------------------------------


def test_probabilities(flowers, succeed):
    out = succeed("predict", "model.safetensors", "flowers.csv", "--probabilities")
    rows = read_csv(out)
    assert list(rows[0]) == ["prediction", "p_iris", "p_lily", "p_rose"]
    p = np.array([[float(row[f"p_{name}"]) for name in ("iris", "lily", "rose")] for row in rows])
    x = np.stack([flowers[name] for name in ("petal", "sepal", "constant")], 1).astype(np.float32)
    logits = load("model.safetensors").predict(x).astype(np.float64)
    expected = np.exp(logits - logits.max(1, keepdims=True))
    expected /= expected.sum(1, keepdims=True)
    np.testing.assert_allclose(p, expected, rtol=1e-5, atol=1e-30)
    assert [row["prediction"] for row in rows] == [("iris", "lily", "rose")[i] for i in p.argmax(1)]
    succeed("predict", "model.safetensors", "flowers.csv", "--probabilities", "--out", "p.csv")
    assert Path("p.csv").read_text() == out


def test_predictions_into_a_closed_pipe(flowers):
    np.savez("many.npz", x=np.zeros((100_000, 3), np.float32))
    child = subprocess.Popen(
        [sys.executable, "-m", "fastnn", "predict", "model.safetensors", "many.npz"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    child.stdout.readline()
    child.stdout.close()
    errors = child.stderr.read()
    child.stderr.close()
    assert (child.wait(), errors) == (141, b"")


# -- info, help -----------------------------------------------------------------------------------


def test_info(succeed):
    out = succeed("info")
    for word in (fastnn.__version__, np.__version__, "kernels selected", "OpenMP", "threads"):
        assert word in out


def test_help_needs_no_part_that_computes():
    code = (
        "import sys, types\n"
        "package = types.ModuleType('fastnn')\n"
        f"package.__path__ = {fastnn.__path__!r}\n"
        "sys.modules['fastnn'] = package\n"
        "from fastnn.cli import main\n"
        "for argv in (['--help'], ['train', '--help'], ['--version'], ['train', '--lr', 'x']):\n"
        "    main(argv)\n"
        "assert 'numpy' not in sys.modules\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert f"fastnn {fastnn.__version__}\n" in run.stdout


@pytest.mark.parametrize("command", [[], ["train"], ["evaluate"], ["predict"], ["info"]])
def test_help(command, succeed):
    out = succeed(*command, "--help")
    assert "usage: fastnn" in out
    if command and command != ["info"]:
        assert "examples:" in out


def test_help_knows_all_names(succeed):
    out = succeed("train", "--help")
    for name in (*LOSSES, *OPTIMIZERS):
        assert re.search(rf"\b{name}\b", out), name


def test_help_names_all_kinds_of_data():
    from fastnn.data.source import ACCEPTED

    for text in (ACCEPTED, _arguments._DATA):
        kinds = re.findall(r"^  (digits|a folder|a file \.npz|a file \.csv\[\.gz\])", text, re.M)
        assert len(kinds) == 4


def test_as_a_module():
    run = process("--version")
    assert (run.returncode, run.stdout) == (0, f"fastnn {fastnn.__version__}\n")


# -- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ("", "arguments are required: COMMAND"),
        ("tarin digits", "invalid choice: 'tarin'"),
        ("train", "arguments are required: DATA"),
        ("train digits --speed", "unrecognized arguments: --speed"),
        ("train absent.csv", "absent.csv: no such file or folder. Accepted are"),
        ("train empty", "empty: a folder without IDX files"),
        ("train digits --label x", "label: expected only with a .csv table"),
        ("train flowers.csv", "expected a column named label, target"),
        ("train flowers.csv --label color", "expected a column 'color'"),
        ("train flowers.csv --label species --task regression", "expected a number to predict"),
        ("train one.csv", "expected at least 2 classes to tell apart"),
        ("train nan.npz", "nan.npz: expected finite numbers, got others in example"),
        ("train digits --hidden 12,x", "--hidden: expected widths such as 128,64"),
        ("train digits --hidden 0", "--hidden: expected widths"),
        ("train digits --activation rely", "--activation: expected one of identity, "),
        ("train digits --dropout 1", "--dropout: expected at least 0 and below 1, got '1'"),
        ("train digits --loss log", "--loss: expected one of cross_entropy, "),
        ("train line.csv --label price --loss cross_entropy", "expected one of mse, l1, huber"),
        ("train digits --optimizer lamb", "--optimizer: expected one of sgd, "),
        ("train digits --momentum 0.9", "--momentum: expected sgd or rmsprop with it, got adam"),
        ("train digits --momentum 1", "--momentum: expected at least 0 and below 1"),
        ("train digits --lr 0", "--lr: expected a number above 0, got '0'"),
        ("train digits --lr nan", "--lr: expected a number above 0"),
        ("train digits --l1 -1", "--l1: expected"),
        ("train digits --schedule warp", "--schedule: invalid choice"),
        ("train digits --warm-up -1", "--warm-up: expected a whole number"),
        ("train digits --epochs 0", "--epochs: expected a whole number of at least 1"),
        ("train digits --epochs 1e3", "--epochs: expected a whole number"),
        ("train digits --batch-size 0", "--batch-size: expected"),
        ("train digits --validation 1", "--validation: expected at least 0 and below 1"),
        ("train digits --test-size 1.5", "--test-size: expected a fraction"),
        ("train flowers.csv --label species --test-size 999", "test_size: expected between 1"),
        ("train digits --patience 2 --validation 0", "--patience: expected --validation above 0"),
        ("train digits --dtype float16", "--dtype: invalid choice"),
        ("train digits --threads 0", "--threads: expected"),
        ("train digits --threads 5000", "expected 1 to 1024 threads, got 5000"),
        ("train digits --out no/m", "no/m: No such file or directory"),
        ("train digits --out empty", "empty: Is a directory"),
        ("train digits --plot no/p.png", "no/p.png: No such file or directory"),
        ("train digits --plot p.xyz", "--plot: expected a file ."),
        ("train digits --history no/h.csv", "no/h.csv: No such file or directory"),
        ("train digits --history h.txt", "--history: expected a file .csv or .json"),
        ("evaluate absent digits", "absent: No such file or directory"),
        ("evaluate flowers.csv digits", "flowers.csv: expected an intact safetensors file"),
        ("evaluate m flowers.csv --label species", "expected samples of shape (64,), got (3,)"),
        ("evaluate m10 digits", "m10: gives 4 numbers for an example, where digits has 10 classes"),
        ("evaluate cats digits", "digits: expected the model's classes cat, dog"),
        ("evaluate m absent", "absent: no such file or folder"),
        ("predict m flowers.csv", "flowers.csv: line 2, column 'species': expected a number"),
        ("predict m digits --out no/p.csv", "no/p.csv: No such file or directory"),
        ("predict m digits --probabilities", "--probabilities: expected a model of classes"),
        ("predict hinge digits --probabilities", "trained with cross_entropy or bce_with_logits"),
        ("predict table flowers.csv", "expected columns 'width' too, got 'petal', 'sepal'"),
        ("info digits", "unrecognized arguments: digits"),
    ],
)
def test_wrong_usage(argv, message, tmp_path, run):
    (tmp_path / "empty").mkdir()
    write_csv("flowers.csv", blobs(30))
    write_csv("line.csv", line(30))
    write_csv("one.csv", {"a": [1, 2, 3], "label": ["x", "x", "x"]})
    np.savez("nan.npz", x=np.full((9, 2), np.nan), y=np.arange(9) % 2)
    linear = fastnn.Linear(64, 10)
    save(linear, "m")
    save(fastnn.Linear(64, 4), "m10")
    save(fastnn.Linear(64, 2), "cats", metadata={"classes": ["cat", "dog"]})
    save(linear, "hinge", metadata={"classes": list("0123456789"), "loss": "hinge"})
    save(fastnn.Linear(2, 1), "table", metadata={"features": ["petal", "width"]})
    before = sorted(os.listdir())
    code, out, err = run(*argv.split())
    assert (code, out) == (2, "")
    assert err.startswith("fastnn: error: ")
    assert message in err
    assert err.count("\n") == 1 or "Accepted are" in err
    assert sorted(os.listdir()) == before  # found before anything was written


def test_divergence_is_a_failure_that_saves_nothing(run):
    code, _, err = run("train", "digits", "--optimizer", "sgd", "--lr", "1e30", "--quiet")
    assert code == 1
    assert re.search(r"error: training diverged: the loss of epoch \d+ is not a finite number", err)
    assert os.listdir() == []


def test_a_full_disk_is_a_failure(run, monkeypatch):
    import fastnn.io.atomic

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(fastnn.io.atomic.os, "fsync", full)
    code, _, err = run("train", "digits", *FAST)
    assert (code, err) == (1, "fastnn: error: model.safetensors: No space left on device\n")


def test_plot_without_matplotlib(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.backend_bases", None)
    code, out, err = run("train", "digits", "--plot", "p.png")
    assert (code, out) == (1, "")
    assert "pip install 'fastnn[plot]'" in err


def test_out_may_be_a_device(succeed):
    succeed("train", "digits", *FAST, "--out", os.devnull)
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


# -- Ctrl-C ---------------------------------------------------------------------------------------

# A shell's background jobs begin with SIGINT ignored, and so may the test's own process.
INTERRUPTIBLE = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from fastnn.cli import main; sys.exit(main())"
)


def test_interrupted_training_keeps_the_model():
    child = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, "train", "digits", "--epochs", "1000000",
         "--history", "h.csv", "--plot", "p.png"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        for _ in range(30):  # epochs that are surely over
            assert child.stderr.readline().startswith("epoch")
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=60)
    finally:
        child.kill()
        child.wait()
    assert child.returncode == 130
    message = re.search(
        r"fastnn: interrupted after (\d+) of 1000000 epochs; "
        r"the model so far is in model\.safetensors\n$", errors,
    )  # fmt: skip
    assert message
    assert int(message[1]) >= 30
    test = data.load_digits()
    outputs = load("model.safetensors").predict(test.x_test)
    assert (outputs.argmax(1) == test.y_test).mean() > 0.9
    assert len(read_csv(Path("h.csv").read_text())) == int(message[1])
    assert os.path.getsize("p.png") > 1000


def test_interrupted_in_the_middle_of_an_epoch(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40_000, 200)).astype(np.float32)
    np.savez("d.npz", x=x, y=np.arange(40_000) % 2)
    child = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, "train", "d.npz", "--hidden", "2000,2000",
         "--batch-size", "1", "--epochs", "2"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        while "total" not in child.stdout.readline():  # the summary's last line
            assert child.poll() is None
        time.sleep(0.5)
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=60)
    finally:
        child.kill()
        child.wait()
    assert child.returncode == 130
    assert "interrupted after 0 of 2 epochs" in errors
    assert load("model.safetensors").predict(x[:1]).shape == (1, 2)


# -- tables ---------------------------------------------------------------------------------------


def test_confusion_table_lines_up():
    table = confusion_table([[1000, 0], [2, 30]], ["a", "long name"]).split("\n")
    assert table == [
        "             a long name",
        "a         1000         .",
        "long name    2        30",
    ]
