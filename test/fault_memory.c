/* Allocations that fail, one at a time, in small runs of every command.
 *
 * The Makefile links this program with copies of the program's objects in which the functions of FAULT_SYMBOLS have the
 * prefix fault_. They are defined here: they fail on demand, and keep a list of what has not been freed. cJSON uses
 * them through its hooks, except for its parser, which does not say whether it failed for lack of memory. Allocations
 * inside of HDF5, libxsmm, OpenBLAS and the C library do not fail: no caller can make these libraries safe, and HDF5
 * keeps a broken file open after one of its own allocations has failed. libflowctl calls no function of GSL that
 * allocates, since these end the process.
 *
 * A scenario is a command line. It runs once in a child process that records the call stack of every allocation; then
 * once for each different stack, in a child whose first allocation with that stack fails; and once more in a child in
 * which every later allocation fails, too. So every place that allocates fails, in every context that the command has
 * it in, whatever the order in which threads arrive there. A child must
 *
 *     end with status 1 and a message, or succeed where the allocation is one that it can do without;
 *     have freed everything that a successful run frees;
 *     leave the files as they were, or as a successful run leaves them, and no temporary files.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "harness.h"
#include "values.h"

#include <dirent.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

int flowctl_main(int argc, char **argv); /* main() of the program */
extern char __executable_start[], etext[]; /* of the linker: where the program's code is */

/* ------------------------------------------------------------------ the allocations of a child */

enum { FRAMES = 48, STACKS_MAX = 1 << 14, BLOCKS_MAX = 1 << 16, SITES_MAX = 1 << 12 };

typedef enum fault_mode { FAULT_NEVER, FAULT_RECORD, FAULT_ONCE, FAULT_FROM_THERE } fault_mode;

typedef struct site {
    void *at; /* return address */
    int64_t live;
} site;

/* Shared by the parent and its children. */
typedef struct fault_report {
    uint64_t stacks[STACKS_MAX]; /* a hash table; 0: empty */
    int n_stacks;
    site sites[SITES_MAX]; /* a hash table of what is live at the end, by the call that has allocated it */
    int n_failed;
    void *frames[FRAMES]; /* of the first failure */
    int n_frames;
    void *bottom; /* the frame below main(), where stacks end */
    bool ended;   /* main() has returned */
} fault_report;

static fault_report *shared;
static fault_mode mode;
static uint64_t wanted; /* the stack that fails */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct block {
    void *memory;
    void *at;
} blocks[BLOCKS_MAX]; /* a hash table with open addressing */

static size_t place_of(const void *p, size_t size)
{
    return (size_t)(((uintptr_t)p >> 4) * UINT64_C(0x9E3779B97F4A7C15) >> 20) % size;
}

static void remember(void *memory, void *at)
{
    if (memory == NULL || mode == FAULT_NEVER)
        return;
    pthread_mutex_lock(&lock);
    size_t k = place_of(memory, BLOCKS_MAX);
    while (blocks[k].memory != NULL && blocks[k].at != NULL)
        k = (k + 1) % BLOCKS_MAX;
    blocks[k] = (struct block){memory, at};
    pthread_mutex_unlock(&lock);
}

/* A block that was freed keeps its address, so that a search goes on behind it; `at` is NULL. */
static void forget(void *memory)
{
    if (memory == NULL || mode == FAULT_NEVER)
        return;
    pthread_mutex_lock(&lock);
    for (size_t k = place_of(memory, BLOCKS_MAX); blocks[k].memory != NULL; k = (k + 1) % BLOCKS_MAX) {
        if (blocks[k].memory == memory && blocks[k].at != NULL) {
            blocks[k].at = NULL;
            break;
        }
    }
    pthread_mutex_unlock(&lock);
}

static void record(uint64_t stack)
{
    size_t k = stack % STACKS_MAX;
    while (shared->stacks[k] != 0 && shared->stacks[k] != stack)
        k = (k + 1) % STACKS_MAX;
    if (shared->stacks[k] == 0) {
        shared->stacks[k] = stack;
        shared->n_stacks++;
    }
}

static _Thread_local bool is_parsing;
static _Thread_local void *caller; /* of the last allocation: the nearest place in the program's own code */

