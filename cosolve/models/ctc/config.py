"""Everything that can be set about a network for constraint reduction; the tables of ``config.toml``."""

from __future__ import annotations

from dataclasses import dataclass, field

from cosolve.models.ranges import MAX_LAYERS, MAX_WIDTH, at_least, at_most, check_seed, positive


@dataclass(frozen=True)
class DataConfig:
    """
    What is learned from.

    Parameters
    ----------
    instances
        Folder of MILP files; labels are kept beside them.
    validation
        Share of them that validates, the second by name the first of these.
    solver
        Registered solver that makes labels, for the MILP or, with ``graph``, for the graph problem behind it.
    graph
        Whether the models are unweighted independent sets or vertex covers, to be labelled as such.
    time_limit
        Seconds for each run of it.
    runs
        Runs with different seeds for each instance; all best solutions count.
    gap
        Solutions within this of the best one count too.
    families
        Families of rows that are learned and imposed, separated by commas; empty to choose them by the labels.
    oracle
        Instances on which each family's worth is measured before the choice; 0 to choose by rho and tightness alone.
    oracle_limit
        Seconds for each run of SCIP in that measurement.
    """

    instances: str = ""
    validation: float = 0.2
    solver: str = "scip"
    graph: bool = False
    time_limit: float = 60.0
    runs: int = 1
    gap: float = 1e-4
    families: str = ""
    oracle: int = 3
    oracle_limit: float = 30.0

    def __post_init__(self) -> None:
        at_least(self, 0, "time_limit", "gap", "oracle", "oracle_limit")
        at_least(self, 1, "runs")
        if not 0 < self.validation < 1:
            raise ValueError(f"validation must be in (0, 1), got {self.validation}.")


@dataclass(frozen=True)
class ModelConfig:
    """
    Shape of the network.

    Parameters
    ----------
    width, heads
        Of an embedding, and of attention (a divisor of it).
    rounds
        Half-convolutions in pairs, rows from columns and columns from rows; the first pair comes before the types.
    types
        Whether the graph of row and column types takes part.
    relaxation
        Whether values, reduced costs, duals and slacks of the linear relaxation are inputs.
    quick
        Whether solutions of a quick search are inputs, where there is one: of set packings and covering programs.
    gates
        Whether embeddings are gated by their mean over the graph; without gates and types it is a plain network.
    dropout
        After the embedding, in [0, 1).
    """

    width: int = 64
    heads: int = 4
    rounds: int = 2
    types: bool = True
    relaxation: bool = True
    quick: bool = True
    gates: bool = True
    dropout: float = 0.1

    def __post_init__(self) -> None:
        at_least(self, 1, "width", "heads", "rounds")
        at_most(self, MAX_WIDTH, "width")
        at_most(self, MAX_LAYERS, "rounds")
        if self.width % self.heads:
            raise ValueError(f"width must be a multiple of heads {self.heads}, got {self.width}.")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), got {self.dropout}.")


@dataclass(frozen=True)
class TrainingConfig:
    """
    How it learns.

    Parameters
    ----------
    seed
        Of weights, order and dropout.
    steps, batch
        Steps in all; graphs of a step.
    rate, weight_decay, gradient_clip
        Of Adam: rate at the start, falling along a cosine; largest norm of a gradient.
    alpha, gamma
        Of the focal loss: weight of what is tight or 1, and how little weight what is known gets.
    row_weight
        Share of the rows in the loss; the rest is that of the columns.
    validation_every
        Steps between two validations.
    """

    seed: int = 0
    steps: int = 3000
    batch: int = 4
    rate: float = 1e-3
    weight_decay: float = 1e-6
    gradient_clip: float = 1.0
    alpha: float = 0.75
    gamma: float = 2.0
    row_weight: float = 0.5
    validation_every: int = 200

    def __post_init__(self) -> None:
        check_seed(self)
        at_least(self, 0, "steps", "weight_decay", "gradient_clip", "gamma")
        at_least(self, 1, "batch", "validation_every")
        for name in ("alpha", "row_weight"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be in [0, 1], got {getattr(self, name)}.")
        positive(self, "rate")


@dataclass(frozen=True)
class ReductionConfig:
    """
    What solvers impose by default.

    Parameters
    ----------
    rows, row_budget
        Share of all rows made equalities, at most, and how many of them may be excepted.
    columns, column_budget
        Share of the binaries held, at most, and how many of them may differ.
    row_doubts, column_doubts
        Expected number of errors among the rows, and among the columns, beyond their budgets.
    """

    rows: float = 0.3
    row_budget: int = 0
    row_doubts: float = 1.0
    columns: float = 1.0
    column_budget: int = 0
    column_doubts: float = 1.0

    def __post_init__(self) -> None:
        for name in ("rows", "columns"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be in [0, 1], got {getattr(self, name)}.")
        at_least(self, 0, "row_budget", "row_doubts", "column_budget", "column_doubts")


@dataclass(frozen=True)
class CtcConfig:
    """The four tables together."""

    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    reduction: ReductionConfig = field(default_factory=ReductionConfig)
