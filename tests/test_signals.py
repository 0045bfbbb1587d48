"""Files of one recording each: sounds and EEG."""

import numpy as np
import pytest
from scipy.io import wavfile

import unentangle as un

RNG = np.random.default_rng(0)


def sounds(folder, lengths=(40,) * 4, rates=(100,) * 4, kind=np.int16, channels=1):
    folder.mkdir(exist_ok=True)
    rows = []
    for k, (length, rate) in enumerate(zip(lengths, rates, strict=True)):
        row = (RNG.normal(size=(length, channels)) * (1 if np.dtype(kind).kind == "f" else 100)).astype(kind)
        rows.append(row[:, 0] if channels == 1 else row)
        wavfile.write(folder / f"ann{k // 2}_{k}.wav", rate, rows[-1])
    return rows


@pytest.mark.parametrize("kind", [np.int16, np.int32, np.float32])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_folder_of_sounds_is_a_row_each(tmp_path, kind, channels):
    rows = sounds(tmp_path / "s", kind=kind, channels=channels)
    data = un.read(tmp_path / "s", x="{speaker}_{take}", groups="speaker")
    np.testing.assert_array_equal(data.x, rows)
    np.testing.assert_array_equal(data.groups, ["ann0", "ann0", "ann1", "ann1"])
    np.testing.assert_array_equal(data.factors["take"], range(4))
    assert data.x.dtype == kind
    np.testing.assert_array_equal(un.read(tmp_path / "s" / "ann0_1.wav").x, rows[1][None])


def test_sounds_of_unlike_length_and_rate(tmp_path):
    rows = sounds(tmp_path / "s", lengths=(40, 50, 30, 40))
    with pytest.raises(un.InputError, match=r"differ in length \(2 of 40 samples, 1 of 50, 1 of 30\); say --length crop"):
        un.read(tmp_path / "s")
    data = un.read(tmp_path / "s", groups="file", length=("window", 15))
    np.testing.assert_array_equal(data.x, [row[k : k + 15] for row in rows for k in range(0, len(row) - 14, 15)])
    np.testing.assert_array_equal(data.groups, np.repeat(["ann0_0", "ann0_1", "ann1_2", "ann1_3"], [2, 3, 2, 2]))
    np.testing.assert_array_equal(data.factors["window"], [0, 15, 0, 15, 30, 0, 15, 0, 15])
    sounds(tmp_path / "r", rates=(100, 200, 100, 100))
    with pytest.raises(un.InputError, match=r"sampling rate \(3 of 100 Hz, 1 of 200 Hz\); say --sampling-rate 100"):
        un.read(tmp_path / "r")
    assert un.read(tmp_path / "r", sampling_rate=100, length="crop").x.shape == (4, 20)


def test_sounds_that_are_refused(tmp_path):
    sounds(tmp_path / "s")
    wavfile.write(tmp_path / "s" / "z.wav", 100, np.zeros(40, np.float32))
    with pytest.raises(un.InputError, match=r"z.wav holds float32 and ann0_0.wav int16, whose scales differ"):
        un.read(tmp_path / "s")
    whole = (tmp_path / "s" / "z.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(whole[:-50])
    with pytest.raises(un.InputError, match=r"cut.wav has fewer samples than its header says"):
        un.read(tmp_path / "cut.wav")
    (tmp_path / "law.wav").write_bytes(whole[:20] + b"\x06\0" + whole[22:])
    with pytest.raises(un.InputError, match=r"law.wav cannot be read: Unknown wave file format: ALAW.*save it as .wav"):
        un.read(tmp_path / "law.wav")
    (tmp_path / "no.wav").write_bytes(b"nothing of the kind")
    with pytest.raises(un.InputError, match=r"damaged or not what its name says"):
        un.read(tmp_path / "no.wav")
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "a.flac").write_bytes(b"fLaC")
    for path in (tmp_path / "f", tmp_path / "f" / "a.flac"):
        with pytest.raises(un.InputError, match=r"a.flac is a sound of a kind that is not read; save it as .wav"):
            un.read(path)
    np.save(tmp_path / "f" / "1.5.npy", np.zeros(4))
    assert len(un.read(tmp_path / "f")) == 1  # a sound beside the data is not meant
    (tmp_path / "f" / "a.nonsuch").write_bytes(b"nothing")
    with pytest.raises(un.InputError, match=r"the suffix .nonsuch, which is none that is known; [^:]*\.wav(?!.*flac)"):
        un.read(tmp_path / "f" / "a.nonsuch")
    with pytest.raises(un.InputError, match=r"no file in .* fits x='\{a\}-\{b\}'; there are ann0_0.wav"):
        un.read(tmp_path / "s", x="{a}-{b}")


