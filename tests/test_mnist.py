import gzip
import io
import os
from hashlib import md5
from pathlib import Path

import numpy as np
import pytest

import unentangle as un
from unentangle.datasets import originals
from unentangle.datasets.mnist import FILES, idx

FOLDER = Path(os.environ.get("UNENTANGLE_DATA", "missing")) / "mnist"
with_originals = pytest.mark.skipif(not FOLDER.exists(), reason="the original MNIST files are not in UNENTANGLE_DATA/mnist")


def test_idx_holds_its_own_shape():
    rows = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    content = b"\0\0\x08\x03" + np.array(rows.shape, ">u4").tobytes() + rows.tobytes()
    np.testing.assert_array_equal(idx(content), rows)
    with pytest.raises(un.InputError, match="begins with 0, 0, 8, this one with 1, 2, 3"):
        idx(b"\1\2\3\1")


def test_what_is_missing_or_wrong_is_named(tmp_path):
    name = f"{next(iter(FILES['test']))}.gz"
    with pytest.raises(un.InputError, match=rf"{name} is not there; put .*, unentangle data mnist --split test --down"):
        un.data.mnist(tmp_path, "test")
    (tmp_path / name).write_bytes(b"something else")
    with pytest.raises(un.InputError, match="has the checksum"):
        un.data.mnist(tmp_path, "test")


def small_files(folder, monkeypatch):
    """Test files of the original format: 3 zeros, 5 ones, 1 two, each image filled with its place in the file."""
    labels = np.array([1, 0, 1, 2, 1, 0, 1, 1, 0], np.uint8)
    images = np.repeat(np.arange(9, dtype=np.uint8), 4).reshape(9, 2, 2)
    sums = {}
    for name, array in zip(FILES["test"], (images, labels), strict=True):
        plain = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()
        compressed = gzip.compress(plain)
        (folder / f"{name}.gz").write_bytes(compressed)
        sums[name] = (md5(plain).hexdigest(), md5(compressed).hexdigest())
    monkeypatch.setitem(FILES, "test", sums)


def test_groups_are_sorted_full_and_in_the_order_of_the_file(tmp_path, monkeypatch):
    small_files(tmp_path, monkeypatch)
    data = un.data.mnist(tmp_path, "test", n_tau=2)
    assert data.factors["state"].tolist() == [0, 0, 1, 1, 1, 1]
    assert data.x[:, 0, 0].tolist() == [1, 5, 0, 2, 4, 6]
    assert data.group.tolist() == [0, 0, 1, 1, 2, 2]
    assert un.data.mnist(tmp_path, "test", n_tau=2, limit=6).x[:, 0, 0].tolist() == [1, 5, 0, 2]
    for wrong in ({"n_tau": 6}, {"n_tau": 0}, {"limit": 0}, {"limit": -3}):
        with pytest.raises(un.InputError, match=next(iter(wrong))):
            un.data.mnist(tmp_path, "test", **wrong)


def test_files_may_be_unpacked(tmp_path, monkeypatch):
    small_files(tmp_path, monkeypatch)
    packed = un.data.mnist(tmp_path, "test", n_tau=2)
    for path in list(tmp_path.glob("*.gz")):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    np.testing.assert_array_equal(un.data.mnist(tmp_path, "test", n_tau=2).x, packed.x)
    path.with_suffix("").write_bytes(b"something else")
    with pytest.raises(un.InputError, match="has the checksum"):
        un.data.mnist(tmp_path, "test", n_tau=2)


def answers(monkeypatch, answer):
    """What the network gives for an address."""
    monkeypatch.setattr(originals, "urlopen", lambda address, timeout: io.BytesIO(answer(address)))


def test_offline_the_error_says_which_file_to_put_where(tmp_path, monkeypatch):
    def offline(address):
        raise OSError("no network")

    answers(monkeypatch, offline)
    with pytest.raises(un.InputError, match=rf"t10k-images.* could not be fetched \(.*no network\); put .* into {tmp_path}"):
        un.data.mnist(tmp_path, "test", download=True)


def test_what_was_fetched_is_kept_only_if_it_is_the_original(tmp_path, monkeypatch):
    small_files(tmp_path, monkeypatch)
    answers(monkeypatch, lambda address: (tmp_path / address.split("/")[-1]).read_bytes())
    fetched = un.data.mnist(tmp_path / "new", "test", n_tau=1, download=True)
    np.testing.assert_array_equal(fetched.x, un.data.mnist(tmp_path / "new", "test", n_tau=1).x)
    answers(monkeypatch, lambda address: b"please log in")
    with pytest.raises(un.InputError, match=r"could not be fetched .*: not the original"):
        un.data.mnist(tmp_path / "other", "test", download=True)
    assert not (tmp_path / "other").exists()


@with_originals
def test_groups_are_of_one_digit_and_full():
    data = un.data.mnist(FOLDER, "test", n_tau=21)
    digit, groups = data.factors["state"], data.group
    assert data.row_shape == (28, 28)
    assert data.x.dtype == np.uint8
    counts = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]  # of the published test set
    assert np.bincount(digit).tolist() == [count // 21 * 21 for count in counts]
    assert set(np.bincount(groups)) == {21}
    assert all(len(set(digit[groups == g])) == 1 for g in range(groups.max() + 1))
    assert len(un.data.mnist(FOLDER, "test", limit=1000)) <= 1000


def test_without_a_folder_the_variable_says_where(tmp_path, monkeypatch):
    (tmp_path / "mnist").mkdir()
    small_files(tmp_path / "mnist", monkeypatch)
    monkeypatch.setenv("UNENTANGLE_DATA", str(tmp_path))
    np.testing.assert_array_equal(un.data.mnist(split="test", n_tau=2).x, un.data.mnist(tmp_path / "mnist", "test", n_tau=2).x)
    monkeypatch.delenv("UNENTANGLE_DATA")
    with pytest.raises(un.InputError, match="UNENTANGLE_DATA is not set; let it name the folder"):
        un.data.mnist()
