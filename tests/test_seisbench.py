"""SeisBench's waveforms: the table says which arrays they are, and how much of each is no padding."""

import h5py
import numpy as np
import pytest

import unentangle as un

X = np.arange(6 * 3 * 8.0).reshape(6, 3, 8) + 1


def save(folder, lengths, channels=(3,) * 6, order="NCW"):
    places = [f"bucket{k // 3}${k % 3},:{channels[k]},:{n}" for k, n in enumerate(lengths)]
    with h5py.File(folder / "waveforms.hdf5", "w") as file:
        for b in range(2):
            part = np.zeros((3, 3, 8))
            for k in range(3):
                part[k, : channels[3 * b + k], : lengths[3 * b + k]] = X[3 * b + k, : channels[3 * b + k], : lengths[3 * b + k]]
            file[f"data/bucket{b}"] = part if order == "NCW" else part.transpose(0, 2, 1)
        file["data/x_axis"], file["data_format/dimension_order"] = np.arange(8), order
    if order == "NWC":
        places = [",".join([(w := place.split(","))[0], w[2], w[1]]) for place in places]
    lines = [f'"{place}",{"ab"[k % 2]}\n' for k, place in enumerate(places)]
    (folder / "metadata.csv").write_text("trace_name,source\n" + "".join(lines))
    return folder / "waveforms.hdf5"


@pytest.mark.parametrize("order", ["NCW", "NWC"])
@pytest.mark.parametrize("length", [8, 5])
def test_padding_that_the_table_tells_is_cut(order, length, tmp_path):
    data = un.read(save(tmp_path, [length] * 6, order=order), groups="source")
    np.testing.assert_array_equal(data.x[:], X.transpose(0, 2, 1)[:, :length])
    np.testing.assert_array_equal(data.rows([4, 1, 1]), X.transpose(0, 2, 1)[[4, 1, 1], :length])
    assert "on disk" in repr(data)
    assert data.groups.tolist() == list("ababab")


def test_channels_that_are_padding_are_cut(tmp_path):
    data = un.read(save(tmp_path, [8] * 6, (2,) * 6), groups="source")
    np.testing.assert_array_equal(data.x[:], X.transpose(0, 2, 1)[:, :, :2])
    (other := tmp_path / "other").mkdir()
    with pytest.raises(un.InputError, match="tells of waveforms of 2 and 3 channels; all must agree"):
        un.read(save(other, [8] * 6, (3, 2, 3, 3, 3, 3)), groups="source")


def test_unlike_lengths_need_a_word(tmp_path):
    path = save(tmp_path, [5, 5, 5, 8, 8, 7])
    with pytest.raises(un.InputError, match=r"the waveforms in .* differ in length .*--length crop"):
        un.read(path, groups="source")
    np.testing.assert_array_equal(un.read(path, groups="source", length="crop").x, X.transpose(0, 2, 1)[:, :5])
    padded = un.read(path, groups="source", length="pad")
    np.testing.assert_array_equal(np.isnan(padded.x).any(axis=2).sum(axis=1), [3, 3, 3, 0, 0, 1])
    windows = un.read(path, groups="source", length=("window", 4))
    assert windows.groups.tolist() == list("ababbaab")


def test_waveforms_that_are_not_there_are_named(tmp_path):
    path = save(tmp_path, [8] * 6)
    for place, says in (("bucket0$7,:3,:8", r"names bucket0\$7; data/bucket0 has 3"), ("bucket9$0", r"bucket9\$0, which")):
        (tmp_path / "metadata.csv").write_text(f'trace_name,source\n"{place}",a\n"bucket0$1,:3,:8",b\n')
        with pytest.raises(un.InputError, match=says):
            un.read(path, groups="source")
