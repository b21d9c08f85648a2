"""PyTorch through torch.compile: the net and its loss become C++. The warm-up compiles."""

from functools import partial

import torch

from benchmarks.peers import torch_steps

VERSION = torch_steps.VERSION

train = partial(torch_steps.train, compiler=torch.compile)
predictor = partial(torch_steps.predictor, compiler=torch.compile)
