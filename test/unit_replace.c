/* Files are replaced as a whole or not at all: the contract of core/replace.h. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "table_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/lock.h"
#include "core/replace.h"

static void holds(const char *name, const char *text)
{
    char found[64] = {0};
    read_bytes(at(name), found, sizeof found - 1);
    assert_string_equal(found, text);
}

static unsigned mode_of(const char *name)
{
    struct stat about;
    assert_int_equal(stat(at(name), &about), 0);
    return about.st_mode & 07777;
}

static void replace(const char *path, const char *text)
{
    flow_error err = {0};
    if (flow_replace_file(path, NULL, text, strlen(text), &err) != FLOW_OK)
        fail_msg("%s", err.message);
}

static void test_the_old_file_stays_until_the_commit(void **state)
{
    (void)state;
    flow_error err = {0};
    flow_replacement r;
    write_text("a", "old");
    int before = n_files();
    for (int commits = 0; commits < 2; commits++) {
        assert_int_equal(flow_replace_open(&r, at("a"), NULL, &err), FLOW_OK);
        assert_int_equal(flow_replace_write(&r, "ne", 2, &err), FLOW_OK);
        assert_int_equal(flow_replace_write(&r, "w", 1, &err), FLOW_OK);
        holds("a", "old");
        assert_int_equal(n_files(), before + 1);
        if (commits)
            assert_int_equal(flow_replace_commit(&r, &err), FLOW_OK);
        flow_replace_close(&r);
        holds("a", commits ? "new" : "old");
        assert_int_equal(n_files(), before);
    }
    flow_replace_close(&r); /* once more is harmless */
}

/* The name of a temporary file is hidden and belongs to this process; a file with that name is left alone. */
static void test_temporary_names(void **state)
{
    (void)state;
    flow_error err = {0};
    flow_replacement first, second;
    char expected[64], longest[256], path[TEST_PATH_SIZE];
    assert_int_equal(flow_replace_open(&first, at("n"), NULL, &err), FLOW_OK);
    snprintf(expected, sizeof expected, ".n.%ld-0.tmp", (long)getpid());
    assert_string_equal(strrchr(first.temporary, '/') + 1, expected);
    assert_int_equal(flow_replace_write(&first, "first", 5, &err), FLOW_OK);
    assert_int_equal(flow_replace_open(&second, at("n"), NULL, &err), FLOW_OK);
    snprintf(expected, sizeof expected, ".n.%ld-1.tmp", (long)getpid());
    assert_string_equal(strrchr(second.temporary, '/') + 1, expected);
    assert_int_equal(flow_replace_write(&second, "second", 6, &err), FLOW_OK);
    assert_int_equal(flow_replace_commit(&second, &err), FLOW_OK);
    flow_replace_close(&second);
    holds("n", "second");
    assert_int_equal(flow_replace_commit(&first, &err), FLOW_OK);
    flow_replace_close(&first);
    holds("n", "first");
    /* the longest name that a file system has */
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    strcpy(path, at(longest));
    replace(path, "long");
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(remove(path), 0);
}

