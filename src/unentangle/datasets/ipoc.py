"""Local earthquakes at one station of the Integrated Plate boundary Observatory Chile (doi:10.5880/GFZ.2.4.2019.004)."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from ..data.dataset import Dataset
from ..errors import InputError
from ..io.columns import read_csv
from ..io.files import read
from .originals import local_folder

DEGREE = 111.2  # km on a great circle

PARTS = {
    "dummydataset_metadata.csv": "dummydataset_waveforms.hdf5",
    "chunkeddummydataset_metadata1.csv": "chunkeddummydataset_waveforms1.hdf5",
}


def ipoc(folder: str | Path | None = None, *, regions: int = 10, seed: int = 0) -> Dataset:
    """200 earthquakes recorded at CX.PB01, grouped by region of origin: 60 s from shortly before the P wave, at 20 Hz.

    Earthquakes of one region share most of the path to the station, and differ in source mechanism, size and noise. A region is
    a cluster of hypocentres (k-means on north, east and depth in km), so that its name says nothing; the regions are about 50
    km wide, which is many wavelengths, and the path within one is far from the same.

    Args:
        folder: where the four files are; by default the folder seismic/ipoc_pb01 in the one that UNENTANGLE_DATA names.
        regions: number of clusters.
        seed: of the clustering.

    Returns:
        rows (200, 1200, 3) in counts, with the factors `distance` (km along the surface), `azimuth` (degrees from north, from
        the station to the source), `depth` (km), `magnitude`; `north` and `east` (km from the station).

    Raises:
        InputError: if a file is missing or damaged.
    """
    folder = local_folder("seismic/ipoc_pb01") if folder is None else Path(folder)
    tables = [read_csv(folder / name) for name in PARTS]
    rows = np.concatenate([read(folder / name).load().x for name in PARTS.values()])
    column = {name: np.concatenate([t[name] for t in tables]) for name in tables[0] if name in tables[1]}
    north, east = from_station(
        *(column[f"{what}_{axis}_deg"].astype(float) for what in ("source", "station") for axis in ("latitude", "longitude"))
    )
    depth = column["source_depth_km"].astype(float)
    if not 2 <= regions <= len(rows):
        raise InputError(f"regions={regions}; between 2 and the {len(rows)} earthquakes are needed.")
    from sklearn.cluster import KMeans

    machine = KMeans(regions, n_init=10, random_state=seed)  # pyright: ignore[reportArgumentType]
    clusters = machine.fit_predict(np.stack([north, east, depth], axis=1))
    factors = {
        "distance": np.hypot(north, east),
        "azimuth": np.degrees(np.arctan2(east, north)) % 360,
        "depth": depth,
        "magnitude": column["source_magnitude"].astype(float),
        "north": north,
        "east": east,
    }
    return Dataset(rows, factors, groups=clusters)


def from_station(
    latitude: Float[np.ndarray, " n"],
    longitude: Float[np.ndarray, " n"],
    station_latitude: Float[np.ndarray, " n"],
    station_longitude: Float[np.ndarray, " n"],
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """How far north and east of the station, in km, on a plane that touches the Earth between the two."""
    between = np.radians((latitude + station_latitude) / 2)
    return DEGREE * (latitude - station_latitude), DEGREE * (longitude - station_longitude) * np.cos(between)
