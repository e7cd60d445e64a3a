#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""HDF5 files as other programs write them, read by flowctl: foreign.py FLOWCTL [CASE]

Each case writes a file into the current folder and says what `flowctl info` has to find: the columns with their values,
or a part of its message. Cases whose modules are not installed are skipped. Prints "ok CASE", "skip CASE", or what is
wrong; the exit status is 1 if anything is. docs/hdf5.md lists the same cases.
"""
import importlib
import json
import pathlib
import subprocess
import sys
import warnings

import numpy as np

warnings.filterwarnings("ignore")
flowctl, cases, n = sys.argv[1], {}, 60
rng = np.random.default_rng(1)
x, y, k = rng.normal(size=n), rng.normal(size=n), rng.integers(0, 5, n)


def case(*modules):
    def register(function):
        cases[function.__name__] = (modules, function)
        return function
    return register


def frame():
    import pandas as pd
    return pd.DataFrame({"x": x, "k": k, "y": y, "größe": x.astype("f4"), "flag": x > 0})


def frame_columns():
    return {"x": x, "k": k, "y": y, "größe": x.astype("f4"), "flag": x > 0}


index_said = "left out: index (the index of pandas)"


@case("pandas", "tables")
def pandas_table():
    frame().to_hdf("f.h5", key="df", format="table")
    return "f.h5", frame_columns(), index_said


@case("pandas", "tables")
def pandas_data_columns():
    frame().to_hdf("f.h5", key="df", format="table", data_columns=True)
    return "f.h5", frame_columns(), index_said


@case("pandas", "tables")
def pandas_fixed():
    frame().to_hdf("f.h5", key="df", format="fixed")
    return "f.h5", frame_columns(), index_said


@case("pandas", "tables")
def pandas_fixed_packed():
    frame().to_hdf("f.h5", key="df", format="fixed", complevel=5)
    return "f.h5", frame_columns(), index_said


@case("pandas", "tables")
def pandas_table_of_all_types():
    import pandas as pd
    mixed = frame()
    mixed["word"] = ["a", "bc"] * (n // 2)
    mixed["time"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(n), unit="h")
    mixed["kind"] = pd.Categorical(["u", "v", "w"] * (n // 3))
    mixed.to_hdf("f.h5", key="df", format="table")
    return "f.h5", frame_columns() | {"kind": np.arange(n) % 3}, "passed over: word (text)"


@case("pandas", "tables")
def pandas_fixed_of_all_types():
    import pandas as pd
    mixed = frame()
    mixed["word"] = ["a", "bc"] * (n // 2)
    mixed["time"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(n), unit="h")
    mixed.to_hdf("f.h5", key="df", format="fixed")
    return "f.h5", frame_columns(), "left out: time (times), index (the index of pandas)"


@case("pandas", "tables")
def pandas_levels_of_columns():
    import pandas as pd
    columns = pd.MultiIndex.from_tuples([("a", "x"), ("b", "y")])
    pd.DataFrame(np.stack([x, y], 1), columns=columns).to_hdf("f.h5", key="df", format="fixed")
    return "f.h5", {"a.x": x, "b.y": y}, index_said


@case("pandas", "tables")
def pandas_mixed_names():
    import pandas as pd
    pd.DataFrame({"x": x, "y": y, 1: k}).to_hdf("f.h5", key="df", format="fixed")
    return "f.h5", {"x": x, "y": y, "block1": k}, "names of columns are objects of Python"


@case("pandas", "tables")
def pandas_without_rows():
    import pandas as pd
    pd.DataFrame({"x": [], "y": []}).to_hdf("f.h5", key="df", format="fixed")
    return "f.h5", "has no rows", None


@case("pandas", "tables")
def pandas_categories():
    import pandas as pd
    kinds = pd.DataFrame({"x": x, "kind": pd.Categorical([10.5, 20.5, 99.0] * (n // 3))})
    kinds.to_hdf("f.h5", key="df", format="table")
    return "f.h5", {"x": x, "kind": np.arange(n) % 3}, "categories are numbers from 0 on, in the order of this file"


@case("pandas", "tables")
def pandas_numbered_columns():
    import pandas as pd
    pd.DataFrame(np.stack([x, y], 1)).to_hdf("f.h5", key="df", format="table")
    return "f.h5", {"0": x, "1": y}, index_said


@case("pandas", "tables")
def pandas_series():
    frame()["x"].to_hdf("f.h5", key="s", format="fixed")
    return "f.h5", {"x": x}, index_said


@case("pandas", "tables")
def pandas_store():
    import pandas as pd
    with pd.HDFStore("f.h5", "w") as store:
        store.put("train", frame(), format="table")
        store.put("deep/test", frame().head(20))
    return "f.h5:/train", frame_columns(), index_said


@case("pandas", "tables", "hdf5plugin")
def pandas_blosc():
    frame().to_hdf("f.h5", key="df", format="table", complevel=5, complib="blosc")
    return "f.h5", "packed with the filter blosc, number 32001, which is not installed", None


@case("tables")
def pytables():
    import tables
    row = np.zeros(n, [("x", "f8"), ("good", "?"), ("p", "f4", (2,)), ("name", "S4")])
    row["x"], row["good"], row["p"] = x, x > 0, np.stack([x, y], 1)
    with tables.open_file("f.h5", "w") as f:
        f.create_table("/", "t", row).cols.x.create_index()
    return "f.h5", {"x": x, "good": x > 0, "p_1": x.astype("f4"), "p_2": y.astype("f4")}, "passed over: name (text)"


@case("h5py")
def h5py_records():
    import h5py
    row = np.zeros(n, [("m", "f8"), ("is_signal", "?"), ("at", [("x", "f4"), ("y", "i2")]), ("p", "f8", (2,))])
    row["m"], row["is_signal"], row["at"]["x"], row["at"]["y"], row["p"] = x, x > 0, y, k, np.stack([x, y], 1)
    with h5py.File("f.h5", "w") as f:
        f["events"] = row
    return "f.h5", {"m": x, "is_signal": x > 0, "at.x": y.astype("f4"), "at.y": k, "p_1": x, "p_2": y}, None


@case("h5py")
def h5py_enumeration():
    import h5py
    with h5py.File("f.h5", "w") as f:
        f.create_dataset("color", data=3 * k, dtype=h5py.enum_dtype({"a": 0, "b": 3, "c": 6, "d": 9, "e": 12}))
        f["flag"] = x > 0
        f["x"] = x
    return "f.h5", {"color": 3 * k, "flag": x > 0, "x": x}, None


@case("h5py")
def h5py_columns():
    import h5py
    with h5py.File("f.h5", "w") as f:
        f["x"], f["y"], f["lumi"], f["title"] = x, y.reshape(n, 1), 3.5, "run 7"
        f["names"] = np.array([b"a"] * n)
    return "f.h5", {"x": x, "y": y}, "passed over: lumi (a single value), names (text), title (text)"


@case("h5py")
def h5py_joined():
    import h5py
    with h5py.File("f.h5", "w") as f:
        f["showers"], f["incident_energies"] = np.stack([x, y], 1), np.exp(x).reshape(n, 1)
    return ("f.h5:/showers,f.h5:/incident_energies",
            {"showers_1": x, "showers_2": y, "incident_energies": np.exp(x)}, None)


@case("h5py")
def h5py_transposed():
    import h5py
    with h5py.File("f.h5", "w") as f:
        f["X"] = np.stack([x, y])
    return "f.h5:/X.T", {"x1": x, "x2": y}, None


@case("h5py", "hdf5plugin")
def h5py_zstd():
    import h5py
    import hdf5plugin
    with h5py.File("f.h5", "w") as f:
        f.create_dataset("d", data=np.zeros((n, 2)), **hdf5plugin.Zstd())
    return "f.h5", "number 32015, which is not installed; \"pip install hdf5plugin\"", None


@case("h5py")
def h5py_virtual():
    import h5py
    layout = h5py.VirtualLayout((n, 2), "f8")
    layout[:] = h5py.VirtualSource("gone.h5", "d", (n, 2))
    with h5py.File("f.h5", "w") as f:
        f.create_virtual_dataset("d", layout)
    return "f.h5", "it is a virtual dataset, and the file gone.h5", None


@case("h5py")
def h5py_unwritten():
    import h5py
    with h5py.File("f.h5", "w") as f:
        f.create_dataset("d", (n, 2), "f8", chunks=(n // 2, 2))[: n // 2] = np.stack([x, y], 1)[: n // 2]
    half = np.arange(n) < n // 2
    return "f.h5", {"x1": x * half, "x2": y * half}, "1 of its 2 chunks were never written: they read as 0"


@case("h5py")
def h5py_wide_integers():
    import h5py
    with h5py.File("f.h5", "w") as f:
        f["id"], f["x"] = np.arange(n) + 2**60, x
    return "f.h5", {"id": np.arange(n) + 2.0**60, "x": x}, "column \"id\" has whole numbers beyond 2^53"


@case("h5py")
def matlab():
    import h5py
    with h5py.File("f.mat", "w", userblock_size=512) as f:
        for name, value in {"x": x, "y": y}.items():
            f.create_dataset(f"s/{name}", data=value.reshape(1, n)).attrs["MATLAB_class"] = np.bytes_("double")
        text = f.create_dataset("s/title", data=np.array([[104], [105]], "u2"))
        text.attrs["MATLAB_class"] = np.bytes_("char")
    return "f.mat", {"x": x, "y": y}, "passed over: title (text)"


@case("h5py")
def r_data_frame():
    import h5py
    row = np.zeros(n, [("x", "f8"), ("f", h5py.enum_dtype({"a": 1, "b": 2, "c": 3}, basetype="i4"))])
    row["x"], row["f"] = x, 1 + k % 3
    with h5py.File("f.h5", "w") as f:
        f["df"] = row
    return "f.h5", {"x": x, "f": 1 + k % 3}, None


@case("h5py")
def r_matrix():
    import h5py
    with h5py.File("f.h5", "w") as f:
        f.create_dataset("m", data=np.stack([k, k + 1]).astype("i4")).attrs["rhdf5-NA.OK"] = np.int32(1)
    return "f.h5", {"x1": k, "x2": k + 1}, None


@case("netCDF4")
def netcdf():
    import netCDF4
    with netCDF4.Dataset("f.nc", "w") as f:
        f.createDimension("obs", n)
        f.createVariable("obs", "i4", ("obs",))[:] = np.arange(n)
        packed = f.createVariable("t", "i2", ("obs",), fill_value=-32768)
        packed.scale_factor, packed.add_offset = 0.5, 273.0
        packed[:] = 273.0 + k / 2
        f.createVariable("x", "f8", ("obs",), zlib=True)[:] = x
    return "f.nc", {"t": 273 + k / 2, "x": x}, "left out: obs (values of a dimension)"


@case("netCDF4")
def netcdf_bytes():
    import netCDF4
    with netCDF4.Dataset("f.nc", "w") as f:
        f.createDimension("obs", n)
        unsigned = f.createVariable("u", "i1", ("obs",))
        unsigned._Unsigned = "true"
        unsigned.set_auto_maskandscale(False)
        unsigned[:] = (60 * k).astype("u1").view("i1")
        bounded = f.createVariable("x", "f8", ("obs",))
        bounded.valid_min, bounded.valid_max = -9.0, 9.0
        bounded[:] = x
    return "f.nc", {"u": 60 * k, "x": x}, "/x: values below -9 and above 9 are missing values (valid_range)"


@case("scipy", "h5py")
def scipy_sparse():
    import h5py
    import scipy.sparse
    matrix = scipy.sparse.random(n, 20, 0.1, "csr")
    with h5py.File("f.h5", "w") as f:
        f["X/data"], f["X/indices"], f["X/indptr"] = matrix.data, matrix.indices, matrix.indptr
    return "f.h5:/X", "is a sparse matrix (data, indices, indptr), which is not read; write it as", None


@case("h5py")
def root_export():
    import h5py
    with h5py.File("f.h5", "w") as f:
        f["Events/MET_pt"], f["Events/HLT"] = x.astype("f4"), x > 0
        jets = f.create_dataset("Events/Jet_pt", (n,), dtype=h5py.vlen_dtype("f4"))
        jets[0] = [1, 2]
    return "f.h5", {"HLT": x > 0, "MET_pt": x.astype("f4")}, "passed over: Jet_pt (lists)"


@case("h5py")
def keras():
    import h5py
    with h5py.File("f.h5", "w") as f:
        f["model_weights/dense/kernel:0"], f.attrs["keras_version"] = np.stack([x, y]), "2.15"
    return "f.h5", "holds the weights of a network (Keras), and no data; write data with", None


@case("h5py")
def pytorch():
    import h5py
    with h5py.File("f.h5", "w") as f:
        f["net.0.weight"], f["net.0.bias"] = np.stack([x, y]), x
    return "f.h5", "holds the weights of a network (PyTorch), and no data; write data with", None


def check(location, expected, said):
    run = subprocess.run([flowctl, "info", location, "--json"], capture_output=True, text=True)
    if isinstance(expected, str):
        good = run.returncode == 1 and expected in run.stderr
        return None if good else f"status {run.returncode}, not {expected!r}: {run.stderr}"
    if run.returncode != 0:
        return run.stderr
    found = json.loads(run.stdout)
    names = [c["name"] for c in found["columns"]]
    if names != list(expected) or found["rows"] != n:
        return f"{found['rows']} rows of {names}"
    for column, values in zip(found["columns"], expected.values()):
        values = np.asarray(values, "f8")
        shown = [column["least"], column["most"], column["mean"]]
        if not np.allclose(shown, [values.min(), values.max(), values.mean()], rtol=1e-12, atol=1e-12):
            return f"{column} for {values.min()}, {values.max()}, {values.mean()}"
    remarks = json.dumps(found.get("remarks", []), ensure_ascii=False).replace('\\"', '"')
    return None if said is None or said in remarks else f"{said!r} is not said: {remarks}"


wrong = 0
for name, (modules, function) in cases.items():
    if len(sys.argv) > 2 and name not in sys.argv[2:]:
        continue
    try:
        for module in modules:
            importlib.import_module(module)
    except ImportError:
        print("skip", name)
        continue
    for old in ("f.h5", "f.mat", "f.nc"):
        pathlib.Path(old).unlink(missing_ok=True)
    complaint = check(*function())
    print("ok" if complaint is None else "NOT OK", name, complaint or "")
    wrong += complaint is not None
sys.exit(wrong > 0)
