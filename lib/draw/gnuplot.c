/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "draw/gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/memory.h"
#include "core/replace.h"

static bool gnuplot_ends_in(const char *file, const char *end)
{
    const size_t n = strlen(file), m = strlen(end);
    return n > m && strcasecmp(file + n - m, end) == 0;
}

flow_status flow_picture_format_of(flow_picture_format *out, const char *file, const char *option, flow_error *err)
{
    static const char *const ends[] = {".png", ".svg", ".pdf"};
    for (int k = 0; k < 3; k++)
        if (gnuplot_ends_in(file, ends[k])) {
            *out = (flow_picture_format)k;
            return FLOW_OK;
        }
    return flow_error_set(err, FLOW_ARGUMENT,
                          "%s %s: the name of a picture says its format by its end: .png, .svg or .pdf", option, file);
}

flow_status flow_script_data_name(char **out, const char *script, flow_error *err)
{
    *out = NULL;
    if (!gnuplot_ends_in(script, ".gp"))
        return flow_error_set(err, FLOW_ARGUMENT,
                              "--script %s: a script of gnuplot has a name that ends in .gp; its numbers go beside it, "
                              "into a file whose name ends in .dat",
                              script);
    *out = flow_format("%.*s.dat", (int)strlen(script) - 3, script);
    return *out != NULL ? FLOW_OK : flow_error_memory(err, "a file name");
}

/* ---- the other program ---- */

typedef struct gnuplot_bytes {
    char *data;
    size_t n, capacity;
} gnuplot_bytes;

typedef struct gnuplot_run {
    pid_t process;
    int in, out, messages; /* our ends; -1: closed */
    gnuplot_bytes picture, complaint;
} gnuplot_run;

static void gnuplot_close(int *descriptor)
{
    if (*descriptor >= 0)
        close(*descriptor);
    *descriptor = -1;
}

/* A pair whose first end is ours. Sockets: a write to one that is closed can fail without a signal. */
static bool gnuplot_make_pair(int ends[2])
{
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0;
}

