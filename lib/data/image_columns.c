/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/image_columns.h"

#include <stdlib.h>
#include <string.h>

bool flow_image_wants_label(const flow_reader_options *options)
{
    for (int i = 0; i < options->n_last; i++)
        if (strcmp(options->last[i], FLOW_LABEL) == 0)
            return true;
    return false;
}

flow_status flow_image_choose_columns(flow_reader *reader, int **pick, bool has_label,
                                      const flow_reader_options *options, flow_error *err)
{
    const int n = flow_shape_size(reader->image.shape);
    flow_name_list names = {0};
    int *chosen = NULL;
    reader->holds_images = true;
    flow_status status = flow_name_list_number(&names, 'x', n, err);
    if (status == FLOW_OK && has_label)
        status = flow_name_list_add(&names, FLOW_LABEL, strlen(FLOW_LABEL), err);
    if (status == FLOW_OK)
        status = flow_reader_choose(reader, &chosen, &names, options, err);
    const int d = reader->columns.n;
    bool whole = d >= n;
    reader->n_stored = 0;
    for (int j = 0; j < d && status == FLOW_OK; j++) {
        whole = whole && (j >= n || chosen[j] == j);
        chosen[j] = chosen[j] < n ? flow_image_place(&reader->image, chosen[j]) : n;
        reader->n_stored += reader->n_stored == j && chosen[j] < n;
    }
    if (!whole)
        reader->image = (flow_image){.layout = FLOW_IMAGE_AUTO};
    *pick = chosen;
    flow_name_list_free(&names);
    return status;
}
