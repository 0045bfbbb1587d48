"""Does the working tree compute the same numbers as another commit?

    python benchmarks/same_numbers.py BASE [--only NAME] [--keep FOLDER]

Commit BASE is checked out beside the working tree, and both run the same small trainings on this machine, with one setting
varied at a time. Each tree runs its own copy of this file, so that interfaces may change; a commit that is older than this file
is run by the file's first version. Compared are

    the loss terms and the gradients of step 0, to 1e-6 relative;
    the weights after 20 steps, to 1e-4;
    codes, swaps and measures of a model with given weights, those of BASE, to 1e-6.

The error of an array is |a - b| / |a| in the Euclidean norm, but no array counts as smaller than a thousandth of the largest of
its kind in the same training: a bias in front of a normalisation has a gradient of rounding errors only.
"""

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

HERE = Path(__file__).resolve()
ROOT = HERE.parents[1]
TOLERANCES = {"terms": 1e-6, "gradients": 1e-6, "weights": 1e-4, "measures": 1e-6}
STEPS = 20
OURS = ("isometry", "consistency", "coincidence")  # terms that were 0 where they are now left out


# -- in one tree ----------------------------------------------------------------------------------------------------------


class Case(NamedTuple):
    """A method on a small data set, and whether all that a model can do is compared, or its reconstructions only."""

    method: Any
    data: Any
    batch: Any
    whole: bool = False