/* Whether this allocation is one that fails. */
__attribute__((noinline)) static bool fails(void)
{
    if (mode == FAULT_NEVER)
        return false;
    void *frames[FRAMES];
    int n = backtrace(frames, FRAMES), own = 2;
    while (own < n - 1 && ((char *)frames[own] < __executable_start || (char *)frames[own] >= etext))
        own++;
    caller = frames[own];
    if (is_parsing)
        return false;
    if (mode != FAULT_RECORD && shared->n_failed > 0)
        return mode == FAULT_FROM_THERE;
    uint64_t stack = 1469598103934665603u;
    for (int k = 2; k < n && frames[k] != shared->bottom; k++) /* without this function and the one that calls it */
        stack = (stack ^ (uint64_t)(uintptr_t)frames[k]) * 1099511628211u;
    stack += stack == 0;
    bool failing = false;
    pthread_mutex_lock(&lock);
    if (mode == FAULT_RECORD) {
        record(stack);
    } else if (stack == wanted && shared->n_failed == 0) {
        failing = true;
        shared->n_failed = 1;
        shared->n_frames = n;
        memcpy(shared->frames, frames, sizeof frames);
    }
    pthread_mutex_unlock(&lock);
    errno = failing ? ENOMEM : errno;
    return failing;
}

/* The calls that the program's objects make instead of those of the C library. */
void *fault_malloc(size_t size);
void *fault_calloc(size_t n, size_t size);
void *fault_realloc(void *old, size_t size);
void *fault_aligned_alloc(size_t alignment, size_t size);
void fault_free(void *memory);
char *fault_realpath(const char *path, char *resolved);
int fault_vasprintf(char **out, const char *format, va_list arguments);
locale_t fault_newlocale(int mask, const char *name, locale_t base);
int fault_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *context);
cJSON *fault_cJSON_ParseWithLengthOpts(const char *text, size_t length, const char **stop, cJSON_bool ends);
cJSON *fault_cJSON_ParseWithOpts(const char *text, const char **stop, cJSON_bool ends);
cJSON *fault_cJSON_Parse(const char *text);

void *fault_malloc(size_t size)
{
    void *memory = fails() ? NULL : malloc(size);
    remember(memory, caller);
    return memory;
}

void *fault_calloc(size_t n, size_t size)
{
    void *memory = fails() ? NULL : calloc(n, size);
    remember(memory, caller);
    return memory;
}

void *fault_realloc(void *old, size_t size)
{
    if (fails())
        return NULL;
    forget(old);
    void *memory = realloc(old, size);
    remember(memory, caller);
    return memory;
}

void *fault_aligned_alloc(size_t alignment, size_t size)
{
    void *memory = fails() ? NULL : aligned_alloc(alignment, size);
    remember(memory, caller);
    return memory;
}

void fault_free(void *memory)
{
    forget(memory);
    free(memory);
}

char *fault_realpath(const char *path, char *resolved)
{
    char *text = realpath(path, resolved);
    remember(resolved == NULL ? text : NULL, caller);
    return text;
}

int fault_vasprintf(char **out, const char *format, va_list arguments)
{
    if (fails())
        return -1;
    int n = vasprintf(out, format, arguments);
    remember(n >= 0 ? *out : NULL, caller);
    return n;
}

locale_t fault_newlocale(int mask, const char *name, locale_t base)
{
    return fails() ? (locale_t)0 : newlocale(mask, name, base);
}

int fault_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *context)
{
    return fails() ? EAGAIN : pthread_create(thread, attributes, run, context);
}

cJSON *fault_cJSON_ParseWithLengthOpts(const char *text, size_t length, const char **stop, cJSON_bool ends)
{
    is_parsing = true;
    cJSON *document = cJSON_ParseWithLengthOpts(text, length, stop, ends);
    is_parsing = false;
    return document;
}

cJSON *fault_cJSON_ParseWithOpts(const char *text, const char **stop, cJSON_bool ends)
{
    return fault_cJSON_ParseWithLengthOpts(text, strlen(text) + 1, stop, ends);
}

