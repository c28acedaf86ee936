#include "batch.h"

#include "change.h"
#include "files.h"
#include "paths.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_CHANGES = 1 << 20, MODES = 07777 };

struct batch {
    struct change_place place;
    int file;         /* the one that content comes for, or -1 */
    uint64_t missing; /* of its content */
    struct sha256 sha256;
    unsigned char digest[SHA256_BYTES]; /* that it should have */
    struct change *changes;
    size_t count;
    size_t capacity;
    size_t last_removal; /* of a directory, as in struct change */
};

struct batch *batch_begin(const char *root, const char *instance, struct failure *failure)
{
    struct batch *batch = calloc(1, sizeof *batch);
    if (batch == NULL) {
        failure_errno(failure, "");
        return NULL;
    }
    batch->file = -1;
    (void)snprintf(batch->place.instance, sizeof batch->place.instance, "%s", instance);
    batch->place.root = paths_make_root(root);
    if (batch->place.root >= 0)
        return batch;
    failure_errno(failure, root);
    free(batch);
    return NULL;
}

static bool fail(struct failure *failure, const char *path)
{
    return errno == ELOOP ? failure_set(failure, path, "a directory above it is a symbolic link")
                          : failure_errno(failure, path);
}

/* The change owns path and target, also when there is none. */
static struct change *add(struct batch *batch, struct change change, struct failure *failure)
{
    bool wrong = !paths_are_below(change.path);
    bool unfinished = batch->file >= 0;
    if (!wrong && !unfinished && batch->count == batch->capacity && batch->count < MOST_CHANGES) {
        size_t capacity = batch->capacity > 0 ? batch->capacity * 2 : 16;
        struct change *changes = realloc(batch->changes, capacity * sizeof *changes);
        if (changes != NULL) {
            batch->changes = changes;
            batch->capacity = capacity;
        }
    }
    if (!wrong && !unfinished && batch->count < batch->capacity) {
        batch->changes[batch->count] = change;
        return &batch->changes[batch->count++];
    }
    if (wrong)
        failure_set(failure, change.path, "not a path below the root");
    else if (unfinished)
        failure_set(failure, batch->changes[batch->count - 1].path, "its content is shorter than its size");
    else
        failure_set(failure, change.path, "too many changes in one batch");
    free(change.path);
    free(change.target);
    return NULL;
}

static bool is_at_or_below(const char *path, size_t length, const char *above)
{
    size_t size = strlen(above);
    return length >= size && memcmp(path, above, size) == 0 && (length == size || path[size] == '/');
}

/* Whether this batch takes the directory away, with what is staged in it. */
static bool is_removed(const struct batch *batch, const char *path, size_t length)
{
    for (size_t at = batch->last_removal; at > 0; at = batch->changes[at - 1].earlier)
        if (is_at_or_below(path, length, batch->changes[at - 1].path))
            return true;
    return false;
}

static size_t above(const char *path, size_t length)
{
    while (length > 0 && path[length - 1] != '/')
        length--;
    return length > 0 ? length - 1 : 0;
}

/* The nearest directory above that is there, and stays. */
static int open_place(const struct batch *batch, struct change *change)
{
    for (size_t length = above(change->path, strlen(change->path));; length = above(change->path, length)) {
        if (length > 0 && is_removed(batch, change->path, length))
            continue;
        int place = paths_open_directory(batch->place.root, change->path, length, false);
        change->place = length;
        if (place >= 0 || length == 0 || (errno != ENOENT && errno != ENOTDIR && errno != ELOOP))
            return place;
    }
}

