"""Everything that can be set about an RRNCO network and its training; the tables of ``config.toml``."""

from __future__ import annotations

from dataclasses import dataclass, field

from cosolve.instances.generators.roads import CITIES
from cosolve.models.ranges import MAX_LAYERS, MAX_WIDTH, at_least, at_most, check_seed, one_of, positive


@dataclass(frozen=True)
class DataConfig:
    """
    Where training instances come from: places in made-up cities.

    Parameters
    ----------
    problem
        "atsp", "acvrp" or "acvrptw".
    size, least_size
        Customers, or cities of a tour, of the largest and the smallest instances; each chunk has a size of its own.
        ``least_size = 0`` is ``size``.
    cities
        Different cities in training, at most 80; their seeds begin at 0.
    points
        Places in each, of which an instance has some.
    clusters
        Share of the training instances whose places lie near each other, which the published training has none of;
        those of the validation set lie anywhere.
    chunk
        Instances drawn and kept together.
    passes
        Times that each chunk is gone through, each time in another order, under other symmetries and, for imitation,
        from other starts.
    label_effort
        Iterations of the search that finds the solutions to imitate, per customer.
    """

    problem: str = "atsp"
    size: int = 100
    least_size: int = 0
    cities: int = 80
    points: int = 1000
    clusters: float = 0.0
    chunk: int = 2048
    passes: int = 2
    label_effort: int = 100

    def __post_init__(self) -> None:
        one_of(self, "problem", ("atsp", "acvrp", "acvrptw"))
        at_least(self, 3, "size")
        at_least(self, 0, "least_size")
        at_least(self, 1, "cities", "chunk", "passes", "label_effort")
        if self.cities > len(CITIES["in"]):
            raise ValueError(
                f"cities must be at most {len(CITIES['in'])}, the others are for tests; got {self.cities}."
            )
        at_least(self, self.size + 1, "points")
        at_least(self, 0, "clusters")
        at_most(self, 1, "clusters")
        if self.least_size and not 3 <= self.least_size <= self.size:
            raise ValueError(f"least_size must be 0 or from 3 to size {self.size}, got {self.least_size}.")


@dataclass(frozen=True)
class ModelConfig:
    """
    Shape of the network.

    Parameters
    ----------
    encoder
        "rrnco"; or one to compare with, behind the same decoder: "pomo", attention over the coordinates, or
        "matnet", attention over the distances between rows and columns.
    embedding, layers, feed_forward
        Width of an embedding; layers, each of a row and a column block; width of their hidden layers.
    heads
        Attention heads of the decoder and of the encoders to compare with, a divisor of ``embedding``.
    neighbours
        Distances to this many neighbours make a node's first embedding.
    sampling
        Which neighbours: "sampled" with probability inverse to the distance as published, or "nearest".
    kinks
        Of each function of the adaptive bias; the published network has as many as its ``embedding``.
    aggregation
        "exact" for the attention-free module as in the paper, "softmax" for the released code's, which takes the
        softmax of biases and keys before their exponential.
    distance_bias
        How the decoder's scores fall with the distance: "linear" as in the code, or "log" as in the paper.
    glimpse_bias
        Whether the decoder's attention heads see distances (and times) too.
    """

    encoder: str = "rrnco"
    embedding: int = 128
    layers: int = 6
    feed_forward: int = 512
    heads: int = 8
    neighbours: int = 25
    sampling: str = "nearest"
    kinks: int = 128
    aggregation: str = "exact"
    distance_bias: str = "linear"
    glimpse_bias: bool = True

    def __post_init__(self) -> None:
        one_of(self, "encoder", ("rrnco", "pomo", "matnet"))
        one_of(self, "sampling", ("sampled", "nearest"))
        one_of(self, "aggregation", ("exact", "softmax"))
        one_of(self, "distance_bias", ("linear", "log"))
        at_least(self, 1, "embedding", "layers", "feed_forward", "heads", "neighbours", "kinks")
        at_most(self, MAX_WIDTH, "embedding", "feed_forward", "neighbours", "kinks")
        at_most(self, MAX_LAYERS, "layers")
        if self.embedding % self.heads:
            raise ValueError(f"embedding must be a multiple of heads {self.heads}, got {self.embedding}.")


@dataclass(frozen=True)
class TrainingConfig:
    """
    How it learns: by imitation of good solutions first, if at all, by reward after.

    Parameters
    ----------
    seed
        Of weights, instances, symmetries and sampling.
    begin_from
        Folder or bundled name of a checkpoint whose weights the training begins from; empty for random ones. It may
        have fewer layers, with the encoder "rrnco": the others change nothing at first.
    imitation_steps, reinforce_steps
        Steps of either phase.
    imitation_batch, reinforce_batch
        Instances of a step.
    imitation_starts, reinforce_starts
        Solutions followed or sampled of each instance, each from another first node; their mean cost is the baseline
        of the second phase, so there at least 2.
    reinforce_copies
        Symmetric copies, 1 to 8, that each instance of the second phase has in its batch. From 2 on the baseline is the
        mean cost over the copies for each first node, half of the noise of costs being that of the first nodes.
    leader_weight
        Factor of the advantage of an instance's cheapest sampled solution, over all copies; at least 1, which is the
        published training.
    imitation_rate, reinforce_rate
        Learning rates of Adam at the start of a phase.
    final_rate
        Share of it that is left at the end of a phase, reached along a cosine.
    weight_decay, gradient_clip
        Of Adam; largest norm of a gradient, 0 for no limit.
    validation_every, validation_size
        Steps between two validations; instances of the fixed set.
    precision
        "float32" or "bfloat16".
    compile
        Whether PyTorch compiles the blocks of the encoder on a GPU, which takes a minute or two; a CPU takes longer for
        it than it saves.
    """

    seed: int = 1234
    begin_from: str = ""
    imitation_steps: int = 0
    reinforce_steps: int = 78_000
    imitation_batch: int = 256
    reinforce_batch: int = 256
    imitation_starts: int = 4
    reinforce_starts: int = 100
    reinforce_copies: int = 1
    leader_weight: float = 1.0
    imitation_rate: float = 1e-3
    reinforce_rate: float = 4e-4
    final_rate: float = 0.1
    weight_decay: float = 1e-6
    gradient_clip: float = 1.0
    validation_every: int = 500
    validation_size: int = 256
    precision: str = "float32"
    compile: bool = False

    def __post_init__(self) -> None:
        check_seed(self)
        at_least(self, 0, "imitation_steps", "reinforce_steps", "weight_decay", "gradient_clip", "final_rate")
        at_least(self, 1, "imitation_batch", "reinforce_batch", "imitation_starts")
        at_least(self, 1, "validation_every", "validation_size")
        at_least(self, 2, "reinforce_starts")
        at_least(self, 1, "reinforce_copies")
        if self.reinforce_copies > 8 or self.reinforce_batch % self.reinforce_copies:
            raise ValueError(
                f"reinforce_copies must be at most 8 and divide reinforce_batch {self.reinforce_batch}, "
                f"got {self.reinforce_copies}."
            )
        at_least(self, 1, "leader_weight")
        one_of(self, "precision", ("float32", "bfloat16"))
        positive(self, "imitation_rate", "reinforce_rate")

    @property
    def steps(self) -> int:
        """Steps of both phases."""
        return self.imitation_steps + self.reinforce_steps


@dataclass(frozen=True)
class RrncoConfig:
    """The three tables together; the defaults are the published settings where there are any."""

    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