/* The program parses constants of its own by this one: a failure can only be one of memory. */
cJSON *fault_cJSON_Parse(const char *text)
{
    return fails() ? NULL : fault_cJSON_ParseWithLengthOpts(text, strlen(text) + 1, NULL, true);
}

static void report_live(void)
{
    for (size_t k = 0; k < BLOCKS_MAX; k++) {
        if (blocks[k].memory == NULL || blocks[k].at == NULL)
            continue;
        size_t s = place_of(blocks[k].at, SITES_MAX);
        while (shared->sites[s].at != NULL && shared->sites[s].at != blocks[k].at)
            s = (s + 1) % SITES_MAX;
        shared->sites[s].at = blocks[k].at;
        shared->sites[s].live++;
    }
}

static int64_t live_at(const fault_report *report, const void *at)
{
    for (size_t s = place_of(at, SITES_MAX); report->sites[s].at != NULL; s = (s + 1) % SITES_MAX)
        if (report->sites[s].at == at)
            return report->sites[s].live;
    return 0;
}

/* ------------------------------------------------------------------ scenarios */

typedef struct scenario {
    const char *name;
    const char *before[3]; /* commands that prepare the folder, NULL-terminated */
    const char *command;
    const char *spec;      /* JSON of "flow" and further keys of spec.json; NULL: `plain` */
} scenario;

static const char plain[] = "\"flow\": [\"standardize\", {\"type\": \"maf\", \"repeat\": 1, \"hidden\": [4]}]";

static const char parts[] =
    "\"flow\": [{\"type\": \"support\", \"columns\": {\"x\": {\"lower\": -9}, \"y\": {\"periodic\": 50}}}, \"whiten\", "
    "\"actnorm\", \"batchnorm\", \"permute\", "
    "{\"type\": \"repeat\", \"times\": 2, \"flow\": [{\"type\": \"nsf\", \"repeat\": 1, \"hidden\": [4]}]}, "
    "{\"type\": \"iaf\", \"repeat\": 1, \"hidden\": [4, 4], \"residual\": true}], \"base\": \"mixture\"";

static const char flat[] =
    "\"flow\": [\"standardize\", {\"type\": \"glow\", \"repeat\": 1, \"hidden\": [4]}, \"linear\", \"householder\", "
    "{\"type\": \"maf\", \"repeat\": 1, \"hidden\": [4], \"univariate\": \"mixture\"}], \"base\": \"student_t\"";

static const char conditional[] =
    "\"data\": {\"train\": \"train.csv\", \"validation\": 0.2, \"test\": \"test.csv\", \"context\": [\"c\"], "
    "\"weight\": \"w\", \"columns\": [\"x\", \"y\"]}, \"embedding\": {\"hidden\": [4], \"features\": 2}, "
    "\"flow\": [\"standardize\", {\"type\": \"coupling\", \"hidden\": [4]}]";

static const char matching[] =
    "\"flow\": [\"standardize\", {\"type\": \"ffjord\", \"hidden\": [4], \"solver\": {\"type\": \"rk4\", "
    "\"steps\": 2}}], "
    "\"train\": {\"epochs\": 1, \"batch\": 32, \"objective\": {\"type\": \"rectified_flow\", \"reflow\": 1, "
    "\"pairs\": 40}}";

static const char continuous[] =
    "\"flow\": [\"standardize\", {\"type\": \"ffjord\", \"hidden\": [4, 4], \"trace\": \"hutchinson\", "
    "\"solver\": {\"rtol\": 0.01, \"atol\": 0.01}}]";

static const char density[] =
    "\"flow\": [{\"type\": \"iaf\", \"repeat\": 1, \"hidden\": [4]}], \"train\": {\"epochs\": 1, \"batch\": 32, "
    "\"objective\": {\"type\": \"reverse_kl\", \"density\": \"density.so\", \"dimensions\": 2, \"steps\": 2, "
    "\"validation\": 64, \"test\": 64}}";

static const char images[] =
    "\"image\": [1, 2, 1], "
    "\"flow\": [\"standardize\", {\"type\": \"coupling\", \"mask\": \"checkerboard\", \"hidden\": [4]}]";

