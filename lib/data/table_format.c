/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/table_format.h"

#include <string.h>
#include <strings.h>

#include "data/h5_tables.h"
#include "data/png_file.h"
#include "data/reader.h"
#include "data/writer.h"
#include "h5/file.h"

/* CSV, which has no signature, is first. */
static const flow_table_format table_formats[] = {
    {.name = "a CSV file",
     .endings = {".csv", ".csv.gz", ".csv.zst"},
     .open_reader = flow_csv_reader_open,
     .open_writer = flow_csv_writer_open},
    {.name = "an HDF5 file",
     .endings = {".h5", ".hdf5", ".hdf"},
     .has_paths = true,
     .recognise = flow_h5_has_signature,
     .open_reader = flow_h5_reader_open,
     .open_writer = flow_h5_writer_open,
     .list = flow_h5_all_tables},
    {.name = "a PNG file",
     .endings = {".png"},
     .reads_folders = true,
     .recognise = flow_png_has_signature,
     .open_reader = flow_png_reader_open,
     .open_writer = flow_png_writer_open},
};

enum { N_FORMATS = sizeof table_formats / sizeof table_formats[0] };

const flow_table_format *flow_table_format_named(const char *file, size_t length)
{
    for (const flow_table_format *format = table_formats; format < table_formats + N_FORMATS; format++)
        for (const char *const *ending = format->endings; *ending != NULL; ending++) {
            size_t n = strlen(*ending);
            if (length > n && strncasecmp(file + length - n, *ending, n) == 0)
                return format;
        }
    return &table_formats[0];
}

const flow_table_format *flow_table_format_of_folders(void)
{
    const flow_table_format *format = table_formats;
    while (!format->reads_folders)
        format++;
    return format;
}

const flow_table_format *flow_table_format_of(const char *file)
{
    for (int i = 1; i < N_FORMATS; i++)
        if (table_formats[i].recognise(file))
            return &table_formats[i];
    return &table_formats[0];
}
