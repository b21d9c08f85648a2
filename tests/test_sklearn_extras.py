"""What fastnn's perceptrons take beyond scikit-learn's parameters."""

import copy

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

pytest.importorskip("sklearn", minversion="1.7")

from perceptrons import classifier, forward, regressor, same, some_digits, some_values
from sklearn.utils.class_weight import compute_sample_weight

import fastnn

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

digits = pytest.fixture(scope="module", name="digits")(some_digits)
values = pytest.fixture(scope="module", name="values")(some_values)

# -- classes and their weights -------------------------------------------------------------------


@pytest.mark.parametrize("weights", ["balanced", {0: 3.0, 4: 0.5}])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_class_weights_are_sample_weights(digits, weights, solver):
    x, y = digits[0], np.minimum(digits[1], 5)
    own = np.random.RandomState(0).rand(len(y))
    expected = compute_sample_weight(weights, y)
    a = classifier(solver=solver, class_weight=weights)
    b = classifier(solver=solver)
    same(a.fit(x, y), b.fit(x, y, expected))
    same(a.fit(x, y, own), b.fit(x, y, own * expected))


def test_class_weights_in_partial_fit(digits):
    x, y = digits
    weights = dict.fromkeys(range(10), 1.0) | {3: 5.0}
    a, b = classifier(class_weight=weights), classifier()
    a.partial_fit(x, y, classes=np.arange(10))
    b.partial_fit(x, y, compute_sample_weight(weights, y), classes=np.arange(10))
    same(a, b)
    with pytest.raises(ValueError, match="class_weight: expected a dict with partial_fit"):
        classifier(class_weight="balanced").partial_fit(x, y, classes=np.arange(10))


# -- layers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("dropout", [0, 0.3, (0.3, 0)])
@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ("gelu", ("gelu", "gelu")),
        (("logistic", "mish"), ("sigmoid", "mish")),
        (["relu", "identity"], ("relu", "identity")),
    ],
)
def test_predictions_follow_the_formula_and_drop_nothing(values, asked, names, dropout, batch_norm):
    x, y = values
    model = regressor(
        hidden_layer_sizes=(8, 6), activation=asked, dropout=dropout, batch_norm=batch_norm
    ).fit(x, y)
    # GELU has an approximation of erf in its kernel, exact to 1e-7 or so; the rest to rounding.
    assert_allclose(model.predict(x), forward(model, x, names), rtol=1e-6, atol=1e-7)
    assert_array_equal(model.predict(x), model.predict(x))


def test_one_name_for_all_layers_is_scikit_learns(digits):
    for name in ("logistic", "relu"):
        a = classifier(hidden_layer_sizes=(9, 7), activation=name)
        b = classifier(hidden_layer_sizes=(9, 7), activation=[name, name])
        same(a.fit(*digits), b.fit(*digits))


def test_batch_norm_normalises(digits):
    x, y = digits
    model = classifier(
        batch_norm=True, batch_size=500, max_iter=300, learning_rate_init=1e-9,
        n_iter_no_change=np.inf,
    ).fit(x, y)  # fmt: skip
    z = x @ model.coefs_[0] + model.intercepts_[0]
    # Running statistics of 300 equal batches: 0.9^300 of the initial ones is left.
    assert_allclose(model.norms_[0]["running_mean"], z.mean(axis=0), rtol=1e-5, atol=1e-6)
    assert_allclose(model.norms_[0]["running_var"], z.var(axis=0, ddof=1), rtol=1e-5)


def test_dropout_is_noise_of_the_seed(digits):
    a, b = classifier(dropout=0.5).fit(*digits), classifier(dropout=0.5).fit(*digits)
    assert a.loss_curve_ == b.loss_curve_
    c = classifier(dropout=0.5, random_state=1).fit(*digits)
    assert c.loss_curve_ != a.loss_curve_
    # Half of the units are missing: the loss that training tells is higher than the net's.
    assert a.loss_curve_[-1] > -np.log(a.predict_proba(digits[0])[range(500), digits[1]]).mean()


# -- optimizers and schedules --------------------------------------------------------------------


