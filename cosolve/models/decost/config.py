"""Everything that can be set about a DeCoST network and its training; the tables of ``config.toml``."""

from __future__ import annotations

from dataclasses import dataclass, field

from cosolve.models.ranges import MAX_LAYERS, MAX_WIDTH, at_least, at_most, check_seed, one_of, positive


@dataclass(frozen=True)
class DataConfig:
    """
    Where training instances come from: the generator ``optwvp/decost``.

    Parameters
    ----------
    size
        Places, the depot included.
    width
        The published "TW", in hundredths of the unit of time.
    windows
        "released" (every window ``width / 4`` wide) or "intended".
    horizon
        Latest return; 0 is the published one of the size.
    chunk
        Instances drawn and kept together.
    passes
        Times that each chunk is gone through, each time in another order and under other symmetries.
    """

    size: int = 50
    width: float = 100.0
    windows: str = "released"
    horizon: float = 0.0
    chunk: int = 4096
    passes: int = 2

    def __post_init__(self) -> None:
        at_least(self, 1, "chunk", "passes")


@dataclass(frozen=True)
class ModelConfig:
    """
    Shape of the network.

    Parameters
    ----------
    embedding, heads, layers, feed_forward
        Width of an embedding, attention heads (a divisor of it), encoder layers, width of their hidden layers.
    pairs
        What attention knows of two places beside their embeddings: "none"; "distance", the published spatial
        encoding; or "windows", distance and slack towards the other window, in the decoders too.
    service
        How the service-time decoder ends: "softmax" over the customers as published, "sigmoid" for each one
        alone, or "zero" for no such decoder: routes are planned with the shortest services.
    """

    embedding: int = 128
    heads: int = 8
    layers: int = 6
    feed_forward: int = 512
    pairs: str = "distance"
    service: str = "softmax"

    def __post_init__(self) -> None:
        at_least(self, 1, "embedding", "heads", "layers", "feed_forward")
        at_most(self, MAX_WIDTH, "embedding", "feed_forward")
        at_most(self, MAX_LAYERS, "layers")
        one_of(self, "pairs", ("none", "distance", "windows"))
        one_of(self, "service", ("softmax", "sigmoid", "zero"))
        if self.embedding % self.heads:
            raise ValueError(f"embedding must be a multiple of heads {self.heads}, got {self.embedding}.")


@dataclass(frozen=True)
class TrainingConfig:
    """
    How it learns: by imitation of exact routes first, by reward after.

    Parameters
    ----------
    seed
        Of weights, instances, symmetries and sampling.
    begin_from
        Folder or bundled name of a checkpoint whose weights the training begins from; empty for random ones.
    imitation_steps, reinforce_steps
        Steps of either phase.
    imitation_batch, reinforce_batch
        Instances of a step.
    imitation_rate, reinforce_rate
        Learning rates of Adam at the start of a phase.
    final_rate
        Share of it that is left at the end of a phase, reached along a cosine; 1 keeps it constant as published.
    rollouts
        Sampled routes of each instance in the second phase; their mean is the baseline, so at least 2.
    reward
        "optimised": profit after the service times are optimised; "predicted": with the decoder's own.
    ptar
        Sign of the term that compares predicted and optimal profit per travel time: "off", "repulsive" as
        published, or "attractive".
    ptar_form
        "ratio_of_sums" as in the released code, or "sum_of_ratios" over the legs as in the paper.
    policy_weight, ptar_weight
        Weights of the two terms of the loss.
    service_weight
        Weight of a third one with "predicted": the predicted profit itself, whose gradient reaches the decoder of
        the service times; 0 as published.
    weight_decay, gradient_clip
        Of Adam; largest norm of a gradient, 0 for no limit.
    validation_every, validation_size
        Steps between two validations; instances of the fixed set, drawn with seed 2024.
    precision
        "float32", or "bfloat16" for autocast of the network.
    compile
        Whether PyTorch compiles the network on a GPU; a CPU takes longer for it than it saves.
    """

    seed: int = 2023
    begin_from: str = ""
    imitation_steps: int = 0
    reinforce_steps: int = 32_000
    imitation_batch: int = 128
    reinforce_batch: int = 128
    imitation_rate: float = 5e-4
    reinforce_rate: float = 1e-4
    final_rate: float = 1.0
    rollouts: int = 50
    reward: str = "optimised"
    ptar: str = "repulsive"
    ptar_form: str = "ratio_of_sums"
    policy_weight: float = 1.0
    ptar_weight: float = 1.0
    service_weight: float = 0.0
    weight_decay: float = 1e-6
    gradient_clip: float = 1.0
    validation_every: int = 500
    validation_size: int = 256
    precision: str = "float32"
    compile: bool = False

    def __post_init__(self) -> None:
        check_seed(self)
        at_least(self, 0, "imitation_steps", "reinforce_steps", "weight_decay", "gradient_clip")
        at_least(self, 0, "policy_weight", "ptar_weight", "service_weight", "final_rate")
        at_least(self, 1, "imitation_batch", "reinforce_batch", "validation_every", "validation_size")
        at_least(self, 2, "rollouts")
        one_of(self, "reward", ("optimised", "predicted"))
        one_of(self, "ptar", ("off", "repulsive", "attractive"))
        one_of(self, "ptar_form", ("ratio_of_sums", "sum_of_ratios"))
        one_of(self, "precision", ("float32", "bfloat16"))
        positive(self, "imitation_rate", "reinforce_rate")

    @property
    def steps(self) -> int:
        """Steps of both phases."""
        return self.imitation_steps + self.reinforce_steps


@dataclass(frozen=True)
class DecostConfig:
    """The three tables together; the defaults are the published settings."""

    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
