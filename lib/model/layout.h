/* What is where in a model file: one list for the writer and the reader (docs/model-file.md). */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_MODEL_LAYOUT_NAMES_H
#define FLOW_MODEL_LAYOUT_NAMES_H

/* Attributes of the root. */
#define FLOW_MODEL_FORMAT "format"
#define FLOW_MODEL_FORMAT_NAME "flowctl-model"
#define FLOW_MODEL_FORMAT_VERSION "format_version"
#define FLOW_MODEL_PROGRAM_VERSION "program_version"
#define FLOW_MODEL_PRECISION "precision"
#define FLOW_MODEL_DIRECTORY "directory"

/* Datasets and groups. */
#define FLOW_MODEL_SPEC "spec"
#define FLOW_MODEL_COLUMNS "columns" /* also an attribute of the history */
#define FLOW_MODEL_PARAMETERS "parameters"
#define FLOW_MODEL_TRAINING "training"
#define FLOW_MODEL_HISTORY "history"
#define FLOW_MODEL_PROVENANCE "provenance"
#define FLOW_MODEL_SUMMARY "summary"

enum { FLOW_STORED_NAME_SIZE = 160 };

#endif
