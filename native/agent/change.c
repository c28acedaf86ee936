#include "change.h"

#include "paths.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MODES = 07777 };

void change_name_stage(const struct change_place *place, uint32_t stage, char name[CHANGE_STAGED_NAME])
{
    (void)snprintf(name, CHANGE_STAGED_NAME, ".alcove-%s-%" PRIu32 ".tmp", place->instance, stage);
}

/* Puts what is staged into the place of whatever is there. */
static bool put(int from, const char *staged, int parent, const char *name)
{
    if (renameat(from, staged, parent, name) == 0)
        return true;
    if (errno != EISDIR && errno != ENOTEMPTY && errno != EEXIST)
        return false;
    return paths_remove(parent, name) && renameat(from, staged, parent, name) == 0;
}

/* A file that replaces another belongs to whom that belonged, where that is allowed. */
static void set_owner(int from, const char *staged, int parent, const char *name)
{
    struct stat old;
    if (geteuid() != 0)
        return;
    if (fstatat(parent, name, &old, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(old.st_mode)) {
        if (fstat(parent, &old) < 0)
            return;
    }
    if (old.st_uid != 0 || old.st_gid != 0)
        (void)fchownat(from, staged, old.st_uid, old.st_gid, AT_SYMLINK_NOFOLLOW);
}

static bool put_file(const struct change_place *place, struct change *change, int parent, const char *name)
{
    char staged[CHANGE_STAGED_NAME];
    int from = paths_open_directory(place->root, change->path, change->place, false);
    if (from < 0)
        return false;
    change_name_stage(place, change->stage, staged);
    set_owner(from, staged, parent, name);
    /* After the owner, whose change takes bits away. */
    bool done = fchmodat(from, staged, change->mode, 0) == 0 && put(from, staged, parent, name);
    int error = errno;
    (void)close(from); /* only looked up in */
    errno = error;
    if (done)
        change->stage = 0;
    return done;
}

static bool put_link(struct change_place *place, const struct change *change, int parent, const char *name)
{
    char staged[CHANGE_STAGED_NAME];
    change_name_stage(place, ++place->last_stage, staged);
    if (symlinkat(change->target, parent, staged) < 0)
        return false;
    paths_inherit_owner(parent, staged);
    if (put(parent, staged, parent, name))
        return true;
    int error = errno;
    (void)unlinkat(parent, staged, 0);
    errno = error;
    return false;
}

/* One that is closed to its owner is closed last: what is in it comes after it. */
static bool put_directory(const struct change *change, int parent, const char *name)
{
    struct stat found;
    uint32_t mode = change->mode | S_IRWXU;
    bool there = fstatat(parent, name, &found, AT_SYMLINK_NOFOLLOW) == 0;
    if (there && !S_ISDIR(found.st_mode)) {
        if (unlinkat(parent, name, 0) < 0)
            return false;
        there = false;
    }
    if (!there) {
        if (mkdirat(parent, name, S_IRWXU) < 0)
            return false;
        paths_inherit_owner(parent, name);
    } else if ((found.st_mode & MODES) == change->mode && change->mode == mode) {
        return true; /* which may be another's */
    }
    return fchmodat(parent, name, mode, 0) == 0;
}

static bool set_mode(const struct change *change, int parent, const char *name)
{
    struct stat found;
    if (fstatat(parent, name, &found, AT_SYMLINK_NOFOLLOW) < 0)
        return false;
    return S_ISLNK(found.st_mode) || (found.st_mode & MODES) == change->mode ||
           fchmodat(parent, name, change->mode, 0) == 0;
}

static bool make(struct change_place *place, struct change *change, int parent, const char *name)
{
    switch (change->kind) {
    case CHANGE_FILE:
        return put_file(place, change, parent, name);
    case CHANGE_LINK:
        return put_link(place, change, parent, name);
    case CHANGE_DIRECTORY:
        return put_directory(change, parent, name);
    case CHANGE_REMOVE:
        return paths_remove(parent, name);
    default:
        return set_mode(change, parent, name);
    }
}

static bool is_closed(const struct change *change)
{
    return change->kind == CHANGE_DIRECTORY && (change->mode & S_IRWXU) != S_IRWXU;
}

/* One that a later change took away is not there any more. */
bool change_close(const struct change_place *place, const struct change *change)
{
    struct stat found;
    const char *name;
    if (!is_closed(change))
        return true;
    int parent = paths_open_parent(place->root, change->path, false, &name);
    bool closed = parent < 0 || fstatat(parent, name, &found, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(found.st_mode) ||
                  fchmodat(parent, name, change->mode, 0) == 0;
    int error = errno;
    if (parent >= 0)
        (void)close(parent); /* only looked up in */
    errno = error;
    return closed;
}

bool change_make(struct change_place *place, struct change *change)
{
    const char *name;
    bool makes = change->kind != CHANGE_REMOVE && change->kind != CHANGE_MODE;
    int parent = paths_open_parent(place->root, change->path, makes, &name);
    if (parent < 0)
        /* What is not below a directory that is there is not there. */
        return change->kind == CHANGE_REMOVE && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP);
    bool made = make(place, change, parent, name);
    int error = errno;
    (void)close(parent); /* only looked up in */
    errno = error;
    return made;
}

void change_unstage(const struct change_place *place, const struct change *change)
{
    char staged[CHANGE_STAGED_NAME];
    int from = paths_open_directory(place->root, change->path, change->place, false);
    if (from < 0)
        return;
    change_name_stage(place, change->stage, staged);
    (void)unlinkat(from, staged, 0);
    (void)close(from); /* only looked up in */
}