def eeg(path, rates=(50, 50), labels=("EEG C3", "EEG C4"), seconds=4):
    """Signals of ten, twenty ... and a sine each; their values, which the file has to 16 or 24 bits."""
    edfio = pytest.importorskip("edfio")
    bdf = path.suffix == ".bdf"
    rows = [10 * (k + 1) + np.sin(np.arange(seconds * rate) / rate) for k, rate in enumerate(rates)]
    kind, whole = (edfio.BdfSignal, edfio.Bdf) if bdf else (edfio.EdfSignal, edfio.Edf)
    whole([kind(r, rate, label=name) for r, rate, name in zip(rows, rates, labels, strict=True)]).write(path)
    return rows


@pytest.mark.parametrize("suffix", [".edf", ".bdf"])
def test_eeg_is_time_and_channel(tmp_path, suffix):
    rows = np.stack(eeg(tmp_path / f"x{suffix}"), axis=1)
    data = un.read(tmp_path / f"x{suffix}")
    assert data.x.shape == (1, 200, 2)
    np.testing.assert_allclose(data.x[0], rows, atol=1e-3)
    windows = un.read(tmp_path / f"x{suffix}", length=("window", 64), hop=32, x="*C4")
    np.testing.assert_allclose(windows.x[..., 0], [rows[k : k + 64, 1] for k in range(0, 137, 32)], atol=1e-3)
    np.testing.assert_array_equal(windows.factors["window"], range(0, 137, 32))
    with pytest.raises(un.InputError, match=r"no signal of .* fits x='EOG\*'; there are EEG C3, EEG C4"):
        un.read(tmp_path / f"x{suffix}", x="EOG*")


def test_signals_of_unlike_rate_are_chosen_resampled_or_refused(tmp_path):
    rows = eeg(tmp_path / "x.edf", (50, 50, 10), ("EEG C3", "EEG C4", "Resp"), 10)
    refused = (
        r"\(EEG C3, EEG C4 at 50 Hz; Resp at 10 Hz\); choose some by their labels, .*x='EEG C3', or say --sampling-rate 50"
    )
    with pytest.raises(un.InputError, match=refused):
        un.read(tmp_path / "x.edf")
    np.testing.assert_allclose(un.read(tmp_path / "x.edf", x="EEG*").x[0], np.stack(rows[:2], 1), atol=1e-3)
    all_three = un.read(tmp_path / "x.edf", sampling_rate=50)
    np.testing.assert_allclose(all_three.x[0, 50:-50, 2], 30 + np.sin(np.arange(500) / 50)[50:-50], atol=1e-3)


def test_a_folder_of_eeg(tmp_path):
    for subject in range(3):
        for night in range(2):
            rows = eeg(tmp_path / f"s{subject}_n{night}.edf", seconds=4 + night, labels=("EEG C3", f"Other {subject}"))
    data = un.read(tmp_path, x="{subject}_{night}/EEG*", groups="subject", length=("window", 100))
    np.testing.assert_array_equal(data.groups, np.repeat(["s0", "s1", "s2"], 4))
    np.testing.assert_allclose(data.x[-1, :, 0], rows[0][100:200], atol=1e-3)
    with pytest.raises(un.InputError, match=r"are EEG C3, Other 1, those of .* EEG C3, Other 0; all must agree"):
        un.read(tmp_path, x="{subject}_{night}", length="crop")


def test_a_recording_that_is_no_eeg(tmp_path):
    pytest.importorskip("edfio")
    (tmp_path / "x.edf").write_bytes(b"0       nothing")
    with pytest.raises(un.InputError, match=r"x.edf cannot be read: it is damaged or not what its name says"):
        un.read(tmp_path / "x.edf")
    eeg(tmp_path / "y.edf")
    (tmp_path / "y.edf").write_bytes((tmp_path / "y.edf").read_bytes()[:-100])
    assert "y.edf" in " ".join(un.read(tmp_path / "y.edf").notes)