static void test_permissions(void **state)
{
    (void)state;
    static const unsigned modes[] = {0640, 0600, 0444, 0666, 0755, 02750, 01644};
    mode_t mask = umask(027);
    replace(at("p"), "new");
    assert_int_equal(mode_of("p"), 0640);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        assert_int_equal(chmod(at("p"), modes[i]), 0);
        replace(at("p"), "newer");
        assert_int_equal(mode_of("p"), modes[i]);
    }
    /* the temporary file is readable for no one else, and writable for its owner by name: HDF5 opens it again */
    flow_error err = {0};
    flow_replacement r;
    struct stat about;
    assert_int_equal(chmod(at("p"), 0400), 0);
    umask(0);
    assert_int_equal(flow_replace_open(&r, at("p"), NULL, &err), FLOW_OK);
    assert_int_equal(stat(r.temporary, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    flow_replace_close(&r);
    umask(mask);
}

static void test_links(void **state)
{
    (void)state;
    char target[64] = {0};
    write_text("file", "old");
    assert_int_equal(symlink("file", at("link")), 0);
    assert_int_equal(symlink("link", at("link2")), 0);
    replace(at("link2"), "new");
    holds("file", "new");
    assert_int_equal(readlink(at("link2"), target, sizeof target - 1), 4);
    assert_string_equal(target, "link");
    /* a hard link keeps the old contents: the new ones are another file */
    assert_int_equal(link(at("file"), at("hard")), 0);
    replace(at("file"), "newer");
    holds("hard", "new");
    /* a link that leads nowhere is a name like any other: the file takes its place */
    assert_int_equal(symlink("nowhere", at("dangling")), 0);
    replace(at("dangling"), "here");
    holds("dangling", "here");
    /* one that cannot be followed may lead to a file */
    flow_error err = {0};
    assert_int_equal(symlink("loop", at("loop")), 0);
    assert_int_equal(flow_replace_file(at("loop"), NULL, "x", 1, &err), FLOW_IO);
    assert_says(&err, "loop: cannot be written: ");
    assert_int_equal(flow_replace_protect(at("loop"), &err), FLOW_IO);
    assert_says(&err, "loop: cannot be looked at: ");
}

static void test_devices_and_pipes(void **state)
{
    (void)state;
    flow_error err = {0};
    struct stat about;
    replace("/dev/null", "gone");
    assert_int_equal(stat("/dev/null", &about), 0);
    assert_true(S_ISCHR(about.st_mode));
    assert_int_equal(flow_replace_file("/dev/null", "a model", "x", 1, &err), FLOW_IO);
    assert_says(&err, "/dev/null: is a device or pipe, and a model has to be a regular file");
    assert_int_equal(flow_replace_file("-", "a model", "x", 1, &err), FLOW_IO);
    assert_says(&err, "standard output: is a device or pipe, and a model has to be a regular file");
    if (access("/dev/full", W_OK) == 0) {
        assert_int_equal(flow_replace_file("/dev/full", NULL, "x", 1, &err), FLOW_IO);
        assert_says(&err, "/dev/full: cannot be written: No space left on device; make room, or write to another disk");
        assert_null(strstr(err.message, "intact"));
    }
    assert_int_equal(mkfifo(at("fifo"), 0600), 0);
    pid_t child = fork();
    if (child == 0) {
        flow_status status = flow_replace_file(at("fifo"), NULL, "piped", 5, NULL);
        _exit(status == FLOW_OK ? 0 : 1);
    }
    char text[8] = {0};
    int status, fd = open(at("fifo"), O_RDONLY);
    assert_int_equal(read(fd, text, 7), 5);
    close(fd);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_string_equal(text, "piped");
    assert_int_equal(stat(at("fifo"), &about), 0);
    assert_true(S_ISFIFO(about.st_mode));
}

static void test_failures(void **state)
{
    (void)state;
    flow_error err = {0};
    int before = n_files();
    assert_int_equal(flow_replace_file(at("no/such/file"), NULL, "x", 1, &err), FLOW_IO);
    assert_says(&err, "no/such/file: cannot be written: No such file or directory; make its folder first");
    assert_int_equal(flow_replace_file(folder, NULL, "x", 1, &err), FLOW_IO);
    assert_says(&err, "is a folder; name a file in it");
    assert_int_equal(flow_replace_file(folder, NULL, "x", 1, NULL), FLOW_IO);
    if (geteuid() != 0) { /* root may write anywhere */
        write_text("kept", "old");
        assert_int_equal(chmod(folder, 0500), 0);
        assert_int_equal(flow_replace_file(at("kept"), NULL, "x", 1, &err), FLOW_IO);
        assert_int_equal(chmod(folder, 0700), 0);
        assert_says(&err, "write to a folder where you may (the old file is intact)");
        holds("kept", "old");
        remove(at("kept"));
    }
    assert_int_equal(n_files(), before);
}

/* A limit on the size of files stands for a full disk. In a child, because the limit stays. */
static void test_a_full_disk(void **state)
{
    (void)state;
    write_text("full", "old");
    int before = n_files(), status;
    pid_t child = fork();
    if (child == 0) {
        static char bytes[1 << 16];
        struct rlimit limit = {5000, 5000};
        flow_error err = {0};
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
        bool good = flow_replace_file(at("full"), NULL, bytes, sizeof bytes, &err) == FLOW_IO &&
                    strstr(err.message, "full: cannot be written: File too large (the old file is intact)") != NULL &&
                    flow_replace_file(at("fresh"), NULL, bytes, sizeof bytes, &err) == FLOW_IO &&
                    strstr(err.message, "intact") == NULL;
        _exit(good ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    holds("full", "old");
    assert_int_equal(n_files(), before);
}

/* What a killed writer leaves is hidden, and the next writer is not disturbed by it. */
static void test_a_killed_writer(void **state)
{
    (void)state;
    write_text("killed", "old");
    int status, hidden = 0, visible = 0;
    pid_t child = fork();
    if (child == 0) {
        flow_replacement r;
        if (flow_replace_open(&r, at("killed"), NULL, NULL) == FLOW_OK &&
            flow_replace_write(&r, "half", 4, NULL) == FLOW_OK)
            kill(getpid(), SIGKILL);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    holds("killed", "old");
    DIR *dir = opendir(folder);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        bool other = strcmp(entry->d_name, "killed") != 0 && strstr(entry->d_name, "killed") != NULL;
        hidden += other && entry->d_name[0] == '.';
        visible += other && entry->d_name[0] != '.';
    }
    closedir(dir);
    assert_int_equal(hidden, 1);
    assert_int_equal(visible, 0);
    replace(at("killed"), "new");
    holds("killed", "new");
}

/* With the lock of the file, what killed writers have left is removed, and nothing else. */
static void test_leftovers(void **state)
{
    (void)state;
    static const char *const kept[] = {".killed.txt.12-0.tmp", ".killed.12-x.tmp", ".killed.12-0.tmp2",
                                       ".other.12-0.tmp", "killed.12-0.tmp"};
    write_text("killed", "old");
    write_text(".killed.123-0.tmp", "half");
    write_text(".killed.7-12.tmp", "half");
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        write_text(kept[i], "mine");
    flow_replace_clean(at("killed"));
    holds("killed", "old");
    assert_int_equal(access(at(".killed.123-0.tmp"), F_OK), -1);
    assert_int_equal(access(at(".killed.7-12.tmp"), F_OK), -1);
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        assert_int_equal(access(at(kept[i]), F_OK), 0);
        unlink(at(kept[i]));
    }
}

/* Only what this program wrote, and nobody changed, may be replaced unasked. */
static void test_protection(void **state)
{
    (void)state;
    flow_error err = {0};
    write_text("theirs", "text");
    write_text("nothing", "");
    assert_int_equal(flow_replace_protect(at("theirs"), &err), FLOW_EXISTS);
    assert_non_null(strstr(err.message, "theirs: this file exists, and nothing says that flowctl wrote it"));
    assert_int_equal(flow_replace_protect(at("nothing"), &err), FLOW_OK);
    assert_int_equal(flow_replace_protect(at("missing"), &err), FLOW_OK);
    assert_int_equal(flow_replace_protect("-", &err), FLOW_OK);
    assert_int_equal(flow_replace_protect("/dev/null", &err), FLOW_OK);
    replace(at("ours"), "new");
    if (flow_replace_protect(at("ours"), &err) != FLOW_OK)
        skip(); /* no extended attributes here */
    FILE *file = fopen(at("ours"), "a");
    fputs("more", file);
    fclose(file);
    assert_int_equal(flow_replace_protect(at("ours"), &err), FLOW_EXISTS);
    replace(at("ours"), "new");
    assert_int_equal(flow_replace_protect(at("ours"), &err), FLOW_OK);
}

static void test_locks(void **state)
{
    (void)state;
    flow_lock a, b;
    flow_lock_state taken, second;
    char lock_file[256];
    snprintf(lock_file, sizeof lock_file, "%s", at(".table.lock"));
    assert_int_equal(flow_lock_try(&a, &taken, at("table"), NULL), FLOW_OK);
    assert_int_equal(taken, FLOW_LOCK_TAKEN);
    assert_int_equal(flow_lock_try(&b, &second, at("table"), NULL), FLOW_OK);
    assert_int_equal(second, FLOW_LOCK_BUSY);
    flow_lock_release(&b);
    assert_int_equal(access(lock_file, F_OK), 0);
    flow_lock_release(&a);
    assert_int_equal(access(lock_file, F_OK), -1);

    /* the lock of a program that is killed ends, and the file that it leaves means nothing */
    int status;
    pid_t child = fork();
    if (child == 0) {
        if (flow_lock_try(&a, &taken, at("table"), NULL) == FLOW_OK && taken == FLOW_LOCK_TAKEN)
            kill(getpid(), SIGKILL);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(access(lock_file, F_OK), 0);
    assert_int_equal(flow_lock_try(&a, &taken, at("table"), NULL), FLOW_OK);
    assert_int_equal(taken, FLOW_LOCK_TAKEN);
    flow_lock_release(&a);
    assert_int_equal(flow_lock_try(&a, &taken, at("no/folder/table"), NULL), FLOW_OK);
    assert_int_equal(taken, FLOW_LOCK_NONE);
    assert_int_equal(a.code, ENOENT);
    flow_lock_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_old_file_stays_until_the_commit),
        cmocka_unit_test(test_temporary_names),
        cmocka_unit_test(test_permissions),
        cmocka_unit_test(test_links),
        cmocka_unit_test(test_devices_and_pipes),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_a_full_disk),
        cmocka_unit_test(test_a_killed_writer),
        cmocka_unit_test(test_leftovers),
        cmocka_unit_test(test_protection),
        cmocka_unit_test(test_locks),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