static int create(int place, const char *name)
{
    int file = openat(place, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
    int error = errno;
    (void)close(place); /* only looked up in */
    errno = error;
    return file;
}

static bool finish_file(struct batch *batch, struct failure *failure)
{
    const struct change *change = &batch->changes[batch->count - 1];
    unsigned char digest[SHA256_BYTES];
    int file = batch->file;
    batch->file = -1;
    sha256_end(&batch->sha256, digest);
    if (close(file) < 0)
        return fail(failure, change->path);
    if (memcmp(digest, batch->digest, sizeof digest) != 0)
        return failure_set(failure, change->path, "its content is not what its digest says");
    return true;
}

bool batch_file(struct batch *batch, char *path, const struct batch_file *file, struct failure *failure)
{
    char name[CHANGE_STAGED_NAME];
    struct change *change =
        add(batch, (struct change){.kind = CHANGE_FILE, .mode = file->mode & MODES, .path = path}, failure);
    if (change == NULL)
        return false;
    int place = open_place(batch, change);
    if (place < 0)
        return fail(failure, path);
    change_name_stage(&batch->place, batch->place.last_stage + 1, name);
    batch->file = create(place, name);
    if (batch->file < 0)
        return fail(failure, path);
    change->stage = ++batch->place.last_stage;
    batch->missing = file->size;
    memcpy(batch->digest, file->digest, sizeof batch->digest);
    sha256_begin(&batch->sha256);
    return batch->missing > 0 || finish_file(batch, failure);
}

bool batch_data(struct batch *batch, const unsigned char *content, size_t length, struct failure *failure)
{
    const char *path = batch->count > 0 ? batch->changes[batch->count - 1].path : "";
    if (batch->file < 0 || length > batch->missing)
        return failure_set(failure, path, "its content is longer than its size");
    if (!files_write(batch->file, content, length))
        return fail(failure, path);
    sha256_add(&batch->sha256, content, length);
    batch->missing -= length;
    return batch->missing > 0 || finish_file(batch, failure);
}

bool batch_link(struct batch *batch, char *path, char *target, struct failure *failure)
{
    return add(batch, (struct change){.kind = CHANGE_LINK, .path = path, .target = target}, failure) != NULL;
}

bool batch_directory(struct batch *batch, char *path, uint32_t mode, struct failure *failure)
{
    struct change change = {.kind = CHANGE_DIRECTORY, .mode = mode & MODES, .path = path};
    return add(batch, change, failure) != NULL;
}

static bool is_directory(const struct batch *batch, const char *path)
{
    int directory = paths_open_directory(batch->place.root, path, strlen(path), false);
    if (directory >= 0)
        (void)close(directory); /* only looked at */
    return directory >= 0;
}

bool batch_remove(struct batch *batch, char *path, struct failure *failure)
{
    struct change *change = add(batch, (struct change){.kind = CHANGE_REMOVE, .path = path}, failure);
    if (change == NULL)
        return false;
    if (is_directory(batch, path)) {
        change->earlier = batch->last_removal;
        batch->last_removal = batch->count;
    }
    return true;
}

bool batch_mode(struct batch *batch, char *path, uint32_t mode, struct failure *failure)
{
    struct change change = {.kind = CHANGE_MODE, .mode = mode & MODES, .path = path};
    return add(batch, change, failure) != NULL;
}

bool batch_commit(struct batch *batch, struct failure *failure)
{
    if (batch->file >= 0)
        return failure_set(failure, batch->changes[batch->count - 1].path, "its content is shorter than its size");
    for (size_t at = 0; at < batch->count; at++)
        if (!change_make(&batch->place, &batch->changes[at])) {
            fail(failure, batch->changes[at].path);
            failure->partly = at > 0;
            return false;
        }
    /* From the inside out: what is above stays open until then. */
    for (size_t at = batch->count; at > 0; at--)
        if (!change_close(&batch->place, &batch->changes[at - 1])) {
            fail(failure, batch->changes[at - 1].path);
            failure->partly = true;
            return false;
        }
    return true;
}

void batch_free(struct batch *batch)
{
    if (batch == NULL)
        return;
    if (batch->file >= 0)
        (void)close(batch->file); /* it is removed */
    for (size_t at = 0; at < batch->count; at++) {
        if (batch->changes[at].stage != 0)
            change_unstage(&batch->place, &batch->changes[at]);
        free(batch->changes[at].path);
        free(batch->changes[at].target);
    }
    (void)close(batch->place.root); /* only looked up in */
    free(batch->changes);
    free(batch);
}
