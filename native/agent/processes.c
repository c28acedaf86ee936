#include "processes.h"

#include "values.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COMM_BYTES = 15, SHOWN_BYTES = 4096 };

enum side { UNKNOWN, COMMAND, STRANGER };

struct seen {
    pid_t process;
    pid_t parent;
    enum side side;
};

static struct seen all[PROCESSES_MOST]; /* too much for a stack */

/* Reads a small file of a process; ended, and "" when it cannot be read. Gives its length. */
static size_t read_file(pid_t process, const char *file, char *content, size_t size)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/%s", process, file);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = descriptor >= 0 ? read(descriptor, content, size - 1) : 0;
    if (descriptor >= 0)
        (void)close(descriptor); /* only read from */
    content[length > 0 ? length : 0] = '\0';
    return length > 0 ? (size_t)length : 0;
}

static size_t read_link(pid_t process, const char *file, char *content, size_t size)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/%s", process, file);
    ssize_t length = readlink(path, content, size - 1);
    content[length > 0 ? length : 0] = '\0';
    return length > 0 ? (size_t)length : 0;
}

/* Whether /proc is that of our pid namespace: numbers of another one are those of strangers. */
static bool is_ours(void)
{
    char self[32], number[32];
    ssize_t length = readlink("/proc/self", self, sizeof self - 1);
    (void)snprintf(number, sizeof number, "%d", getpid());
    return length > 0 && (size_t)length == strlen(number) && memcmp(self, number, (size_t)length) == 0;
}

/* False when it is a zombie or has gone. "PID (NAME) STATE PARENT ...", and the name may have anything in it. */
static bool look_at(pid_t process, struct seen *seen)
{
    char content[512];
    int64_t parent;
    (void)read_file(process, "stat", content, sizeof content);
    char *behind = strrchr(content, ')');
    if (behind == NULL || strlen(behind) < sizeof ") S 0" - 1 || behind[2] == 'Z' || behind[2] == 'X')
        return false;
    char *number = behind + 4;
    number[strcspn(number, " ")] = '\0';
    if (!values_number(number, INT_MAX, &parent))
        return false;
    *seen = (struct seen){.process = process, .parent = (pid_t)parent, .side = UNKNOWN};
    return true;
}

static size_t look_at_all(void)
{
    size_t count = 0;
    DIR *directory = opendir("/proc");
    if (directory == NULL)
        return 0;
    for (struct dirent *entry = readdir(directory); entry != NULL && count < PROCESSES_MOST;
         entry = readdir(directory)) {
        int64_t number;
        if (values_number(entry->d_name, INT_MAX, &number) && number != getpid() &&
            look_at((pid_t)number, &all[count]))
            count++;
    }
    (void)closedir(directory); /* only read from */
    return count;
}

/* Whether the mark is in its environment; one that cannot be read has none. */
static bool is_marked(pid_t process)
{
    static const char mark[] = PROCESSES_MARK "=";
    char content[SHOWN_BYTES];
    char path[64];
    size_t kept = 0;
    bool found = false;
    (void)snprintf(path, sizeof path, "/proc/%d/environ", process);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return false;
    for (ssize_t length; !found && (length = read(descriptor, content + kept, sizeof content - kept)) > 0;) {
        size_t there = kept + (size_t)length;
        found = memmem(content, there, mark, sizeof mark - 1) != NULL;
        kept = there < sizeof mark ? there : sizeof mark;
        memmove(content, content + there - kept, kept);
    }
    (void)close(descriptor); /* only read from */
    return found;
}

static bool is_beside(const struct processes_wanted *wanted, pid_t process)
{
    for (size_t at = 0; at < wanted->beside_count; at++)
        if (wanted->beside[at] == process)
            return true;
    return is_marked(process);
}

/* Only of those that descend from us at once; the others' is their parents'. */
static enum side side_of(const struct processes_wanted *wanted, const struct seen *seen)
{
    if (seen->process == wanted->command)
        return COMMAND;
    if (seen->parent == getpid())
        return is_beside(wanted, seen->process) ? STRANGER : COMMAND;
    return UNKNOWN;
}

static int compare(const void *left, const void *right)
{
    pid_t one = ((const struct seen *)left)->process, other = ((const struct seen *)right)->process;
    return (one > other) - (one < other);
}

/* Sides go from parents to children, until nothing changes. */
static void spread(size_t count)
{
    bool changed = true;
    qsort(all, count, sizeof *all, compare);
    while (changed) {
        changed = false;
        for (size_t at = 0; at < count; at++) {
            struct seen wanted = {.process = all[at].parent};
            const struct seen *parent =
                all[at].side == UNKNOWN ? bsearch(&wanted, all, count, sizeof *all, compare) : NULL;
            if (parent == NULL || parent->side == UNKNOWN)
                continue;
            all[at].side = parent->side;
            changed = true;
        }
    }
}

static bool ends_with_name(const char *path, const char *name)
{
    const char *slash = strrchr(path, '/');
    return strcmp(slash != NULL ? slash + 1 : path, name) == 0;
}

/* In its kernel's name, which is cut; in what it was started as; or in its program's file. */
static bool has_name(pid_t process, const char *name)
{
    char content[SHOWN_BYTES];
    size_t length = read_file(process, "comm", content, sizeof content);
    if (length > 0 && content[length - 1] == '\n')
        content[length - 1] = '\0';
    if (*content != '\0' && strlen(name) <= COMM_BYTES && strcmp(content, name) == 0)
        return true;
    if (read_file(process, "cmdline", content, sizeof content) > 0 && ends_with_name(content, name))
        return true;
    return read_link(process, "exe", content, sizeof content) > 0 && ends_with_name(content, name);
}

/* Pods can share a pid namespace among containers. One that cannot be told is left alone. */
static bool is_in_container(const struct seen *seen)
{
    char its[64], ours[64];
    if (seen->side != UNKNOWN)
        return true;
    return read_link(seen->process, "ns/mnt", its, sizeof its) > 0 &&
           read_link(getpid(), "ns/mnt", ours, sizeof ours) > 0 && strcmp(its, ours) == 0;
}

static bool is_named(const struct processes_wanted *wanted, const struct seen *seen)
{
    if (wanted->names == NULL || *wanted->names == NULL || !is_in_container(seen))
        return false;
    for (char *const *name = wanted->names; *name != NULL; name++)
        if (has_name(seen->process, *name))
            return true;
    return false;
}

void processes_find(const struct processes_wanted *wanted, struct processes *processes)
{
    processes->count = 0;
    processes->known = is_ours();
    size_t count = processes->known ? look_at_all() : 0;
    for (size_t at = 0; at < count; at++)
        all[at].side = side_of(wanted, &all[at]);
    spread(count);
    for (size_t at = 0; at < count; at++)
        if (all[at].side == COMMAND || is_named(wanted, &all[at]))
            processes->found[processes->count++] = all[at].process;
}

void processes_signal(const struct processes *processes, int number)
{
    for (size_t at = 0; at < processes->count; at++)
        (void)kill(processes->found[at], number);
}