static const char flipped[] =
    "\"data\": {\"train\": \"train.csv\", \"validation\": \"test.csv\", \"flip\": true}, "
    "\"image\": {\"shape\": [1, 2, 1], \"layout\": \"chw\"}, "
    "\"flow\": [\"standardize\", {\"type\": \"maf\", \"repeat\": 1, \"hidden\": [4]}]";

/* Of a file whose second column is a function of the first, and whose third one holds classes. */
static const char odd[] =
    "\"data\": {\"train\": \"odd.csv\"}, \"flow\": [\"standardize\", "
    "{\"type\": \"maf\", \"repeat\": 1, \"hidden\": [4]}]";

static const char searched[] =
    "\"flow\": [\"standardize\", {\"type\": \"maf\", \"repeat\": 1, \"hidden\": [4]}], "
    "\"tune\": {\"only\": true, \"space\": {\"flow[1].repeat\": [1, 2]}}";

#define TRAIN "train spec.json --force -j 2"
#define TUNE "tune spec.json -n 2 --keep 2 -j 1 -q -o model.h5"
static const scenario scenarios[] = {
    {"train", {TRAIN}, TRAIN, plain},
    {"train, many parts", {TRAIN}, TRAIN, parts},
    {"train, other parts", {TRAIN}, TRAIN, flat},
    {"train, context and weights", {TRAIN}, TRAIN, conditional},
    {"train, rectified flow", {TRAIN}, TRAIN, matching},
    {"train, continuous", {TRAIN}, TRAIN, continuous},
    {"train, reverse_kl", {TRAIN}, TRAIN, density},
    {"train --resume", {TRAIN}, "train spec.json --resume --set train.epochs=2 -j 2", plain},
    {"sample", {TRAIN, "sample model.h5 -n 20 -o out.csv"}, "sample model.h5 -n 20 --logprob -o out.csv", plain},
    {"sample, HDF5", {TRAIN, "sample model.h5 -n 20 -o out.h5:/a"}, "sample model.h5 -n 20 -o out.h5:/b", parts},
    {"sample, continuous", {TRAIN}, "sample model.h5 -n 20 --steps 3 -o out.csv", continuous},
    {"logprob", {TRAIN}, "logprob model.h5 test.csv -o out.csv", plain},
    {"logprob, context", {TRAIN}, "logprob model.h5 test.csv -o out.csv", conditional},
    {"logprob, images", {TRAIN}, "logprob model.h5 test.csv --picture out.png", images},
    {"logprob, an ensemble", {TUNE}, "logprob model.h5 test.csv -o out.csv", searched},
    {"sample, an ensemble", {TUNE}, "sample model.h5 -n 20 --logprob -o out.csv", searched},
    {"info of an ensemble", {TUNE}, "info model.h5", searched},
    {"logprob, skipped rows", {TRAIN}, "logprob model.h5 test.csv -o out.csv --missing 1 --skip-invalid --float",
     conditional},
    {"sample, rows of context", {TRAIN}, "sample model.h5 --given test.csv --missing 1 --skip-invalid -o out.csv",
     conditional},
    {"init of odd data", {NULL}, "init odd.csv -o made.json --columns x,c --missing 0 --angles x=200", odd},
    {"init", {NULL}, "init train.csv -o made.json --drop y", plain},
    {"interpolate", {TRAIN}, "interpolate model.h5 test.csv --rows 2,5 -n 3 -o out.csv", plain},
    {"invert", {TRAIN}, "invert model.h5 test.csv -o out.h5", plain},
    {"info of a model", {TRAIN}, "info model.h5", parts},
    {"info of data", {TRAIN}, "info test.csv", plain},
    {"info of odd data", {TRAIN}, "info odd.csv", odd},
    {"train, odd data", {TRAIN}, "train spec.json --force -j 1", odd},
    {"check", {TRAIN}, "check spec.json", plain},
    {"train, images", {TRAIN}, TRAIN, flipped},
    {"sample, a sheet", {TRAIN}, "sample model.h5 -n 5 -o out.png", flipped},
    {"info of PNG files", {TRAIN, "sample model.h5 -n 9 -o %d.png"}, "info . --picture sheet.png", flipped},
};

enum { N_SCENARIOS = sizeof scenarios / sizeof *scenarios };

static char home[TEST_PATH_SIZE]; /* where the test was started */

