"""`.ts`: series with their labels."""

import numpy as np
import pytest

import unentangle as un

HEAD = "# a comment\n@problemName Waves\n@timestamps false\n@univariate {}\n@classLabel {}\n@data\n"
X = np.round(np.random.default_rng(0).standard_normal((5, 7, 2)), 3)
LABELS = ["07", "a", "7", "a", "7"]


def written(path, x=X, labels=LABELS, univariate="false"):
    lines = []
    for row, label in zip(x, labels or [""] * len(x), strict=True):
        series = ":".join(",".join("?" if np.isnan(v) else str(v) for v in channel) for channel in row.T)
        lines.append(f"{series}:{label}" if labels else series)
    path.write_text(HEAD.format(univariate, "true " + " ".join(sorted(set(labels))) if labels else "false") + "\n".join(lines))
    return path


def test_series_are_rows_with_their_label(tmp_path):
    x = X.copy()
    x[1, 2, 1] = np.nan
    data = un.read(written(tmp_path / "t.ts", x), groups="class")
    np.testing.assert_array_equal(data.x, x)
    assert data.groups.tolist() == LABELS
    one = un.read(written(tmp_path / "t.ts", X[..., :1], []))
    np.testing.assert_array_equal(one.x, X[..., 0])
    assert not one.factors


@pytest.mark.parametrize(
    ("alter", "says"),
    [
        (lambda text: text.replace("@data", ""), "needs a line @data"),
        (lambda text: text.replace("@timestamps false", "@timestamps true"), "has a time stamp with every value"),
        (lambda text: text[:-1] + "\n1,2:1,2,3:a", "line 12 .* differ in length"),
        (lambda text: text[:-1] + "\n1,2:a", "line 12 .* another number of dimensions"),
        (lambda text: text[:-1] + "\n1,x:1,2:a", "line 12 .* no number"),
        (lambda text: text + "\n1,2:1,2:a", "shape|length"),
    ],
)
def test_what_is_no_series_is_refused(tmp_path, alter, says):
    path = written(tmp_path / "t.ts")
    path.write_text(alter(path.read_text()))
    with pytest.raises(un.InputError, match=says) as caught:
        un.read(path, groups="class")
    assert "\n" not in str(caught.value)