def test_an_optimizer_by_name_takes_rate_and_penalty(digits):
    a = classifier(optimizer="adam", alpha=0.3, learning_rate_init=0.01).fit(*digits)
    b = classifier(
        optimizer=fastnn.Adam(0.01, sample_l2=0.3), alpha=77.0, learning_rate_init=1.0
    ).fit(*digits)
    same(a, b)
    plain = classifier(solver="sgd", momentum=0, learning_rate_init=0.1)
    same(plain.fit(*digits), classifier(optimizer=fastnn.SGD(0.1, sample_l2=1e-4)).fit(*digits))


def test_a_given_optimizer_is_copied(digits):
    optimizer = fastnn.Lion(1e-3)
    model = classifier(optimizer=optimizer)
    model.fit(*digits).partial_fit(*digits)
    assert optimizer.steps == 0
    assert model.get_params()["optimizer"] is optimizer
    assert len(model.loss_curve_) == 6


def test_schedules_give_the_rate_of_each_step(digits):
    seen = []

    class Watch(fastnn.Callback):
        def on_epoch_end(self, trainer, record):
            seen.append(record["lr"])

    schedule = fastnn.schedules.LinearDecay(0.01, tau=15, floor=0.1)
    model = classifier(schedule=schedule, callbacks=[Watch()], optimizer=fastnn.SGD(1.0))
    model.fit(*digits)
    assert_allclose(seen, [schedule(step) for step in (2, 5, 8, 11, 14)])
    constant = classifier(schedule=lambda step: np.full(np.shape(step), 0.05), solver="sgd")
    same(constant.fit(*digits), classifier(solver="sgd", learning_rate_init=0.05).fit(*digits))


# -- validation, callbacks, the rest ------------------------------------------------------------


def test_validation_data_of_ones_own(digits):
    x, y = digits
    model = classifier().fit(x[:400], y[:400], X_val=x[400:], y_val=y[400:])
    same(model, classifier().fit(x[:400], y[:400]))
    assert len(model.validation_loss_curve_) == len(model.validation_scores_) == 5
    p = model.predict_proba(x[400:])[range(100), y[400:]]
    assert_allclose(model.validation_loss_curve_[-1], -np.log(p).mean(), rtol=1e-9)
    assert_allclose(model.validation_scores_[-1], model.score(x[400:], y[400:]), rtol=1e-12)
    assert classifier().fit(x, y).validation_loss_curve_ is None


def test_early_stopping_on_validation_data_goes_back_to_the_best(digits):
    x, y = digits
    model = classifier(
        early_stopping=True, n_iter_no_change=4, max_iter=300, learning_rate_init=0.05
    ).fit(x[:300], y[:300], X_val=x[300:], y_val=y[300:])
    assert model.t_ == 300 * model.n_iter_  # nothing was split off
    assert max(model.validation_scores_) == model.best_validation_score_
    assert_allclose(model.score(x[300:], y[300:]), model.best_validation_score_, rtol=1e-12)


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_validation_of_regressors(values, loss):
    x, y = values[0], np.exp(values[1])
    model = regressor(loss).fit(x[:60], y[:60], X_val=x[60:], y_val=y[60:])
    assert_allclose(model.validation_scores_[-1], model.score(x[60:], y[60:]), rtol=1e-9)
    p, t = model.predict(x[60:]), y[60:]
    expected = ((p - t) ** 2 / 2).mean()
    if loss == "poisson":
        expected = (t * np.log(t / p) - t + p).sum(axis=1).mean()
    assert_allclose(model.validation_loss_curve_[-1], expected, rtol=1e-9)


def test_wrong_validation_data_are_refused_before_anything_is_changed(digits):
    x, y = digits
    model = classifier().fit(x, y)
    before = copy.deepcopy(model.coefs_)
    for wrong in ({"X_val": x}, {"X_val": x[:, :3], "y_val": y}, {"X_val": x, "y_val": y + 1}):
        with pytest.raises(ValueError, match=r"X_val|features|classes"):
            model.fit(x, y, **wrong)
        for a, b in zip(before, model.coefs_, strict=True):
            assert_array_equal(a, b)


