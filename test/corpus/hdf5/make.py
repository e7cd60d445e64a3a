#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the files of this folder as pandas, PyTables and netCDF4 write them: python3 make.py

test/unit_foreign.c reads them. The damaged files are one of h5py, of a byte that was made 0 (test/cli_foreign.bats).
"""
import netCDF4
import numpy as np
import pandas as pd
import tables

n = 5
frame = pd.DataFrame({
    "x": np.arange(n) + 0.5,
    "k": np.arange(n) * 10,
    "y": -np.arange(n, dtype="f8"),
    "größe": (np.arange(n) / 4).astype("f4"),
})
mixed = frame.assign(
    word=["ab", "c", "d", "e", "f"],
    flag=[True, False, True, True, False],
    time=pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(n), unit="s"),
)

options = dict(key="df", mode="w", index=False, complevel=9)  # packed: these files stay small
frame.to_hdf("pandas_table.h5", format="table", **options)
frame.to_hdf("pandas_columns.h5", format="table", data_columns=True, **options)
frame.to_hdf("pandas_some.h5", format="table", data_columns=["y"], **options)
mixed.to_hdf("pandas_mixed.h5", format="table", **options)
frame.set_index(["k", "y"]).to_hdf("pandas_levels.h5", format="table", **options)
frame.to_hdf("pandas_fixed.h5", format="fixed", key="df", mode="w")
frame["x"].to_hdf("pandas_series.h5", format="fixed", key="s", mode="w")

class Hit(tables.IsDescription):
    name = tables.StringCol(4, pos=0)
    energy = tables.Float32Col(pos=1)
    good = tables.BoolCol(pos=2)
    p = tables.Float64Col(shape=(3,), pos=3)
    part = tables.EnumCol(tables.Enum({"ecal": 0, "hcal": 2}), "ecal", base="uint8", pos=4)

    class cell(tables.IsDescription):
        _v_pos = 5
        eta = tables.Float64Col(pos=0)
        layer = tables.UInt16Col(pos=1)

with tables.open_file("pytables.h5", "w") as f:
    table = f.create_table(f.create_group("/", "run"), "hits", Hit, filters=tables.Filters(complevel=9))
    for i in range(n):
        table.row["name"] = f"h{i}"
        table.row["energy"] = i / 2
        table.row["good"] = i % 2
        table.row["p"] = [i, i + 1, i + 2]
        table.row["part"] = 2 * (i % 2)
        table.row["cell/eta"] = -i
        table.row["cell/layer"] = i + 7
        table.row.append()

with netCDF4.Dataset("netcdf.nc", "w") as f:
    f.createDimension("obs", n)
    f.createDimension("unused", 3)
    t = f.createVariable("temperature", "i2", ("obs",), fill_value=-32768)
    t.scale_factor, t.add_offset = 0.5, 273.0
    t[:] = np.ma.array(273.0 + np.arange(n) / 2, mask=[0, 0, 1, 0, 0])
    p = f.createVariable("pressure", "f4", ("obs",), fill_value=9.96921e36)
    p[:] = np.ma.array(np.arange(n) + 1000.5, mask=[0, 0, 0, 1, 0])
    h = f.createVariable("humidity", "f8", ("obs",))
    h.missing_value = -999.0
    h[:] = [0.0, 0.25, 0.5, 0.75, 1.0]
    f.createVariable("obs", "i4", ("obs",))[:] = np.arange(n) * 6
    f.createVariable("crs", "i4")
