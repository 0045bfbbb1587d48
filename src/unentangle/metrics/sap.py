"""SAP: by how much does the best single latent tell a factor better than the second?"""

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from ..errors import InputError
from .latents import squared_correlation
from .tables import check_sizes, parted, table


def sap(codes: Any, factors: Any, *, bins: int | None = None, cost: float = 0.01, seed: int = 0) -> float:
    """Separated attribute predictability: the mean over factors of the best minus the second-best score of single latents.

    A. Kumar et al., "Variational inference of disentangled latent concepts from unlabeled observations", 2018, section 3. The
    score of a latent is the accuracy, on held-out rows, of a linear support vector machine per class (squared hinge loss,
    classes weighted equally, C = 0.01); for a factor that is a continuum, the squared correlation: mean_k s_k(1) - s_k(2), with
    s_k(1) >= s_k(2) >= ... the scores of factor k. From 0 to 1 (best), less what the second latent has by chance: to 1 - 1/V
    for a factor of V values.

    Known failures: one threshold cannot tell the middle values of an ordered factor, so that a perfect latent of a factor of
    many values scores low; with C = 0.01 the machine depends on the scale of the codes, and on their mean, as it pays for its
    offset; copies of a latent score 0.

    Args:
        codes: (n, m). Two thirds of the rows are learned from.
        bins: if given, a factor that is a continuum is cut into so many.
        cost: C of the machines.
    """
    check_sizes(bins=1 if bins is None else bins)
    if not 0 < cost < np.inf:
        raise InputError(f"cost={cost}; a number above 0 is needed.")
    z, columns = table(codes, factors)
    train, test = parted(len(z), seed)
    gaps = []
    for f in columns:
        if f.discrete or bins:
            scores = machine_scores(z, f.classes(bins or 20), train, test, cost)
        else:
            scores = squared_correlation(z[test], np.broadcast_to(f.values[test, None], z[test].shape)).each
        first, second = np.sort(np.append(scores, 0.0))[[-1, -2]]
        gaps.append(first - second)
    return float(np.mean(gaps))


def machine_scores(
    z: Float[np.ndarray, "n m"],
    classes: Int[np.ndarray, " n"],
    train: Int[np.ndarray, " a"],
    test: Int[np.ndarray, " b"],
    cost: float = 0.01,
) -> Float[np.ndarray, " m"]:
    """The accuracy with which linear support vector machines tell the class from each latent alone."""
    names, label = np.unique(classes[train], return_inverse=True)
    if len(names) == 1:
        return np.full(z.shape[1], np.mean(classes[test] == names[0]))
    scores = np.empty(z.shape[1])
    for j, latent in enumerate(z.T):
        slope, offset = machines(latent[train], label, cost)
        value = latent[test, None] * slope + offset
        predicted = value.argmax(axis=1) if len(names) > 2 else (value[:, 0] > 0).astype(int)
        scores[j] = np.mean(names[predicted] == classes[test])
    return scores


def machines(
    x: Float[np.ndarray, " n"], label: Int[np.ndarray, " n"], cost: float
) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]:
    """Slope w and offset b of a linear support vector machine on a line, one per class against the rest; of two, one.

    It minimises (w^2 + b^2) / 2 + sum_i c_i max(0, 1 - y_i (w x_i + b))^2, where c_i is C, weighted as scikit-learn's LinearSVC
    does under class_weight="balanced": n / (classes * members) for the members of the class, of two classes also for the
    others. Piecewise quadratic, so Newton's steps, halved where they do not descend, end at the minimum. On a line the rows
    within a margin are those on one side of a cut, so every sum over them is a difference of cumulative sums.
    """
    sizes = np.bincount(label)
    balanced = cost * len(x) / (len(sizes) * sizes)
    pair = len(sizes) == 2
    chosen = np.array([1]) if pair else np.arange(len(sizes))
    weight = np.stack([balanced[:1] if pair else np.full(len(sizes), cost), balanced[chosen]])
    order = np.argsort(x, kind="stable")
    x, label = x[order], label[order]
    apart = np.argsort(label, kind="stable")  # class by class, each in the order of x
    place = label[apart] * (len(x) + 1) + apart
    powers = x ** np.arange(3)[:, None]
    whole, parts = (np.pad(np.cumsum(p, axis=1), [(0, 0), (1, 0)]) for p in (powers, powers[:, apart]))
    y = np.array([[-1.0], [1.0]])

    def below(cut: np.ndarray) -> np.ndarray:
        """Sums of 1, x and x^2 over the others and over the members of each class among the first `cut` rows: (3, 2, k)."""
        first = np.searchsorted(place, chosen * (len(x) + 1))
        members = parts[:, np.searchsorted(place, chosen * (len(x) + 1) + cut)] - parts[:, None, first]
        return np.stack([whole[:, cut[0]] - members[:, 0], members[:, 1]], axis=1)

    everything = below(np.full((2, len(chosen)), len(x)))

    def within(w: np.ndarray, b: np.ndarray) -> np.ndarray:
        """The weighted sums over the rows within the margin of either side."""
        slope, room = y * w, 1 - y * b
        cut = np.where(slope == 0, np.where(room > 0, np.inf, -np.inf), room / np.where(slope == 0, 1.0, slope))
        falling = slope < 0
        under = below(np.where(falling, np.searchsorted(x, cut, side="right"), np.searchsorted(x, cut, side="left")))
        return weight * np.where(falling, everything - under, under)

    def loss(w: np.ndarray, b: np.ndarray) -> np.ndarray:
        (s0, s1, s2), room = within(w, b), y - b
        return (w**2 + b**2) / 2 + np.sum(room**2 * s0 - 2 * w * room * s1 + w**2 * s2, axis=0)

    w, b = np.zeros((2, len(chosen)))
    for _ in range(100):
        s0, s1, s2 = within(w, b)
        a, h, d = 1 + 2 * s2.sum(axis=0), 2 * s1.sum(axis=0), 1 + 2 * s0.sum(axis=0)
        right = 2 * np.sum(y * np.stack([s1, s0]), axis=1)
        toward_w = (d * right[0] - h * right[1]) / (a * d - h**2) - w
        toward_b = (a * right[1] - h * right[0]) / (a * d - h**2) - b
        now, pace = loss(w, b), np.ones_like(w)
        for _ in range(30):
            worse = loss(w + pace * toward_w, b + pace * toward_b) > now
            if not worse.any():
                break
            pace = np.where(worse, pace / 2, pace)
        moved = np.abs(pace * toward_w) + np.abs(pace * toward_b)
        w, b = w + pace * toward_w, b + pace * toward_b
        if np.all(moved <= 1e-9 * (1 + np.abs(w) + np.abs(b))):
            break
    return w, b
