"""What every training process needs, loaded once in the process that they are forked from."""

import matplotlib.figure  # noqa: F401
import tensorboard  # noqa: F401

import recyclenet.cli.train
import recyclenet.training.loop
import recyclenet.training.update  # noqa: F401