static void write_project(const scenario *s)
{
    static const char *const names[] = {"train.csv", "test.csv"}, *const columns[] = {"x", "y", "c", "w"};
    double rows[80 * 4], odd_rows[80 * 3];
    const char *spec = s->spec;
    const bool has_data = strstr(spec, "\"data\"") != NULL || strstr(spec, "density") != NULL;
    const bool has_train = strstr(spec, "\"train\": {") != NULL, four = strstr(spec, "context") != NULL;
    for (int k = 0; k < 2; k++) {
        int d = four ? 4 : 2, n = k == 0 ? 80 : 40;
        for (int r = 0; r < n; r++) {
            double u = ((r * 37 + 11 * k) % 101) / 101., v = ((r * 53 + 7) % 97) / 97.;
            double row[4] = {3 * u + v * v, 40 * v, u - v, 1 + r % 3};
            memcpy(rows + r * d, row, (size_t)d * sizeof *row);
        }
        write_rows(names[k], columns, d, rows, (size_t)n);
    }
    for (int r = 0; r < 80; r++) {
        double row[3] = {rows[2 * (r % 40)] + r, 7 - 2 * (rows[2 * (r % 40)] + r), r % 3};
        memcpy(odd_rows + r * 3, row, sizeof row);
    }
    write_rows("odd.csv", columns, 3, odd_rows, 80);
    static const char data[] =
        "\"data\": {\"train\": \"train.csv\", \"validation\": \"test.csv\", \"test\": \"test.csv\"}, ";
    char text[1500];
    snprintf(text, sizeof text, "{%s%s%s, \"output\": \"model.h5\"}", has_data ? "" : data,
             has_train ? "" : "\"train\": {\"epochs\": 1, \"batch\": 32}, ", spec);
    write_text("spec.json", text);
    snprintf(text, sizeof text, "%s/build/densities/test/normal.so", home);
    if (strstr(spec, "density.so") != NULL)
        assert_int_equal(symlink(text, at("density.so")), 0);
}

/* Splits the command at its blanks and runs it as the program would be run. */
__attribute__((noinline)) static int run_program(const char *command)
{
    static char text[300];
    char *words[40] = {(char[]){"flowctl"}};
    int n = 1;
    shared->bottom = __builtin_return_address(0);
    snprintf(text, sizeof text, "%s", command);
    for (char *word = strtok(text, " "); word != NULL && n < 39; word = strtok(NULL, " "))
        words[n++] = word;
    return flowctl_main(n, words);
}

static void redirect(int descriptor, const char *path)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0 || dup2(file, descriptor) < 0)
        _exit(99);
    close(file);
}

/* Runs the command in a child; *status is what waitpid gives. */
static int run_child(const char *command, fault_mode how, uint64_t stack)
{
    memset(shared, 0, offsetof(fault_report, stacks));
    shared->n_failed = shared->n_frames = 0;
    shared->ended = false;
    memset(shared->sites, 0, sizeof shared->sites);
    fflush(NULL);
    pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        char out[TEST_PATH_SIZE + 8], messages[TEST_PATH_SIZE + 8];
        snprintf(out, sizeof out, "%s.out", folder);
        snprintf(messages, sizeof messages, "%s.err", folder);
        redirect(STDOUT_FILENO, out);
        redirect(STDERR_FILENO, messages);
        if (chdir(folder) != 0)
            _exit(99);
        static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
        for (size_t k = 0; k < sizeof fatal / sizeof *fatal; k++)
            signal(fatal[k], SIG_DFL); /* cmocka would go on after these */
        alarm(60);
        cJSON_InitHooks(&(cJSON_Hooks){fault_malloc, fault_free});
        void *frame;
        backtrace(&frame, 1); /* loads the unwinder now */
        wanted = stack;
        mode = how;
        int code = run_program(command);
        mode = FAULT_NEVER;
        shared->ended = true;
        report_live();
        fflush(NULL);
        _exit(code);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static const char *messages_of_child(void)
{
    static char text[4096];
    char path[TEST_PATH_SIZE + 8];
    snprintf(path, sizeof path, "%s.err", folder);
    text[read_bytes(path, text, sizeof text - 1)] = '\0';
    return text;
}

/* ------------------------------------------------------------------ files */

enum { FILES_MAX = 16 };

typedef struct file_state {
    char name[256];
    off_t size;
    uLong sum;
} file_state;

typedef struct folder_state {
    int n;
    file_state files[FILES_MAX];
} folder_state;

static void look(folder_state *out)
{
    static char bytes[1 << 20];
    struct dirent *entry;
    out->n = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        ASSERT_LT(out->n, FILES_MAX);
        file_state *f = &out->files[out->n++];
        snprintf(f->name, sizeof f->name, "%s", entry->d_name);
        size_t n = read_bytes(at(entry->d_name), bytes, sizeof bytes);
        f->size = (off_t)n;
        f->sum = crc32(0, (const Bytef *)bytes, (uInt)n);
    }
    closedir(dir);
}

