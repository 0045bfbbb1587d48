"""Flags are the numbers of a method and the weights of its terms; what is not typed stays as it is."""

import pytest
import tyro

import unentangle as un
from unentangle.flags import SHARE, fit_flags, method_of
from unentangle.methods import METHODS
from unentangle.report import HELD_OUT
from unentangle.schedules import Linear


def typed(words: str, kind=un.SymAE):
    """The method that these flags make."""
    return method_of(kind, vars(tyro.cli(fit_flags(kind), args=words.split())))


@pytest.mark.parametrize("kind", METHODS.values())
def test_without_flags_a_method_is_the_default_one(kind):
    assert typed("", kind) == kind()


@pytest.mark.parametrize("kind", METHODS.values())
def test_every_flag_says_what_it_is(kind, capsys):
    with pytest.raises(SystemExit):
        typed("--help", kind)
    words = " ".join(capsys.readouterr().out.replace("\u2502", " ").split())
    assert "ramp none|START END UNTIL [SINCE] (default" not in words
    assert "FLOAT (default" not in words
    assert "INT (default" not in words


def test_a_weight_keeps_its_ramp_unless_it_is_told():
    assert typed("--lam 0.5") == un.SymAE(lam=0.5)
    assert typed("--lam 0.5 --lam-ramp none") == un.SymAE(lam=0.5, lam_ramp=None)
    ramps = [typed(f"--rate-ramp {words}").rate_ramp for words in ("1 0 0.5", "1 0 0.5 0.2")]
    assert ramps == [Linear(1.0, 0.0, 0.5), Linear(1.0, 0.0, 0.5, 0.2)]


def test_terms_are_reweighted_left_out_and_added():
    terms = {
        term.name: term for term in typed("--blur 0 --isometry 10 --isometry-ramp none --pooled 1 --adversarial 0.2").terms
    }
    default = {term.name: term for term in un.SymAE().terms}
    assert set(terms) == {*default, "adversarial"} - {"blur"}
    assert (terms["isometry"].weight, terms["isometry"].ramp, terms["pooled"].weight) == (10, None, 1)
    assert terms["coincidence"] == default["coincidence"]
    assert terms["adversarial"].weight == 0.2
    assert typed("--coincidence-ramp 0 1 0.9 0.5").terms[-1].ramp == Linear(0.0, 1.0, 0.9, 0.5)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--lam-ramp 1 0", "--lam-ramp 1 0; none, or START END UNTIL"),
        ("--lam-ramp 1 0 0.6 0.2 9", "none, or START END UNTIL"),
        ("--blur-ramp soon", "--blur-ramp soon; none, or START END UNTIL"),
        ("--lam-ramp 1 0 0.5 0.7", "--lam-ramp: since=0.7 and until=0.5"),
        ("--pooled 1.5", "pooled=1.5; a share"),
        ("--adversarial-ramp none", "adversarial has no weight"),
    ],
)
def test_what_is_no_ramp_or_weight_is_refused(words, says):
    with pytest.raises(un.InputError, match=says.replace("+", ".")):
        typed(words)


def test_the_share_that_is_held_out_is_said_right():
    assert f"by default {HELD_OUT} of a file" in SHARE
