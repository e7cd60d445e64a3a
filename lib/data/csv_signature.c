/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/csv_signature.h"

#include <string.h>

/* 0 or 1 where every second byte is 0, from there on; -1 for other texts. */
static int signature_zeros(const char *text, size_t there)
{
    enum { LOOKED_AT = 8 };
    for (int at = 0; at < 2 && there >= LOOKED_AT; at++) {
        int n = 0;
        for (int i = 0; i < LOOKED_AT; i++)
            n += (text[i] == '\0') == (i % 2 == at);
        if (n == LOOKED_AT)
            return at;
    }
    return -1;
}

flow_status flow_csv_refuse_others(const flow_csv_stream *s, flow_error *err)
{
    static const char pickle[] = "a pickle of Python; save the table in it as CSV (numpy.savetxt) or HDF5 (h5py, "
                                 "DataFrame.to_hdf)";
    static const struct {
        const char *bytes;
        size_t n;
        const char *what;
    } others[] = {
        {"BZh", 3, "compressed with bzip2; pipe it through bzip2 -dc and read standard input (-)"},
        {"\xfd"
         "7zXZ",
         5, "compressed with xz; pipe it through xz -dc and read standard input (-)"},
        {"PK\x03\x04", 4, "a zip archive or a spreadsheet; save the table in it as CSV"},
        {"\xff\xfe", 2, "text in UTF-16; convert it with iconv -f UTF-16 -t UTF-8"},
        {"\xfe\xff", 2, "text in UTF-16; convert it with iconv -f UTF-16 -t UTF-8"},
        {"\x89HDF\r\n\x1a\n", 8,
         "HDF5, which cannot be read from a pipe or a compressed file; unpack it and name the file"},
        {"\x93NUMPY", 6, "a NumPy array; save it as CSV (numpy.savetxt) or HDF5 (h5py)"},
        {"PAR1", 4, "a Parquet file; save the table as CSV or HDF5"},
        {"ARROW1", 6, "an Arrow or Feather file; save the table as CSV or HDF5"},
        {"\x80\x02", 2, pickle},
        {"\x80\x03", 2, pickle},
        {"\x80\x04", 2, pickle},
        {"\x80\x05", 2, pickle},
        {"CDF\x01", 4, "a netCDF-3 file; make HDF5 of it with nccopy -k nc4 OLD.nc NEW.nc"},
        {"CDF\x02", 4, "a netCDF-3 file; make HDF5 of it with nccopy -k nc4 OLD.nc NEW.nc"},
        {"CDF\x05", 4, "a netCDF-3 file; make HDF5 of it with nccopy -k nc4 OLD.nc NEW.nc"},
        {"MATLAB 5.0", 10, "a MATLAB file of the old format; save it with save('data.mat', ..., '-v7.3')"},
        {"SIMPLE  =", 9, "a FITS file; save the table in it as CSV or HDF5 (astropy)"},
        {"SQLite format 3", 15, "a data base of SQLite; export the table as CSV"},
        {"[{", 2, "JSON; write the table in it as CSV, in Python with pandas.read_json(...).to_csv(..., index=False)"},
        {"@RELATION", 9, "a file of Weka (ARFF); take the lines up to @DATA out, and put the names there"},
        {"@relation", 9, "a file of Weka (ARFF); take the lines up to @data out, and put the names there"},
        {"root", 4, "a ROOT file; save the columns as CSV or HDF5 (uproot and h5py)"},
    };
    size_t there = s->end - s->begin;
    const int zeros = signature_zeros(s->buffer + s->begin, there);
    if (zeros >= 0)
        return flow_error_set(err, FLOW_FORMAT,
                              "%s: seems to be text in UTF-16; convert it with iconv -f UTF-16%s -t UTF-8", s->name,
                              zeros == 0 ? "BE" : "LE");
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (there >= others[i].n && memcmp(s->buffer + s->begin, others[i].bytes, others[i].n) == 0 &&
            (others[i].bytes[0] != 'r' || s->buffer[s->begin + 4] == '\0'))
            return flow_error_set(err, FLOW_FORMAT, "%s: is %s", s->name, others[i].what);
    return FLOW_OK;
}
