"""Encoder and decoder together."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import torch
from torch import Tensor, nn

from cosolve.models.checkpoints import Checkpoint
from cosolve.models.rrnco.baselines import MatNetEncoder, PomoEncoder
from cosolve.models.rrnco.batch import Batch
from cosolve.models.rrnco.config import ModelConfig, RrncoConfig
from cosolve.models.rrnco.decoder import Decoder, Embedding
from cosolve.models.rrnco.encoder import Block, Encoder
from cosolve.models.rrnco.environment import State

#: The published bound on scores.
SCORE = 10.0


class Network(nn.Module):
    """
    The whole network, for instances of any number of nodes.

    Parameters
    ----------
    problem
        "atsp", "acvrp" or "acvrptw": what is among the features of nodes and states.
    """

    is_compiled = False

    def __init__(self, config: ModelConfig, problem: str) -> None:
        super().__init__()
        self.config, self.problem = config, problem
        encoders: dict[str, type[Encoder | PomoEncoder | MatNetEncoder]]
        encoders = {"rrnco": Encoder, "pomo": PomoEncoder, "matnet": MatNetEncoder}
        self.encoder = encoders[config.encoder](config, problem)
        self.decoder = Decoder(config, problem)

    def load(self, checkpoint: Checkpoint) -> None:
        """
        Take a checkpoint's weights, also those of an encoder with fewer layers: the others change nothing at first.

        Raises
        ------
        InvalidFileError
            If the checkpoint is damaged, or its network another than that.
        """
        layers = checkpoint.config(RrncoConfig).model.layers
        if not isinstance(self.encoder, Encoder) or layers >= self.config.layers:
            checkpoint.load_into(self)
            return
        shallow = checkpoint.network(lambda: Network(replace(self.config, layers=layers), self.problem))
        self.load_state_dict(shallow.state_dict(), strict=False)
        for before, layer in pairwise(self.encoder.layers[layers - 1 :]):
            layer.change_nothing_after(before)

    def encode(self, batch: Batch) -> Embedding:
        """Embed the nodes of a batch."""
        return self.decoder.remember(*self.encoder(batch))

    def score(self, batch: Batch, embedding: Embedding, state: State, mask: Tensor) -> Tensor:
        """Scores of the next nodes, (B, S, n); see :class:`Decoder`."""
        return self.decoder(batch, embedding, state, mask)

    def decide(self, batch: Batch, embedding: Embedding, state: State, mask: Tensor) -> Tensor:
        """Log-probabilities of the next nodes, (B, S, n): in the order of the scores, which they bound."""
        bounded = SCORE * torch.tanh(self.score(batch, embedding, state, mask))
        return bounded.masked_fill(~mask, -torch.inf).log_softmax(dim=2)

    def compile_encoder(self) -> None:
        """Let PyTorch compile the blocks of the encoder, which share what is compiled, for any shape."""
        self.is_compiled = True
        for part in [part for part in self.encoder.modules() if isinstance(part, Block)] or [self.encoder]:
            part.compile(dynamic=True)

    def compile_parts(self) -> None:
        """Let PyTorch compile encoder and decoder, for any shape."""
        self.compile_encoder()
        self.decoder.compile(dynamic=True)
