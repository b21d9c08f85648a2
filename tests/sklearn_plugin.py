"""A pytest plugin: ``sklearn.neural_network`` has fastnn's perceptrons in place of its own."""

import sklearn.neural_network

import fastnn.sklearn

for _name in fastnn.sklearn.__all__:
    setattr(sklearn.neural_network, _name, getattr(fastnn.sklearn, _name))
