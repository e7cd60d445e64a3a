/* What HDF5 files of other programs need: marks by which MATLAB, R, Julia, netCDF, PyTables, Keras and PyTorch are
 * known. Internal to lib/data; inside a scope (h5/scope.h).
 *
 * MATLAB, R and Julia store arrays with the first dimension running fastest, which HDF5 programs see with all
 * dimensions in reverse order: (columns, rows).
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_H5_DIALECT_H
#define FLOW_DATA_H5_DIALECT_H

#include <hdf5.h>
#include <stdbool.h>

/* Whether the program that wrote a dataset says that its dimensions are in reverse order: MATLAB 7.3, rhdf5 of R, JLD
 * and JLD2 of Julia. (hdf5r of R and HDF5.jl of Julia leave no mark.) */
bool flow_h5_is_reversed(hid_t dataset);

/* What a dataset of numbers of MATLAB is instead: "text", "an object of MATLAB", "no value"; NULL: numbers. */
const char *flow_h5_matlab_what(hid_t dataset);

/* A dataset that has the values of a dimension of netCDF or of h5py, such as times. */
bool flow_h5_is_scale(hid_t dataset);
/* A dimension of netCDF that has no values. */
bool flow_h5_is_empty_scale(hid_t dataset);

/* Whether a link is of a kind that only its program needs: indices of PyTables, heaps of MATLAB, types of JLD2. */
bool flow_h5_is_private(const char *name);

/* The text of an attribute, whatever the form of the string; the caller's (free). NULL when there is none. */
char *flow_h5_text_of(hid_t object, const char *attribute);

/* Whether an attribute has exactly this text. */
bool flow_h5_text_is(hid_t object, const char *attribute, const char *text);

/* Where a soft link or a link into another file leads: "PATH" or "PATH in the file FILE"; the caller's. NULL when
 * `path` is no such link. */
char *flow_h5_link_target(hid_t at, const char *path);

/* Whether a group holds the parts of a sparse matrix, as scipy, AnnData and others name them. */
bool flow_h5_is_sparse(hid_t group);

/* If the file holds the weights of a network: "Keras" or "PyTorch"; else NULL. */
const char *flow_h5_weights_of(hid_t file);

#endif