static const file_state *find_file(const folder_state *state, const char *name)
{
    for (int k = 0; k < state->n; k++)
        if (strcmp(state->files[k].name, name) == 0)
            return &state->files[k];
    return NULL;
}

static bool same_file(const file_state *a, const file_state *b)
{
    return a != NULL && b != NULL && a->size == b->size && a->sum == b->sum;
}

static bool same_folder(const folder_state *a, const folder_state *b)
{
    bool same = a->n == b->n;
    for (int k = 0; k < a->n && same; k++)
        same = same_file(&a->files[k], find_file(b, a->files[k].name));
    return same;
}

static void copy_folder(const char *from, const char *to)
{
    char command[3 * TEST_PATH_SIZE];
    snprintf(command, sizeof command, "rm -rf '%s' && cp -a '%s' '%s'", to, from, to);
    assert_int_equal(system(command), 0);
}

/* ------------------------------------------------------------------ the test */

static void print_stack(void *const *frames, int n)
{
    char command[2000];
    int used = snprintf(command, sizeof command, "addr2line -s -f -p -e /proc/%d/exe", (int)getpid());
    for (int k = 2; k < n && frames[k] != shared->bottom && used < (int)sizeof command - 40; k++)
        if ((char *)frames[k] >= __executable_start && (char *)frames[k] < etext)
            used += snprintf(command + used, sizeof command - (size_t)used, " 0x%zx",
                             (size_t)((char *)frames[k] - __executable_start) - 1);
    snprintf(command + used, sizeof command - (size_t)used, " 1>&2");
    if (system(command) != 0)
        fprintf(stderr, "(addr2line is missing)\n");
}

typedef struct totals {
    int runs, failures, reported;
    int without; /* runs that succeeded although an allocation failed */
    int missed;  /* runs that did not come to the allocation */
} totals;

static void complain(totals *t, const scenario *s, fault_mode how, const char *what)
{
    if (t->failures++ >= t->reported)
        return;
    fprintf(stderr, "%s, %s: %s\n", s->name, how == FAULT_ONCE ? "one failure" : "all later ones fail, too", what);
    fprintf(stderr, "    the program says: %s\n", messages_of_child());
    print_stack(shared->frames, shared->n_frames);
}

static void check_leaks(totals *t, const scenario *s, fault_mode how, const fault_report *good)
{
    for (size_t k = 0; k < SITES_MAX; k++) {
        const site *found = &shared->sites[k];
        if (found->at == NULL || found->live <= live_at(good, found->at))
            continue;
        complain(t, s, how, "memory is not freed; it comes from");
        if (t->failures <= t->reported)
            print_stack((void *const[]){NULL, NULL, found->at}, 3);
    }
}

/* A file is as it was, or a result that is complete. */
static bool files_are_whole(const folder_state *before, const folder_state *after, const folder_state *good)
{
    for (int k = 0; k < before->n; k++)
        if (find_file(after, before->files[k].name) == NULL)
            return false;
    for (int k = 0; k < after->n; k++) {
        const file_state *f = &after->files[k];
        if (same_file(f, find_file(before, f->name)) || same_file(f, find_file(good, f->name)))
            continue;
        if (strcmp(f->name, "model.h5") != 0) /* it holds times */
            return false;
        int status = run_child("info model.h5", FAULT_NEVER, 0);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
            return false;
    }
    return true;
}