def cases() -> dict[str, Case]:
    """One setting varied at a time."""
    import unentangle as un
    from unentangle.data.dataset import Scale
    from unentangle.datasets import fourier_states, mra
    from unentangle.methods import Adversarial, Blur, Coincidence, Consistency, Isometry, Pooling
    from unentangle.methods.nashae import Prediction
    from unentangle.methods.terms import RECOMMENDED

    signals = mra(6, 8, states=fourier_states(1, 6, k=32))
    shifts = np.random.default_rng(0).integers(0, 12, (48, 2))
    bump = np.exp(-0.5 * ((np.arange(12)[:, None] - 5) ** 2 + (np.arange(12) - 5) ** 2 / 2) / 2)
    images = np.stack([np.roll(bump * (1 + k // 12), tuple(s), (0, 1)) for k, s in enumerate(shifts)]).astype(np.float32)
    pictures = un.Dataset(images, groups=np.arange(48) // 12)
    beam = un.data.beamsynthesis().take(slice(None, None, 3))
    bits = un.Dataset((images > 0.5).reshape(48, -1).astype(np.float32), scaling=Scale(0.0, 1.0))
    codes = un.Dataset(np.random.default_rng(1).standard_normal((60, 4)).astype(np.float32), scaling=Scale(0.0, 1.0))

    def with_term(term: Any) -> un.SymAE:
        return un.SymAE(terms=tuple(term if t.name == term.name else t for t in RECOMMENDED))

    plain: Any = {"regulariser": "dropout", "architecture": "default", "recommended": un.SymAE.recommended}
    grouped = {
        "symae": un.SymAE(),
        "symae, isometry constant": with_term(Isometry(5.0, None)),
        "symae, coincidence constant": with_term(Coincidence(0.5, None)),
        "symae, no terms": un.SymAE(terms=(Blur(0.0), Pooling(), Isometry(0.0), Consistency(0.0), Coincidence(0.0))),
        "symae, pooled 1": with_term(Pooling(1.0)),
        "symae, printed": un.SymAE.printed(**plain, lam=0.5),
        **{f"symae, {penalty}": un.SymAE(penalty=penalty) for penalty in ("energy", "kl", "wasserstein", "sinkhorn", "hsic")},
        "symae, adversarial": un.SymAE(lam=0.0, terms=(*RECOMMENDED, Adversarial())),
        **{f"symae, {d}": un.SymAE(decoder=d) for d in ("concatenation", "dense", "convolution")},
        **{f"symae, {r}": un.SymAE(regulariser=r) for r in ("dropout-unscaled", "gaussian-noise", "gaussian-dropout")},
        **{f"symae, {a} nets": un.SymAE.printed(**plain | {"architecture": a}) for a in ("appendix", "authors")},
    }
    whole = ("symae", "symae, concatenation", "nashae", "beta-vae, exact")
    found = {name: Case(method, signals, (3, 6), name in whole) for name, method in grouped.items()}
    found["symae, images"] = Case(un.SymAE(p=3, q=4), pictures, (3, 6), True)
    rows = {
        "nashae": un.NashAE(m=4),
        "nashae, minmax": un.NashAE(m=4, game="minmax"),
        "nashae, not detached": un.NashAE(m=4, detach=False, lam=un.Linear(0.0, 0.3)),
        "ae": un.AE(m=4),
        "vae": un.VAE(m=4),
        "beta-vae, exact": un.BetaVAE(m=4, beta=4.0, kl="exact"),
        "beta-tcvae": un.BetaTCVAE(m=4, beta=4.0),
        "beta-tcvae, stratified": un.BetaTCVAE(m=4, beta=4.0, sampler="stratified"),
        "factor-vae": un.FactorVAE(m=4, gamma=5.0),
    }
    found |= {name: Case(method, beam, 20, name in whole) for name, method in rows.items()}
    found["nashae, images"] = Case(un.NashAE(m=3), pictures, 20)
    found["beta-vae, bernoulli"] = Case(un.BetaVAE(m=3, beta=2.0, likelihood="bernoulli"), bits, 20)
    found["predictors"] = Case(Prediction(4), codes, 20)
    return found


def first_step(case: Case) -> tuple[dict[str, Any], dict[str, Any]]:
    """The loss terms and gradients of step 0 of seed 0."""
    import equinox as eqx
    import jax
    import jax.numpy as jnp
    import optax

    from unentangle.train import prepare

    own = type(case.method)

    def watched(player: Any) -> Any:
        """A player that does not move, and remembers its gradient."""

        def update(gradient: Any, memory: Any, parameters: Any = None) -> Any:
            return jax.tree.map(jnp.zeros_like, gradient), gradient

        still = optax.GradientTransformation(lambda parameters: jax.tree.map(jnp.zeros_like, parameters), update)
        return player._replace(optimiser=still)

    class Watched(own):
        def players(self) -> Any:
            return tuple(map(watched, own.players(self)))

    method = Watched(**vars(case.method))
    trainer = prepare(method, case.data, STEPS, case.batch)
    key, t = jax.random.key(0), jnp.asarray(0)
    arrays, static = eqx.partition(trainer.init(key), eqx.is_array)
    numbers = jax.tree.map(lambda a: a[0], trainer.numbers([method]))
    rows = trainer.batches.read(np.asarray(trainer.batches.indices(case.data.layout, key, t)))
    rows = trainer.batches.standardised(rows, False)
    after, terms = jax.jit(partial(trainer.step, static))(arrays, numbers, key, t, rows)  # constants would be folded
    return terms, {f"{number}.{name}": a for number, g in enumerate(after.opt_states) for name, a in leaves(g)}


def leaves(tree: Any) -> Iterator[tuple[str, Any]]:
    """The arrays of a tree, by their path."""
    import equinox as eqx
    import jax

    for path, leaf in jax.tree_util.tree_flatten_with_path(eqx.filter(tree, eqx.is_array))[0]:
        yield jax.tree_util.keystr(path, simple=True, separator=".").replace("terms.adversarial.", "opponents."), leaf


def measured(case: Case, model: Any) -> dict[str, Any]:
    """What a model makes of its data, and is worth."""
    from unentangle.evaluate import evaluate

    data, found = case.data, {"reconstructions": model.reconstruct(case.data)}
    if not case.whole:
        return found
    if isinstance(case.batch, tuple):
        codes = model.encode(data)
        found |= {"coherent": codes.coherent, "nuisance": codes.nuisance}
        found["swaps"] = model.swap(data.take(data.group < 3), data.take(data.group > 2))
        own = data.take(data.group == 0)
        found["path"] = model.interpolate(own)
        measures = evaluate(model, data)
        measures.pop("swap_error_relative", None)  # newer than this comparison
        return found | {f"evaluate {n}": v for n, v in measures.items()}
    found |= {"codes": model.encode(data), "traversal": model.traverse(data, 0, points=3)}
    found["swaps"] = model.swap(data.take(slice(0, 5)), data.take(slice(5, 10)), pairs="each", parts={"latents": [0, 2]})
    fitted = {"predictability", "predictability_live"}  # a training of its own, which is compared as one
    return found | {f"evaluate {n}": v for n, v in evaluate(model, data).items() if n not in fitted}


def numbers(only: str, given: Mapping[str, np.ndarray] | None) -> dict[str, np.ndarray]:
    """All numbers of this tree, by case, kind and name; measures are of the `given` weights, or of its own.

    Cases that were not given are left out: another tree has none of these.
    """
    import equinox as eqx
    import jax

    import unentangle as un

    found: dict[str, Any] = {}
    for name, case in cases().items():
        if only not in name or (given is not None and not any(key.startswith(f"{name}/") for key in given)):
            continue
        print(f"  {name}", file=sys.stderr)
        terms, gradients = first_step(case)
        if "symae" in name and "adversarial" in terms:  # which was the penalty
            terms["penalty"] = terms.pop("adversarial")
        terms = {n: terms.get(n, 0.0) for n in {**terms, **dict.fromkeys(OURS if "symae" in name else ())}}
        model = un.train(case.method, case.data, steps=STEPS, batch=case.batch, progress=False)[0]
        weights = dict(leaves((model.trained.net, model.trained.state)))
        parts: dict[str, Mapping[str, Any]] = {"terms": terms, "gradients": gradients, "weights": weights}
        if given is not None:
            held = [jax.numpy.asarray(given[f"{name}/weights/{leaf}"]) for leaf in weights]
            arrays, rest = eqx.partition((model.trained.net, model.trained.state), eqx.is_array)
            net, state = eqx.combine(jax.tree.unflatten(jax.tree.structure(arrays), held), rest)
            model = replace(model, trained=model.trained._replace(net=net, state=state))
        if name != "predictors":  # which reconstruct nothing
            parts["measures"] = measured(case, model)
        found |= {f"{name}/{kind}/{leaf}": np.asarray(a) for kind, part in parts.items() for leaf, a in part.items()}
    return found


# -- both trees -----------------------------------------------------------------------------------------------------------


def numbers_of(tree: Path, script: Path, out: Path, only: str, given: Path | None = None) -> dict[str, np.ndarray]:
    """The numbers of a tree, written to a file."""
    path = os.pathsep.join([str(tree / "src"), *filter(None, [os.environ.get("PYTHONPATH")])])
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_backend_optimization_level=0"  # compiles fast
    if version("jaxlib").startswith("0.10."):  # whose fusion emitters go wrong at this level; others do not know the flag
        flags += " --xla_cpu_use_fusion_emitters=false"
    command = [sys.executable, str(script), "--write", str(out), "--only", only, *(["--given", str(given)] if given else [])]
    print(f"running {tree}", file=sys.stderr)
    subprocess.run(command, env=os.environ | {"PYTHONPATH": path, "XLA_FLAGS": flags}, check=True)
    return dict(np.load(out))


def errors(base: Mapping[str, np.ndarray], here: Mapping[str, np.ndarray]) -> dict[str, float]:
    """The relative error of each array; infinite where it is missing, new, or of another shape."""
    scale: dict[str, float] = {}
    for name, a in base.items():
        kind = name.rpartition("/")[0]
        scale[kind] = max(scale.get(kind, 0.0), float(np.linalg.norm(np.nan_to_num(a).ravel())))
    found = {}
    for name in base.keys() | here.keys():
        a, b = base.get(name), here.get(name)
        if a is None or b is None or a.shape != b.shape or (np.isnan(a) != np.isnan(b)).any():
            found[name] = np.inf
            continue
        kind = name.rpartition("/")[0]
        least = 1e-3 * scale[kind] if "/gradients/" in name or "/weights/" in name else 0.0
        size, apart = (float(np.linalg.norm(np.nan_to_num(v.astype(float)).ravel())) for v in (a, a.astype(float) - b))
        found[name] = apart / max(size, least) if apart else 0.0
    return found


def read(command: list[str]) -> str:
    """What a command prints."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def compare(base: str, only: str, keep: Path) -> int:
    """Run both trees and print the greatest error of each kind of each case."""
    git = ["git", "-C", str(ROOT)]
    sha = read([*git, "rev-parse", base])
    whole, some = keep / f"{sha}.npz", keep / f"{sha}-{only}.npz"  # of an earlier call
    known = some if only and not whole.exists() else whole
    if not known.exists():
        tree = keep / "base"
        subprocess.run([*git, "worktree", "add", "--quiet", "--detach", str(tree), sha], check=True)
        try:
            script = tree / "benchmarks" / HERE.name
            if not script.exists():
                first = read([*git, "log", "--diff-filter=A", "--format=%H", "--", str(HERE)]).split()
                text = read([*git, "show", f"{first[-1]}:benchmarks/{HERE.name}"]) if first else HERE.read_text()
                text = re.sub(r".*bernoulli.*\n", "", text)  # which diverged as it was there
                folded = "jax.jit(lambda arrays, numbers: trainer.play(static, arrays, numbers, key, t, rows))(arrays, numbers)"
                free = "jax.jit(lambda *given: trainer.play(static, *given))(arrays, numbers, key, t, rows)"
                script.write_text(text.replace(folded, free))  # constants would be folded, and rounded otherwise
            numbers_of(tree, script, known, only)
        finally:
            subprocess.run([*git, "worktree", "remove", "--force", str(tree)], check=True)
    before = {name: a for name, a in np.load(known).items() if only in name.partition("/")[0]}
    after = numbers_of(ROOT, HERE, keep / "here.npz", only, known)
    worst: dict[tuple[str, str], tuple[float, str]] = {}
    for name, error in errors(before, after).items():
        case, kind, leaf = name.split("/", 2)
        worst[case, kind] = max(worst.get((case, kind), (-1.0, "")), (error, leaf))
    wrong = 0
    for (case, kind), (error, leaf) in sorted(worst.items()):
        bad = not error <= TOLERANCES[kind]
        wrong += bad
        print(f"{'DIFFERS' if bad else 'agrees '}  {case:32} {kind:10} {error:8.1e}  {leaf}")
    print(f"{wrong} of {len(worst)} differ from {base}")
    return int(wrong > 0 or not worst)


def main() -> int:
    """Compare, or write the numbers of this tree."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", nargs="?", help="the commit to compare with")
    parser.add_argument("--only", default="", help="cases whose name holds this")
    parser.add_argument("--keep", type=Path, help="a folder for the numbers of both trees, where those of BASE are found again")
    parser.add_argument("--write", type=Path, help="write the numbers of this tree, and compare nothing")
    parser.add_argument("--given", type=Path, help="numbers of another tree, whose weights are measured")
    given = parser.parse_args()
    if given.write:
        found = numbers(given.only, dict(np.load(given.given)) if given.given else None)
        np.savez(given.write, **found)
        return 0
    if not given.base:
        parser.error("BASE, a commit, is needed")
    with TemporaryDirectory() as folder:
        keep = given.keep or Path(folder)
        keep.mkdir(parents=True, exist_ok=True)
        return compare(given.base, given.only, keep.resolve())


if __name__ == "__main__":
    sys.exit(main())