static int gnuplot_spawn(gnuplot_run *run, const int theirs[3])
{
    static char name[] = "gnuplot", plain[] = "-d", dash[] = "-";
    char *const words[] = {name, plain, dash, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, usual;
    int code = posix_spawn_file_actions_init(&actions);
    if (code != 0)
        return code;
    code = posix_spawnattr_init(&attributes);
    for (int k = 0; k < 3 && code == 0; k++)
        code = posix_spawn_file_actions_adddup2(&actions, theirs[k], k);
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    sigaddset(&usual, SIGXFSZ);
    if (code == 0)
        code = posix_spawnattr_setsigmask(&attributes, &none);
    if (code == 0)
        code = posix_spawnattr_setsigdefault(&attributes, &usual);
    if (code == 0)
        code = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (code == 0)
        code = posix_spawnp(&run->process, name, &actions, &attributes, words, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return code;
}

static flow_status gnuplot_start(gnuplot_run *run, flow_error *err)
{
    int pairs[3][2] = {{-1, -1}, {-1, -1}, {-1, -1}}, code = 0;
    for (int k = 0; k < 3 && code == 0; k++)
        if (!gnuplot_make_pair(pairs[k]))
            code = errno;
    if (code == 0) {
        const int theirs[3] = {pairs[0][1], pairs[1][1], pairs[2][1]};
        code = gnuplot_spawn(run, theirs);
    }
    for (int k = 0; k < 3; k++) {
        gnuplot_close(&pairs[k][1]);
        if (code != 0)
            gnuplot_close(&pairs[k][0]);
    }
    run->in = pairs[0][0];
    run->out = pairs[1][0];
    run->messages = pairs[2][0];
    if (code == ENOENT)
        return flow_error_set(err, FLOW_IO,
                              "gnuplot draws the picture and is not installed: apt-get install gnuplot-nox (Fedora: "
                              "gnuplot-minimal, Homebrew: gnuplot); or draw in the terminal with --text");
    return code == 0 ? FLOW_OK : flow_error_set(err, FLOW_IO, "gnuplot cannot be started: %s", strerror(code));
}

/* Takes what is there; closes at the end. */
static flow_status gnuplot_take(int *descriptor, gnuplot_bytes *bytes, flow_error *err)
{
    enum { PIECE = 65536 };
    if (!flow_grow(&bytes->data, &bytes->capacity, bytes->n + PIECE + 1, 1))
        return flow_error_memory(err, "a picture");
    const ssize_t n = read(*descriptor, bytes->data + bytes->n, PIECE);
    if (n > 0)
        bytes->n += (size_t)n;
    else if (n == 0 || errno != EINTR)
        gnuplot_close(descriptor);
    bytes->data[bytes->n] = '\0';
    return FLOW_OK;
}

/* Sends the script and takes what comes back until there is no more. */
static flow_status gnuplot_talk(gnuplot_run *run, const char *script, size_t n, flow_error *err)
{
    flow_status status = FLOW_OK;
    size_t sent = 0;
    while (status == FLOW_OK && (run->out >= 0 || run->messages >= 0)) {
        struct pollfd ends[3] = {{run->in, POLLOUT, 0}, {run->out, POLLIN, 0}, {run->messages, POLLIN, 0}};
        if (poll(ends, 3, -1) < 0 && errno != EINTR)
            status = flow_error_set(err, FLOW_IO, "gnuplot cannot be read from: %s", strerror(errno));
        if (run->in >= 0 && ends[0].revents != 0) {
            const ssize_t k = send(run->in, script + sent, n - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
            sent += k > 0 ? (size_t)k : 0;
            if (sent == n || (k < 0 && errno != EINTR && errno != EAGAIN))
                gnuplot_close(&run->in); /* where gnuplot has ended early, its status says so */
        }
        if (run->out >= 0 && ends[1].revents != 0)
            status = gnuplot_take(&run->out, &run->picture, err);
        if (status == FLOW_OK && run->messages >= 0 && ends[2].revents != 0)
            status = gnuplot_take(&run->messages, &run->complaint, err);
    }
    return status;
}

/* The last sentence of what it said, in one line. */
static flow_status gnuplot_refuse(const gnuplot_run *run, int code, flow_error *err)
{
    enum { SHOWN = 300 };
    char said[SHOWN + 1] = "";
    const char *text = run->complaint.data != NULL ? run->complaint.data : "";
    const size_t length = strlen(text);
    const char *from = length > SHOWN ? text + length - SHOWN : text;
    size_t n = 0;
    for (; *from != '\0' && n < SHOWN; from++) {
        const bool blank = (unsigned char)*from <= ' ' || *from == 0x7f;
        if (!blank || (n > 0 && said[n - 1] != ' '))
            said[n++] = blank ? ' ' : *from;
    }
    said[n] = '\0';
    if (WIFSIGNALED(code))
        return flow_error_set(err, FLOW_IO, "gnuplot was stopped by signal %d and has drawn nothing", WTERMSIG(code));
    if (WIFEXITED(code) && WEXITSTATUS(code) == 127)
        return flow_error_set(err, FLOW_IO, "gnuplot cannot be started");
    return flow_error_set(err, FLOW_IO,
                          "gnuplot has failed: %s; --script FILE.gp keeps what it was given, and \"gnuplot "
                          "--version\" should say 5.2 or later",
                          n > 0 ? said : "it has drawn nothing");
}

static flow_status gnuplot_draw(gnuplot_run *run, const flow_text *script, flow_error *err)
{
    int code = 0;
    flow_status status = gnuplot_start(run, err);
    if (status != FLOW_OK)
        return status;
    status = gnuplot_talk(run, script->data, script->length, err);
    gnuplot_close(&run->in);
    gnuplot_close(&run->out);
    gnuplot_close(&run->messages);
    while (waitpid(run->process, &code, 0) < 0 && errno == EINTR)
        continue;
    if (status == FLOW_OK && (code != 0 || run->picture.n == 0))
        status = gnuplot_refuse(run, code, err);
    return status;
}

/* ---- files ---- */

/* The date in the head of a PDF is the only thing that differs between two runs: it becomes that of the epoch. */
static void gnuplot_remove_date(gnuplot_bytes *picture)
{
    static const char key[] = "/CreationDate (D:";
    char *at = picture->data, *end = picture->data + picture->n;
    while (at < end && (at = memmem(at, (size_t)(end - at), key, sizeof key - 1)) != NULL) {
        static const char epoch[] = "19700101000000";
        at += sizeof key - 1;
        for (size_t k = 0; k < sizeof epoch - 1 && at + k < end && at[k] >= '0' && at[k] <= '9'; k++)
            at[k] = epoch[k];
    }
}

static const char *gnuplot_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static flow_status gnuplot_write_picture(const flow_figure *const *figures, int n, const flow_script_options *how,
                                         const char *file, flow_error *err)
{
    flow_text script = {0};
    gnuplot_run run = {.in = -1, .out = -1, .messages = -1};
    flow_script_add(&script, NULL, figures, n, how);
    flow_status status =
        script.failed ? flow_error_memory(err, "a script of gnuplot") : gnuplot_draw(&run, &script, err);
    flow_text_free(&script);
    if (status == FLOW_OK) {
        if (how->format == FLOW_PICTURE_PDF)
            gnuplot_remove_date(&run.picture);
        status = flow_replace_file(file, NULL, run.picture.data, run.picture.n, err);
    }
    free(run.picture.data);
    free(run.complaint.data);
    return status;
}

/* The script that is kept draws the picture beside itself. */
static flow_status gnuplot_keep_script(const flow_figure *const *figures, int n, flow_script_options how,
                                       const flow_draw_options *o, flow_error *err)
{
    static const char *const ends[] = {"png", "svg", "pdf"};
    flow_text script = {0}, data = {0};
    char *data_name = NULL, *picture = NULL;
    flow_status status = flow_script_data_name(&data_name, o->script, err);
    if (status == FLOW_OK) {
        const char *base = gnuplot_base_name(o->script);
        picture = o->file != NULL ? flow_strdup(gnuplot_base_name(o->file))
                                  : flow_format("%.*s.%s", (int)strlen(base) - 3, base, ends[how.format]);
        how.output = picture;
        how.data = gnuplot_base_name(data_name);
        if (picture != NULL)
            flow_script_add(&script, &data, figures, n, &how);
        if (picture == NULL || script.failed || data.failed)
            status = flow_error_memory(err, "a script of gnuplot");
    }
    if (status == FLOW_OK)
        status =
            flow_replace_file(data_name, "a file of numbers", data.data != NULL ? data.data : "", data.length, err);
    if (status == FLOW_OK)
        status = flow_replace_file(o->script, "a script", script.data, script.length, err);
    flow_text_free(&script);
    flow_text_free(&data);
    free(picture);
    free(data_name);
    return status;
}

flow_status flow_draw_files(const flow_figure *const *figures, int n, const flow_draw_options *options, flow_error *err)
{
    flow_script_options how = {.width = options->width, .height = options->height, .map = options->map};
    for (int k = 0; k < n; k++)
        FLOW_TRY(flow_figure_check(figures[k], err));
    if (options->file != NULL)
        FLOW_TRY(flow_picture_format_of(&how.format, options->file, "-o", err));
    else if (n > 1)
        how.format = FLOW_PICTURE_PDF;
    if (n > 1 && how.format != FLOW_PICTURE_PDF)
        return flow_error_set(err, FLOW_ARGUMENT,
                              "-o %s: there are %d pages, which only a PDF has; name a file that "
                              "ends in .pdf",
                              options->file, n);
    if (options->script != NULL)
        FLOW_TRY(gnuplot_keep_script(figures, n, how, options, err));
    return options->file != NULL ? gnuplot_write_picture(figures, n, &how, options->file, err) : FLOW_OK;
}
