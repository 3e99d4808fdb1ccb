"""Focal loss on soft targets, calibration of what it leads to, and the precision of the surest rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor
from torch.nn import functional


def focal_loss(logits: Tensor, target: Tensor, alpha: float, gamma: float) -> Tensor:
    """
    Mean focal loss [1]_; targets in [0, 1].

    Parameters
    ----------
    alpha
        Weight of the positive part; 1 - alpha is that of the negative one.
    gamma
        Exponent that takes weight from what is known already.

    References
    ----------
    .. [1] Lin, T.-Y., Goyal, P., Girshick, R., He, K., Dollar, P. (2017). Focal loss for dense object detection.
           *ICCV*.
    """
    log_p, log_q = functional.logsigmoid(logits), functional.logsigmoid(-logits)
    # Powers by logarithms: for gamma below 1 the slope of p ** gamma at 0 has no end.
    positive = alpha * (gamma * log_q).exp() * target * log_p
    negative = (1 - alpha) * (gamma * log_p).exp() * (1 - target) * log_q
    return -(positive + negative).sum() / max(1, len(logits))


def fit_calibration(logits: Tensor, target: Tensor, iterations: int = 50) -> tuple[float, float]:
    """
    Scale > 0 and shift with which logits become probabilities: least cross-entropy, by Newton's method [1]_.

    References
    ----------
    .. [1] Platt, J. C. (1999). Probabilistic outputs for support vector machines and comparisons to regularized
           likelihood methods. *Advances in Large Margin Classifiers*: 61-74.
    """
    x = np.column_stack([logits.double().numpy(), np.ones(len(logits))])
    # Targets of 0 and 1 give way a little, so that separable data have an optimum.
    y = target.double().numpy() * (1 - 2e-4) + 1e-4
    theta = np.array([1.0, 0.0])
    for _ in range(iterations):
        p = 1 / (1 + np.exp(-np.clip(x @ theta, -30, 30)))
        hessian = (x * (p * (1 - p))[:, None]).T @ x + 1e-6 * len(x) * np.eye(2)
        step = np.linalg.solve(hessian, x.T @ (y - p))
        theta = theta + step * min(1.0, 2.0 / max(1e-12, float(np.abs(step).max())))
        if np.abs(step).max() < 1e-8:
            break
    return (float(theta[0]), float(theta[1])) if theta[0] > 0 else (1.0, 0.0)


def precision_at(scores: Sequence[Tensor], targets: Sequence[Tensor], share: float) -> float | None:
    """
    Mean target of the surest ``share`` of the candidates of each graph, at least one; the mean over graphs.

    ``None`` where there are no candidates.
    """
    values = []
    for score, target in zip(scores, targets, strict=True):
        if len(score):
            k = max(1, round(share * len(score)))
            values.append(float(target[score.topk(k).indices].mean()))
    return float(np.mean(values)) if values else None
