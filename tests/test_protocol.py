"""What a method is: its numbers, and the loss terms that its first step has."""

import json
from dataclasses import dataclass
from pathlib import Path

import jax.numpy as jnp
import pytest

import unentangle as un
from unentangle.methods import Adversarial, Coincidence, Consistency, Isometry
from unentangle.methods.protocol import check_fields, numbers_of, with_numbers
from unentangle.methods.terms import RECOMMENDED
from unentangle.schedules import Number, Ramp, at
from worlds import LATENTS, dense_latents, dense_symae, small_mra

STORED = Path(__file__).parent / "files" / "terms_of_step_0.json"
CONSTANT = (Isometry(5.0, None), Consistency(1.0), Coincidence(0.5, None))
METHODS = {
    "symae": dense_symae(terms=RECOMMENDED),
    "symae, constant weights": dense_symae(lam=3.0, lam_ramp=None, terms=CONSTANT),
    "symae, adversarial": dense_symae(lam=0.0, terms=(Adversarial(),)),
    **{f"symae, {p}": dense_symae(penalty=p) for p in ("energy", "kl", "wasserstein", "sinkhorn", "hsic")},
    **{f"symae, {r}": dense_symae(regulariser=r) for r in ("dropout-unscaled", "gaussian-noise", "gaussian-dropout")},
    **{f"symae, {pool}": dense_symae(pool=pool) for pool in ("max", "min")},
    **{kind.__name__: dense_latents(kind) for kind in LATENTS},
    "NashAE, minmax": dense_latents(un.NashAE, game="minmax"),
    "NashAE, not detached": dense_latents(un.NashAE, detach=False, lam=un.Linear(0.1, 0.3)),
    "BetaVAE, exact": dense_latents(un.BetaVAE, kl="exact"),
    "BetaTCVAE, stratified": dense_latents(un.BetaTCVAE, sampler="stratified"),
}


def terms_of_step_0(name):
    """The loss terms of the first step, before any weight has moved but those of opponents."""
    batch = (4, 4) if name.startswith("symae") else 20
    return {
        k: v[0] for k, v in un.train(METHODS[name], small_mra(), steps=1, batch=batch, progress=False).history[0].terms.items()
    }


@pytest.mark.parametrize("name", METHODS)
def test_the_first_step_has_the_terms_that_it_had(name):
    assert terms_of_step_0(name) == pytest.approx(json.loads(STORED.read_text())[name], rel=1e-4, abs=1e-6)


def keep_terms():
    """Write the loss terms that later versions must have: `python tests/test_protocol.py`."""
    STORED.write_text(json.dumps({name: terms_of_step_0(name) for name in METHODS}, indent=1) + "\n")


@dataclass(frozen=True)
class Numbers(un.AE):
    """A method with fields of all kinds."""

    size: int = 2
    share: float = 0.5
    weight: Number = 1.0
    ramp: Ramp = None
    pull: Number = 0.5
    pull_ramp: Ramp = un.Linear(1.0, 0.0)  # noqa: RUF009
    on: bool = True

    def __post_init__(self):
        check_fields(self, share=(0, 1), weight=(-1, 2))


def test_numbers_are_the_fields_that_may_be_scheduled():
    numbers = numbers_of(Numbers(weight=0.25))
    assert numbers.keys() == {"weight", "pull"}
    assert numbers["weight"] == 0.25
    assert float(at(numbers["pull"], jnp.asarray(0.5))) == 0.25
    assert with_numbers(Numbers(), {"weight": 1.5}) == Numbers(weight=1.5)
    assert with_numbers(Numbers(), {"pull": 0.1}) == Numbers(pull=0.1, pull_ramp=None)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"size": 0}, "size=0; a whole number of at least 1"),
        ({"size": True}, "size=True; a whole number"),
        ({"share": un.Linear(0.0, 1.0)}, "share=.*; a plain number is needed"),
        ({"share": 1.0}, "share=1.0; it must be at least 0 and less than 1"),
        ({"weight": "much"}, "weight='much'; a number or a schedule"),
        ({"weight": 2}, "weight=2; it must be at least -1 and less than 2"),
        ({"weight": un.Linear(0.0, 1.0), "ramp": un.Linear(0.0, 1.0)}, "ramp comes on top of a schedule; say ramp=None"),
        ({"pull": un.Linear(0.0, 1.0)}, "pull_ramp comes on top of a schedule; say pull_ramp=None"),
        ({"ramp": 2.0}, "ramp=2.0; a schedule of a factor, or None"),
        ({"on": 1}, "on=1; True or False is needed"),
    ],
)
def test_fields_that_are_not_what_their_types_say_are_refused(fields, says):
    with pytest.raises(un.InputError, match=says):
        Numbers(**fields)


if __name__ == "__main__":
    keep_terms()