static void check_run(totals *t, const scenario *s, fault_mode how, uint64_t stack, const fault_report *good,
                      const folder_state *before, const folder_state *finished, const char *pristine)
{
    int status = run_child(s->command, how, stack);
    char text[100];
    t->runs++;
    if (shared->n_failed == 0)
        t->missed++; /* the order of threads has not led there this time */
    if (shared->n_failed == 0)
        return;
    if (!WIFEXITED(status) || !shared->ended) {
        int number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
        snprintf(text, sizeof text, "it ends by signal %d, before main() does", number);
        complain(t, s, how, text);
    } else if (WEXITSTATUS(status) == 0 && how == FAULT_ONCE) {
        t->without++;
    } else if (WEXITSTATUS(status) != 1) {
        snprintf(text, sizeof text, "it ends with status %d", WEXITSTATUS(status));
        complain(t, s, how, text);
    } else if (strstr(messages_of_child(), "flowctl: error: ") == NULL) {
        complain(t, s, how, "there is no message");
    }
    if (shared->ended)
        check_leaks(t, s, how, good);
    folder_state after;
    look(&after);
    if (!same_folder(before, &after)) {
        if (!files_are_whole(before, &after, finished))
            complain(t, s, how, "files have changed");
        copy_folder(pristine, folder);
    }
}

/* A stack that has not failed in an earlier scenario. */
static bool is_new(uint64_t stack)
{
    static uint64_t seen[STACKS_MAX];
    size_t k = stack % STACKS_MAX;
    while (seen[k] != 0 && seen[k] != stack)
        k = (k + 1) % STACKS_MAX;
    bool is = seen[k] == 0;
    seen[k] = stack;
    return is;
}

static void test_scenario(void **state)
{
    const scenario *s = *state;
    static fault_report good;
    static uint64_t stacks[STACKS_MAX];
    folder_state before, finished;
    const char *most = getenv("FAULT_REPORTS");
    totals t = {.reported = most != NULL ? atoi(most) : 3};
    char pristine[TEST_PATH_SIZE + 8];
    assert_int_equal(make_folder(NULL), 0);
    snprintf(pristine, sizeof pristine, "%s.before", folder);
    write_project(s);
    for (int k = 0; k < 3 && s->before[k] != NULL; k++)
        if (run_child(s->before[k], FAULT_NEVER, 0) != 0)
            fail_msg("%s: %s", s->before[k], messages_of_child());
    copy_folder(folder, pristine);
    look(&before);
    memset(shared, 0, sizeof *shared);
    if (run_child(s->command, FAULT_RECORD, 0) != 0)
        fail_msg("%s: %s", s->command, messages_of_child());
    look(&finished);
    copy_folder(pristine, folder);
    good = *shared;
    int n = 0;
    for (int k = 0; k < STACKS_MAX; k++)
        if (good.stacks[k] != 0 && is_new(good.stacks[k]))
            stacks[n++] = good.stacks[k];
    for (int k = 0; k < n; k++) {
        check_run(&t, s, FAULT_ONCE, stacks[k], &good, &before, &finished, pristine);
        check_run(&t, s, FAULT_FROM_THERE, stacks[k], &good, &before, &finished, pristine);
    }
    print_message("           %s: %d places, %d runs, %d without harm, %d missed\n", s->name, n, t.runs, t.without,
                  t.missed);
    remove_folder(NULL);
    char command[4 * TEST_PATH_SIZE];
    snprintf(command, sizeof command, "rm -rf '%s' '%s.out' '%s.err'", pristine, folder, folder);
    assert_int_equal(system(command), 0);
    assert_int_equal(t.failures, 0);
}

int main(int argc, char **argv)
{
    static struct CMUnitTest tests[N_SCENARIOS];
    size_t n = 0;
    for (size_t k = 0; k < N_SCENARIOS; k++)
        if (argc < 2 || strcmp(argv[1], scenarios[k].name) == 0)
            tests[n++] = (struct CMUnitTest){scenarios[k].name, test_scenario, NULL, NULL, (void *)&scenarios[k]};
    assert_non_null(getcwd(home, sizeof home - 64));
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    return _cmocka_run_group_tests("allocations that fail", tests, n, NULL, NULL);
}
