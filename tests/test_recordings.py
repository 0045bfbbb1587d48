"""Seismic traces, with their headers as group keys and factors."""

import numpy as np
import pytest

import unentangle as un

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
    stream = traces()
    stream[4].stats.sampling_rate = 50.0
    stream.write(str(tmp_path / "y.mseed"), format="MSEED")
    assert list(un.read(tmp_path / "y.mseed", groups="sampling_rate").group_sizes) == [5, 1]
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
    with pytest.raises(un.InputError, match=r"differ in length \(5 of 40 samples, 1 of 30 samples\)"):
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


def test_real_receiver_functions(real_data):
    pytest.importorskip("obspy")
    data = un.read(real_data / "seismic" / "rf_teleseismic" / "example_data.mseed", groups="channel")
    assert data.x.shape == (39, 2701)
    assert list(data.group_sizes) == [13, 13, 13]
