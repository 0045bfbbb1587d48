"""Object arrays hold words and numbers, or are refused; nothing in them runs."""

import io
import pickle
import zipfile

import numpy as np
import pytest

import unentangle as un


@pytest.mark.parametrize(
    ("keys", "wanted"),
    [
        (["b", "a", "b"], ["b", "a", "b"]),
        ([b"b", "a", "b"], ["b", "a", "b"]),
        ([3, 4, 3], [3, 4, 3]),
        ([np.str_("b"), np.str_("aé"), np.str_("c")], ["b", "aé", "c"]),
        ([np.float32(1.5), np.int64(2), 0.25], [1.5, 2, 0.25]),
        ([2**40, 1, 2], [2**40, 1, 2]),
    ],
)
def test_object_arrays_of_words_and_numbers_are_keys(keys, wanted, tmp_path):
    objects = np.empty(3, object)
    objects[:] = keys
    np.savez(tmp_path / "x.npz", x=np.ones((3, 4)), groups=objects, note=objects)
    np.save(tmp_path / "k.npy", objects)
    data = un.read(tmp_path / "x.npz")
    assert data.groups.tolist() == data.factors["note"].tolist() == wanted
    assert un.read(tmp_path / "x.npz", groups=str(tmp_path / "k.npy")).groups.tolist() == wanted


class Call:
    def __init__(self, of, *args):
        self.of, self.args = of, args

    def __reduce__(self):
        return self.of, self.args


HOSTILE = {
    "call": pickle.dumps(Call(print, "ran")),
    "in a list": pickle.dumps([Call(exec, "raise SystemExit")]),
    "global": b"cnumpy.testing\nrundocs\n.",
    "dotted": b"\x80\x04\x8c\x05numpy\x8c\x0cdtype.__name_\x93.",
    "state": b"\x80\x04\x8c\x05numpy\x8c\x05dtype\x93}\x8c\x04makeK\x01sb.",
    "memo": b"\x80\x04K\x01r\xff\xff\xff\x7f.",
    "huge": b"\x80\x04\x8b\xff\xff\xff\x7f1.",
    "deep": b"(" * 100000 + b".",
    "numpy array": pickle.dumps(np.ones(3)),
    "lambda": b"cnumpy\nload\n(Vfile\ntR.",
    "nothing": b"",
}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_nothing_in_a_pickle_runs(hostile, tmp_path, capsys):
    member = io.BytesIO()
    np.lib.format.write_array_header_1_0(member, {"descr": "|O", "fortran_order": False, "shape": (3,)})
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        rows = io.BytesIO()
        np.save(rows, np.ones((3, 4)))
        archive.writestr("x.npy", rows.getvalue())
        archive.writestr("groups.npy", member.getvalue() + hostile)
    with pytest.raises(un.InputError, match=r"groups.npy in .* holds Python objects other than words and numbers"):
        un.read(tmp_path / "x.npz")
    assert len(un.read(tmp_path / "x.npz", groups=None)) == 3
    assert not capsys.readouterr().out