def test_callbacks_are_told_and_can_stop(digits):
    class Watch(fastnn.Callback):
        def __init__(self):
            self.told = []

        def on_fit_begin(self, trainer):
            self.told.append("begin")

        def on_step(self, trainer, step, loss):
            self.told.append(step)

        def on_epoch_end(self, trainer, record):
            assert record["loss"] == trainer.estimator.loss_curve_[-1]
            self.told.append("epoch")
            if record["epoch"] == 2:
                raise fastnn.StopTraining("enough")

        def on_fit_end(self, trainer):
            self.told.append(trainer.history.stopped)

    watch = Watch()
    model = classifier(callbacks=[watch], batch_size=250).fit(*digits)
    assert watch.told == ["begin", 1, 2, "epoch", 3, 4, "epoch", "enough"]
    assert model.n_iter_ == 2
    same(model, classifier(batch_size=250, max_iter=2).fit(*digits))


def test_interrupted_training_leaves_what_was_learned(digits):
    class Interrupt(fastnn.Callback):
        def on_epoch_end(self, trainer, record):
            raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model = classifier(callbacks=[Interrupt()]).fit(*digits)
    assert model.n_iter_ == 1
    same(model, classifier(max_iter=1).fit(*digits))


def test_fastnns_early_stopping(digits):
    x, y = digits
    stop = fastnn.EarlyStopping("val_loss", patience=2)
    model = classifier(callbacks=[stop], max_iter=200, learning_rate_init=0.05)
    model.fit(x[:300], y[:300], X_val=x[300:], y_val=y[300:])
    assert model.n_iter_ < 200
    p = model.predict_proba(x[300:])[range(200), y[300:]]
    assert_allclose(-np.log(p).mean(), min(model.validation_loss_curve_), rtol=1e-9)


def test_progress_is_shown(digits, capsys):
    classifier(progress=True, max_iter=2).fit(*digits)
    assert "epoch 2/2" in capsys.readouterr().err


@pytest.mark.parametrize("asked", ["float32", np.float32, np.dtype("float32")])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_dtype(digits, asked, solver):
    x, y = digits
    model = classifier(dtype=asked, solver=solver).fit(x, y)
    assert {a.dtype for a in model.coefs_ + model.intercepts_} == {np.dtype(np.float32)}
    assert model.predict_proba(x).dtype == np.float32
    if solver == "adam":
        same(model, classifier().fit(x.astype(np.float32), y))
    assert classifier(dtype="float64").fit(x.astype("f"), y).coefs_[0].dtype == np.float64


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"activation": ("relu",)}, "activation: expected one value, or 2"),
        ({"activation": ("relu", "sine")}, "activation: expected names among .*got 'sine'"),
        ({"activation": "sine"}, "'activation' parameter of MLPClassifier must be"),
        ({"dropout": 1.0}, "'dropout' parameter"),
        ({"dropout": (0.5, 1)}, r"dropout: expected numbers in \[0, 1\), got 1"),
        ({"loss": "poisson"}, "'loss' parameter"),
        ({"optimizer": "lbfgs"}, "'optimizer' parameter"),
        ({"dtype": np.int32}, "dtype: expected float32, float64 or None, got int32"),
        ({"n_threads": 0}, "'n_threads' parameter"),
        ({"solver": "lbfgs", "dropout": 0.1}, r"dropout: expected 0.0 with solver='lbfgs'"),
        ({"solver": "lbfgs", "optimizer": "adam"}, "optimizer: expected None with solver"),
    ],
)
def test_wrong_settings_are_refused(digits, parameters, message):
    with pytest.raises(ValueError, match=message):
        classifier(hidden_layer_sizes=(4, 3), **parameters).fit(*digits)
    with pytest.raises(TypeError, match=r"callbacks\[0\]: expected a Callback"):
        classifier(callbacks=["print"]).fit(*digits)


def test_a_regressor_takes_no_loss_of_classes(values):
    with pytest.raises(ValueError, match="loss: expected one for numbers"):
        regressor("hinge").fit(*values)
