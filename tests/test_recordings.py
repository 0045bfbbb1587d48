"""Seismic traces, with their headers as group keys and factors."""

import struct

import numpy as np
import pytest

import unentangle as un
from unentangle.io.recordings import _trace
from unentangle.io.sampling import at_one_rate

X = np.arange(6 * 40, dtype=np.float32).reshape(6, 40)


def traces(x=X):
    obspy = pytest.importorskip("obspy")
    return obspy.Stream(
        [
            obspy.Trace(row.copy(), {"station": f"S{k % 3}", "starttime": obspy.UTCDateTime(1e6 * (k // 3))})
            for k, row in enumerate(x)
        ]
    )


def test_a_stream_is_grouped_by_a_header_or_a_function(tmp_path):
    traces().write(str(tmp_path / "x.mseed"), format="MSEED")
    data = un.read(tmp_path / "x.mseed", groups="station")
    assert list(data.group_names) == ["S0", "S1", "S2"]
    assert list(data.factors) == ["starttime"]
    np.testing.assert_array_equal(data.x, X[[0, 3, 1, 4, 2, 5]])
    by_hand = un.read(tmp_path / "x.mseed", groups=lambda trace: trace.stats.starttime.year)
    assert list(by_hand.group_sizes) == [6]
    with pytest.raises(un.InputError, match=r"no array 'sac.nevid'; it holds network, station"):
        un.read(tmp_path / "x.mseed", groups="sac.nevid")


def test_a_folder_of_sac_carries_names_and_headers(tmp_path):
    for k, trace in enumerate(traces()):
        (tmp_path / f"event{k // 3}").mkdir(exist_ok=True)
        trace.stats.sac = {"evdp": 10.0 * (k // 3)}
        trace.write(str(tmp_path / f"event{k // 3}" / f"{trace.stats.station}.sac"), format="SAC")
    data = un.read(tmp_path, x="event{event}/*.sac", groups="event")
    np.testing.assert_array_equal(data.x, X)
    np.testing.assert_array_equal(data.group, [0, 0, 0, 1, 1, 1])
    np.testing.assert_array_equal(data.factors["sac.evdp"], [0, 0, 0, 10, 10, 10])
    assert list(un.read(tmp_path, groups="sac.evdp").group_sizes) == [3, 3]


def test_traces_of_unlike_length_are_refused(tmp_path):
    stream = traces()
    stream[2].data = stream[2].data[:30]
    stream.write(str(tmp_path / "x.mseed"), format="MSEED")
    with pytest.raises(un.InputError, match=r"differ in length \(5 of 40 samples, 1 of 30\)"):
        un.read(tmp_path / "x.mseed")


def test_segy_is_lazy_and_grouped_by_header_words(tmp_path):
    segyio = pytest.importorskip("segyio")
    spec = segyio.spec()
    spec.format, spec.samples, spec.tracecount = 5, np.arange(X.shape[1]), len(X)
    with segyio.create(str(tmp_path / "x.sgy"), spec) as file:
        for k, row in enumerate(X):
            file.header[k] = {segyio.TraceField.FieldRecord: 7 + k // 2, segyio.TraceField.offset: 25 * (k % 2)}
            file.trace[k] = row
    data = un.read(tmp_path / "x.sgy", groups="FieldRecord")
    assert "on disk" in repr(data)
    assert (list(data.group_names), list(data.factors)) == ([7, 8, 9], ["offset"])
    np.testing.assert_array_equal(data.x[:], X)
    np.testing.assert_array_equal(data.rows([[5, 0], [3, 3]]), X[[[5, 0], [3, 3]]])
    with pytest.raises(un.InputError, match="no header word 'shot' in SEG-Y; there are TRACE_SEQUENCE_LINE"):
        un.read(tmp_path / "x.sgy", groups="shot")


def write_segy(path, lengths, endian="big", **header):
    """A SEG-Y of format 5, whose traces have these lengths; row k begins X[k]."""
    order = {"big": ">", "little": "<"}[endian]
    with path.open("wb") as file:
        file.write(b" " * 3200 + bytes(16) + struct.pack(f"{order}HHHHH", 2000, 0, lengths[0], 0, 5) + bytes(374))
        for k, length in enumerate(lengths):
            words = bytearray(240)
            struct.pack_into(f"{order}i", words, 8, 7 + k // 2)
            struct.pack_into(
                f"{order}HH", words, 114, header.get("counts", lengths)[k], header.get("intervals", [2000] * 99)[k]
            )
            file.write(bytes(words) + X[k, :length].astype(f"{order}f4").tobytes())


@pytest.mark.parametrize("endian", ["big", "little"])
def test_segy_of_either_byte_order(tmp_path, endian):
    pytest.importorskip("segyio")
    write_segy(tmp_path / "x.sgy", [40] * 6, endian)
    data = un.read(tmp_path / "x.sgy", groups="FieldRecord")
    np.testing.assert_array_equal(data.x[:], X)
    np.testing.assert_array_equal(data.groups, [7, 7, 8, 8, 9, 9])
    assert not data.notes
    windows = un.read(tmp_path / "x.sgy", groups="FieldRecord", length=("window", 16), hop=8)
    np.testing.assert_array_equal(windows.x[:], [row[k : k + 16] for row in X for k in (0, 8, 16, 24)])


def test_segy_says_what_its_headers_say(tmp_path):
    pytest.importorskip("segyio")
    write_segy(tmp_path / "x.sgy", [40] * 6, counts=[40, 40, 30, 40, 40, 40], intervals=[1000, 1000, 4000, 1000, 1000, 1000])
    notes = un.read(tmp_path / "x.sgy").notes
    assert "interval of their samples (1, 4 ms)" in notes[0]
    assert "tell of 30 to 40 samples" in notes[1]
    write_segy(tmp_path / "y.sgy", [40, 40, 30, 40])
    with pytest.raises(un.InputError, match=r"differ in length"):
        un.read(tmp_path / "y.sgy")


def test_segy_of_unlike_lengths(tmp_path):
    """Traces are as long as their headers say, or the file is refused, wherever it is cut."""
    pytest.importorskip("segyio")
    pytest.importorskip("obspy")
    lengths = [40, 32, 40, 24, 40, 36]
    write_segy(tmp_path / "x.sgy", lengths, counts=lengths)
    with pytest.raises(un.InputError, match="--length crop"):
        un.read(tmp_path / "x.sgy")
    cropped = un.read(tmp_path / "x.sgy", groups="FieldRecord", length="crop")
    np.testing.assert_array_equal(cropped.x, X[:, :24])
    np.testing.assert_array_equal(cropped.groups, [7, 7, 8, 8, 9, 9])
    padded = np.asarray(un.read(tmp_path / "x.sgy", length="pad").x)
    for row, x, length in zip(padded, X, lengths, strict=True):
        np.testing.assert_array_equal(row[:length], x[:length])
        assert np.isnan(row[length:]).all()
    whole = (tmp_path / "x.sgy").read_bytes()
    for cut in (1, 100, 36 * 4, 36 * 4 + 100, 36 * 4 + 240 + 2):
        (tmp_path / "y.sgy").write_bytes(whole[:-cut])
        with pytest.raises(un.InputError, match="cut short"):
            un.read(tmp_path / "y.sgy", length="crop")


def test_traces_of_unlike_rate_are_refused_or_resampled(tmp_path):
    obspy = pytest.importorskip("obspy")
    rates, seconds = (100.0, 50.0, 40.0), 6
    wave = [np.sin(2 * np.pi * 3 * np.arange(rate * seconds) / rate) + 5 for rate in rates]
    stream = [
        obspy.Trace(w.astype("f4"), {"station": f"S{k}", "sampling_rate": rate})
        for k, (w, rate) in enumerate(zip(wave, rates, strict=True))
    ]
    obspy.Stream(stream).write(str(tmp_path / "x.mseed"), format="MSEED")
    with pytest.raises(
        un.InputError, match=r"differ in sampling rate \(1 of 100 Hz, 1 of 50 Hz, 1 of 40 Hz\); say --sampling-rate"
    ):
        un.read(tmp_path / "x.mseed")
    data = un.read(tmp_path / "x.mseed", sampling_rate=50, groups="station")
    assert data.x.shape == (3, 50 * seconds)
    inner = slice(25, -25)  # of what the filter meets at the ends
    np.testing.assert_allclose(data.x[:, inner], np.broadcast_to(wave[1], data.x.shape)[:, inner], atol=1e-3)
    noisy = obspy.Trace((np.sin(2 * np.pi * 40 * np.arange(600) / 100)).astype("f4"), {"sampling_rate": 100.0})
    noisy.write(str(tmp_path / "y.mseed"), format="MSEED")
    assert np.abs(un.read(tmp_path / "y.mseed", sampling_rate=50).x[:, inner]).max() < 0.02  # above what 50 Hz can carry


def test_what_is_missing_stays_missing_in_resampling():
    x = np.sin(np.arange(400) / 20)
    holed = x.copy()
    holed[100:120] = np.nan
    (new,), _ = at_one_rate([holed[:, None]], [100.0], 50.0, ["a"], "it")
    (whole,), _ = at_one_rate([x[:, None]], [100.0], 50.0, ["a"], "it")
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(new[:, 0])), range(50, 60))
    np.testing.assert_allclose(new[:45], whole[:45], atol=0.01)


def test_headers_that_round_a_rate_are_one_rate():
    at_one_rate([np.zeros(40)] * 2, [100.0, 100.00000223], None, ["a", "b"], "it")
    with pytest.raises(un.InputError, match="differ in sampling rate"):
        at_one_rate([np.zeros(4000)] * 2, [100.0, 100.1], None, ["a", "b"], "it")


def test_traces_of_unlike_length_by_the_flags(tmp_path):
    stream = traces()
    stream[2].data = stream[2].data[:30]
    stream.write(str(tmp_path / "x.mseed"), format="MSEED")
    data = un.read(tmp_path / "x.mseed", groups="station", length="crop")
    assert data.x.shape == (6, 30)
    assert "cut to 30 samples" in data.notes[0]
    data = un.read(tmp_path / "x.mseed", groups="station", length="pad")
    assert (data.x.shape, np.isnan(data.x).sum()) == ((6, 40), 10)
    data = un.read(tmp_path / "x.mseed", groups="station", length=("window", 16), hop=8)
    np.testing.assert_array_equal(data.factors["window"], [0, 8, 16, 24] * 4 + [0, 8] + [0, 8, 16, 24])
    for row, station, first, start in zip(data.x, data.groups, data.factors["window"], data.factors["starttime"], strict=True):
        whole = X[int(station[1:]) + 3 * (start != data.factors["starttime"][0])]
        np.testing.assert_array_equal(row, whole[first : first + 16])


def test_gaps_that_a_trace_marks_are_missing(tmp_path):
    obspy = pytest.importorskip("obspy")
    samples = np.ma.masked_inside(np.arange(20, dtype=np.int32), 5, 8)
    trace = _trace(obspy.Trace(samples), tmp_path / "x", {}, None)
    np.testing.assert_array_equal(trace.samples, [*range(5), *[np.nan] * 4, *range(9, 20)])


def three(events=2, without=()):
    """Traces of three channels of some events; channel c of event e is 100 e + 10 c + time."""
    obspy = pytest.importorskip("obspy")
    return [
        (e, letter, obspy.Trace(
            np.arange(12, dtype=np.float32) + 100 * e + 10 * c,
            {"network": "XX", "station": "AAA", "channel": f"HH{letter}", "starttime": obspy.UTCDateTime(1e6 * e + 0.3 * c)},
        ))
        for e in range(events) for c, letter in enumerate("ENZ") if (e, letter) not in without
    ]  # fmt: skip


ROW = np.arange(12)[:, None] + np.array([20, 10, 0])  # Z, N, E


@pytest.mark.parametrize("pattern", ["x", "{event}_{channel}.sac", "{event}_{code}", "{event}_*"])
def test_three_channels_make_one_row(tmp_path, pattern):
    for e, letter, trace in three():
        trace.write(str(tmp_path / f"ev{e}_HH{letter}.sac"), format="SAC")
    keys = {"groups": "event"} if "event" in pattern else {}
    data = un.read(tmp_path, x=pattern, channels="ZNE", **keys)
    order = np.argsort(data.x[:, 0, 0])
    np.testing.assert_array_equal(data.x[order], [ROW, ROW + 100])
    assert not data.notes
    if keys:
        np.testing.assert_array_equal(data.groups[order], ["ev0", "ev1"])


def test_channels_of_unlike_length(tmp_path):
    obspy = pytest.importorskip("obspy")
    some = [trace for *_, trace in three(1)]
    some[1].data = some[1].data[:-1]
    obspy.Stream(some).write(str(tmp_path / "x.mseed"), format="MSEED")
    data = un.read(tmp_path / "x.mseed", channels="ZNE")
    np.testing.assert_array_equal(data.x, [ROW[:-1]])
    assert data.notes == ("the channels of 1 of 1 sets differ in length and are cut to the shortest.",)
    some[1].data = some[1].data[:-3]
    obspy.Stream(some).write(str(tmp_path / "y.mseed"), format="MSEED")
    with pytest.raises(un.InputError, match=r"of one row differ in length .2 of 12 samples, 1 of 8.; say --length crop"):
        un.read(tmp_path / "y.mseed", channels="ZNE")
    padded = un.read(tmp_path / "y.mseed", channels="ZNE", length="pad").x
    np.testing.assert_array_equal(np.isnan(padded[0]).sum(0), [0, 4, 0])


def test_gse2_is_read(tmp_path):
    obspy = pytest.importorskip("obspy")
    obspy.Stream([obspy.Trace(np.arange(40, dtype=np.int32) ** 2, {"station": "AAA"})]).write(
        str(tmp_path / "x.gse2"), format="GSE2"
    )
    np.testing.assert_array_equal(un.read(tmp_path / "x.gse2").x, [np.arange(40) ** 2])


def test_sets_that_lack_a_channel_are_left_out_or_refused(tmp_path):
    obspy = pytest.importorskip("obspy")
    obspy.Stream([t for *_, t in three(3, without=[(1, "N")])]).write(str(tmp_path / "x.mseed"), format="MSEED")
    data = un.read(tmp_path / "x.mseed", channels="ZNE")
    np.testing.assert_array_equal(data.x[np.argsort(data.x[:, 0, 0])], [ROW, ROW + 200])
    assert data.notes == ("1 of 3 sets of traces lack a channel of ZNE and are left out.",)
    assert len(un.read(tmp_path / "x.mseed", channels="ZE")) == 3
    with pytest.raises(
        un.InputError, match=r"channels Z12; the last letters of their codes are E \(3 traces\), Z \(3 traces\)"
    ):
        un.read(tmp_path / "x.mseed", channels="Z12")
    again = obspy.Stream([t for *_, t in three(1)] * 2)
    again.write(str(tmp_path / "y.mseed"), format="MSEED")
    with pytest.raises(un.InputError, match=r"XX.AAA..HH. at .* comes twice at one time"):
        un.read(tmp_path / "y.mseed", channels="ZNE")


def test_files_without_a_suffix_are_known_by_their_content(tmp_path):
    archive = tmp_path / "sds"
    for k, trace in enumerate(traces()):
        trace.stats.network = "XX"
        folder = archive / "2020" / "XX" / trace.stats.station / "HHZ.D"
        folder.mkdir(parents=True, exist_ok=True)
        trace.write(str(folder / f"XX.{trace.stats.station}..HHZ.D.2020.{k // 3:03}"), format="MSEED" if k % 2 else "SAC")
    (archive / "README").write_text("000001 is not a record, though it begins with six digits " * 20)
    data = un.read(archive, groups="station")
    np.testing.assert_array_equal(data.x, X[[0, 3, 1, 4, 2, 5]])
    np.testing.assert_array_equal(data.groups, ["S0", "S0", "S1", "S1", "S2", "S2"])
    windows = un.read(archive, groups="station", length=("window", 10))
    assert windows.x.shape == (24, 10)
    one = next(file for file in archive.rglob("*.001"))
    assert un.read(one).x.shape == (1, 40)
    with pytest.raises(un.InputError, match="has no suffix to tell its kind"):
        un.read(archive / "README")


def test_miniseed_of_version_3_is_not_called_damaged(tmp_path):
    pytest.importorskip("obspy")
    (tmp_path / "x.mseed").write_bytes(b"MS\x03" + bytes(100))
    with pytest.raises(un.InputError, match="is miniSEED of version 3, which ObsPy does not read"):
        un.read(tmp_path / "x.mseed")


def test_real_receiver_functions(real_data):
    pytest.importorskip("obspy")
    data = un.read(real_data / "seismic" / "rf_teleseismic" / "example_data.mseed", groups="channel")
    assert data.x.shape == (39, 2701)
    assert list(data.group_sizes) == [13, 13, 13]


def test_headers_that_some_traces_lack_are_missing(tmp_path):
    """NaN as factors, and no keys; a header by its bare name is found."""
    sac = pytest.importorskip("obspy.io.sac").SACTrace
    for k in range(4):
        trace = sac(data=X[k], delta=0.01, kevnm=f"ev{k // 2}")
        if k % 2:
            trace.evdp = 10.0 + k
        trace.write(str(tmp_path / f"{k}.sac"))
    data = un.read(tmp_path, groups="sac.kevnm")
    np.testing.assert_array_equal(data.factors["sac.evdp"], [np.nan, 11, np.nan, 13])
    with pytest.raises(un.InputError, match=r"2 missing key\(s\)"):
        un.read(tmp_path, groups="sac.evdp")
    with pytest.raises(un.InputError, match=r"perhaps sac.kevnm is meant"):
        un.read(tmp_path, groups="kevnm")


def test_a_record_with_a_gap_is_said_to_be_in_pieces(tmp_path):
    obspy = pytest.importorskip("obspy")
    whole = obspy.Trace(np.arange(100, dtype="i4"), {"station": "A", "sampling_rate": 10.0})
    start = whole.stats.starttime
    for name, gap, said in (("gap", 2.0, True), ("none", 0.0, False), ("events", 3600.0, False)):
        first, second = whole.slice(endtime=start + 3.9), whole.slice(starttime=start + 4, endtime=start + 7.9)
        second.stats.starttime += gap
        obspy.Stream([first, second]).write(str(tmp_path / f"{name}.mseed"), format="MSEED")
        data = un.read(tmp_path / f"{name}.mseed", **({} if gap else {"length": ("window", 40)}))
        assert any("in pieces with gaps" in note for note in data.notes) == said
