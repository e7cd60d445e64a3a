/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool output_is_closed(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&out, 1, 0) > 0 && (out.revents & (POLLERR | POLLHUP)) != 0;
}

flow_status output_text(const char *text, flow_error *err)
{
    if (fputs(text, stdout) >= 0 && fflush(stdout) == 0)
        return FLOW_OK;
    int code = errno;
    if (code == EPIPE || output_is_closed())
        return FLOW_OK;
    return flow_error_set(err, FLOW_IO, "cannot write to standard output: %s", strerror(code));
}

flow_status output_json(const cJSON *object, flow_error *err)
{
    char *text = cJSON_PrintUnformatted(object);
    if (text == NULL)
        return flow_error_memory(err, "the JSON result");
    flow_status status = output_text(text, err);
    if (status == FLOW_OK)
        status = output_text("\n", err);
    free(text);
    return status;
}

bool output_is_standard(const char *location)
{
    return location == NULL || strcmp(location, "-") == 0;
}
